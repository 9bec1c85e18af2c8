/**
 * The control interface of a site: what a controller sees, may change and is told.
 *
 * @see ETSI GS QKD 015 V2.1.1; docs/reference/etsi-015.md
 * @module
 */

import { logFacts, siteId, type Cancel, type LinkId, type Ports, type SiteId } from '#base'
import { namedLink, pathOf } from '#optics'
import type { Keystore } from '#keystore'
import type { Network, Relay } from '#relay'
import type { Alarms } from '../alarms.ts'
import type { SiteConfiguration } from '../config.ts'
import type { LinkRunner } from '../link-runner.ts'
import type { MappedLink } from '../network-map.ts'
import { peerSubject, type EditScene } from './edits.ts'
import { Events } from './events.ts'
import type { AlarmFacts, NodeFacts, PairFacts, QkdLinkFacts } from './facts.ts'
import { firstLook, noticesOf, type Told } from './notices.ts'
import { answer, type ControlAnswer, type ControlRequest, type RestconfInput } from './restconf.ts'
import type { Steering } from './steering.ts'
import type { Usage } from './usage.ts'

export interface ControlInput {
  readonly configuration: SiteConfiguration
  readonly version: string
  readonly ports: Pick<Ports, 'clock' | 'log'>
  readonly keystore: Keystore
  readonly alarms: Alarms
  /** In the order of the configuration, those of vendors last. */
  readonly links: readonly (MappedLink & Pick<LinkRunner, 'role'>)[]
  readonly relay: Relay
  readonly network: Network
  readonly steering: Steering
  readonly usage: Usage
}

/** What was relayed to a site until a moment. */
interface RelayedMark {
  readonly atMs: number
  readonly octets: number
}

export class Control {
  readonly #input: ControlInput
  readonly #events: Events
  readonly #restconf: RestconfInput
  readonly #relayed = new Map<SiteId, readonly RelayedMark[]>()
  #told: Told | undefined
  #timer: Cancel | undefined
  #stopped = false

  constructor(input: ControlInput) {
    const { configuration, ports, steering } = input
    this.#input = input
    this.#events = new Events(ports.clock, ports.clock.now())
    this.#restconf = {
      controllers: new Map(configuration.controllers.map(({ name, may }) => [name, may])),
      surroundings: () => this.#scene(),
      events: this.#events,
      log: ports.log,
      steering,
    }
  }

  /** Begins to look for what is worth telling; without a listener nobody would hear it. */
  start(): void {
    if (this.#input.configuration.restconfListener !== undefined) this.#look()
  }

  /** Ends all readers of the stream. */
  stop(): void {
    this.#stopped = true
    this.#timer?.()
    this.#events.close()
  }

  /** Answers one request of a controller. Rejects only with a bug of ours. */
  handle(request: ControlRequest): Promise<ControlAnswer> {
    return answer(this.#restconf, request)
  }

  #look(): void {
    const { clock, log } = this.#input.ports
    try {
      const nowMs = clock.monotonicMs()
      for (const { peer, octets } of this.#input.relay.views()) {
        const marks = [...(this.#relayed.get(peer) ?? []), { atMs: nowMs, octets }]
        this.#relayed.set(peer, marks.slice(-MARKS_KEPT))
      }
      const facts = this.#facts()
      const { told, notices } = noticesOf(this.#told ?? firstLook(facts), facts, nowMs)
      this.#told = told
      for (const notice of notices) this.#events.publish(notice)
    } catch (error) {
      log.write('error', 'control.look-failed', logFacts(error))
    }
    if (!this.#stopped) this.#timer = clock.after(LOOK_MS, () => this.#look())
  }

  #scene(): EditScene {
    const { network, links, configuration } = this.#input
    const own = siteId(configuration.site)
    const joined = new Set([
      ...network.links.flatMap(({ a, b }) => [`${a} ${b}`, `${b} ${a}`]),
      ...links.map(({ peer }) => `${own} ${peer}`),
    ])
    const peers = configuration.peers.map(({ site }) => siteId(site))
    return {
      facts: this.#facts(),
      sites: [...new Set([own, ...peers, ...network.nodes.map(({ site }) => site)])],
      neighbours: (one, other) => joined.has(`${one} ${other}`),
    }
  }

  #facts(): NodeFacts {
    const { configuration, version, network, alarms, steering, usage } = this.#input
    const site = siteId(configuration.site)
    const standing = alarms.standing.map((alarm): AlarmFacts => {
      const { id, kind, subject, message, severity } = alarm
      return { id, kind, subject, message, isCritical: severity === 'critical' }
    })
    const own = network.nodes[network.nodeAt.get(site) ?? -1] as
      Network['nodes'][number] | undefined
    return {
      ...{ federation: configuration.federation, site, version, alarms: standing },
      isSound: !standing.some(({ kind, isCritical }) => isCritical && SITE_ALARM.test(kind)),
      relays: own?.relays ?? false,
      links: this.#links(),
      pairs: this.#pairs(),
      pins: steering.pins,
      applications: usage.applications((sae) => {
        const policy = configuration.saePolicies.find((one) => one.sae === sae)
        return policy?.bitsPerHour === undefined ? undefined : policy.bitsPerHour / 3600
      }),
    }
  }

  #links(): readonly QkdLinkFacts[] {
    const { configuration, keystore, links } = this.#input
    return links.map((runner, index) => {
      const { link, peer, role, enabled } = runner
      const { state, reason, secretBitsPerSecond, qber } = runner.view()
      const pool = keystore.pool(peer).links.find((one) => one.link === link)
      return {
        ...{ link, peer, role, state, reason, secretBitsPerSecond, qber },
        interfaceId: index + 1,
        ...opticsOf(configuration, link),
        isEnabled: enabled,
        storedBits: (pool?.availableBits ?? 0) + (pool?.peerBits ?? 0),
      }
    })
  }

  #pairs(): readonly PairFacts[] {
    const { relay, keystore, steering, configuration } = this.#input
    return relay.views().map(({ peer, state, ways }) => {
      const { availableBits, peerBits } = keystore.pool(peer)
      return {
        ...{ peer, ways, bitsPerSecond: this.#relayedRate(peer) },
        isEnabled: steering.isOn(peerSubject(peer)),
        shares: configuration.relays.find((one) => one.peer === peer)?.shares ?? 1,
        isRelaying: state === 'relaying' || state === 'full',
        storedBits: availableBits + peerBits,
      }
    })
  }

  #relayedRate(peer: SiteId): number {
    const marks = this.#relayed.get(peer) ?? []
    const [first, last] = [marks.at(0), marks.at(-1)]
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0
    return ((last.octets - first.octets) * 8000) / (last.atMs - first.atMs)
  }
}

/** What is known of the devices of a link. */
function opticsOf({ links }: SiteConfiguration, link: LinkId) {
  const own = links.find((one) => one.link === link)
  if (own === undefined)
    return { model: "a vendor's KME", lossDb: undefined, isDiscrete: undefined }
  const { lossDb } = pathOf(namedLink(own.preset).link)
  return { model: `PhotonWard simulated optics/${own.preset}`, lossDb, isDiscrete: true }
}

/** Alarms that doubt the site, not one of its links. */
const SITE_ALARM = /^(?:log|keys|network)\./
const LOOK_MS = 2000
/** A minute of looks. */
const MARKS_KEPT = 31
