/**
 * One hospital site: all rooms wired behind the ports.
 *
 * Opens what the disk and the store hold, answers peers, applications and the operator, and keeps
 * links, log and transfers going until it is stopped. The same code runs over real ports in
 * `gateway` and over simulated ones in `world`.
 *
 * Does not open sockets, read the clock or draw randomness: the ports do.
 *
 * @module
 */

import {
  kmeId,
  Refusal,
  saeId,
  siteId,
  type Cancel,
  type EpochMs,
  type HttpHandler,
  type Ports,
  type SecretBytes,
  type SiteId,
} from '#base'
import type { PolicySources } from '#access'
import { AuditLog, cosignerNameOf, newWitness, verifyLog, type LogKeys } from '#audit'
import type { Handlers, SettingsView, SiteRoutes } from '#contract'
import type { Exchange } from '#exchange'
import { openKeystore, type Keystore } from '#keystore'
import { partnerLink, type Kme, type StreamCall, type StreamFrame } from '#kme'
import { cosignerVerifierOf, logVerifierOf, type SiteStatement } from '#pki'
import type { Relay } from '#relay'
import type { Party, ProtectionPolicy } from '#session'
import { adminHandlers } from './admin.ts'
import { Alarms } from './alarms.ts'
import type { Compromise } from './compromise.ts'
import { parametersOf, siteSae, type SiteConfiguration } from './config.ts'
import { courierKeystoreLinks } from './courier.ts'
import { COURIER_METHOD, Couriers } from './couriers.ts'
import { Declarations } from './declarations.ts'
import { Followers } from './following.ts'
import { KeyMemory } from './key-memory.ts'
import type { Control } from './etsi-015/control.ts'
import type { ControlAnswer, ControlRequest } from './etsi-015/restconf.ts'
import { type Steering } from './etsi-015/steering.ts'
import { Usage } from './etsi-015/usage.ts'
import { newSteered } from './etsi-015/steered.ts'
import type { Devices, LinkCompute } from './link-ports.ts'
import { formerLogOf, rememberStatements, type FormerStatement } from './known-sites.ts'
import type { LinkRunner } from './link-runner.ts'
import { newLinks } from './links.ts'
import { LogKeeper } from './log-keeper.ts'
import type { Material } from './material.ts'
import { serveClock } from './peer-clock.ts'
import { Peers } from './peers.ts'
import { PreShared } from './pre-shared-store.ts'
import { type NetworkMap } from './network-map.ts'
import { policyOf } from './policy.ts'
import type { Records, RecordsInput } from './records.ts'
import { authorizingOf, type Authorizing } from './authorizing.ts'
import type { Holder } from './people.ts'
import { SiemKeeper, type SiemWay } from './siem-keeper.ts'
import { SignedInPeople } from './signed-in.ts'
import { relayLinksOf, relayPairsOf } from './relaying.ts'
import { kmeKeystoreLinks, newKmeLinks, type VendorKmes } from './kme-links.ts'
import type { KmeLink } from './kme-link.ts'
import { DownWatch } from './down-watch.ts'
import { keyFor, type RootKey } from './root-key/root-key.ts'
import type { Unsealed } from './root-key/unsealing.ts'
import { newKme, type PartnerAccess } from './key-service.ts'
import { noteOwnPolicy, Sessions } from './sessions.ts'

export interface SiteOptions {
  readonly configuration: SiteConfiguration
  readonly ports: Ports
  readonly devices: Devices
  readonly compute: LinkCompute
  /** Connections to vendors' KMEs; left out, none answers. */
  readonly vendorKmes?: VendorKmes
  /** Tells endpoints of subscriptions, by HTTPS; left out, none answers. */
  /** The way to a SIEM, where one is configured. */
  readonly siem?: SiemWay | undefined
  readonly knock?: (url: string, headers: Readonly<Record<string, string>>) => Promise<number>
  readonly material: Material
  /** The way to other operators, where some are configured. */
  readonly partners?: PartnerAccess | undefined
  /** Stays the caller's. */
  readonly root: RootKey
  readonly version: string
  /** Roles and guards of the FHIR server, as text; left out, it permits nothing. */
  readonly policies?: PolicySources
  /** What the operator is told of store, folder and listeners. */
  readonly surroundings: () => Surroundings
  /** How it is configured; left out where a site has no file of its own. */
  readonly settings?: (() => SettingsView) | undefined
  /** Asked to end the process in good order. */
  readonly onStop: () => void
  /** Asked to forget the root key; left out where the host cannot. */
  readonly onSeal?: (() => void) | undefined
  /** How the root key was given, where people gave it while the site was sealed. */
  readonly unsealed?: Readonly<Pick<Unsealed, 'form' | 'refused'>> | undefined
  /** A one-time link to the console, perhaps for somebody; left out where there is none. */
  readonly newConsoleLink?: (holder?: Holder) => string | undefined
}

export interface Surroundings {
  readonly folder: string
  readonly engine: string
  readonly listeners: readonly { readonly name: string; readonly address: string }[]
}

/** All parts of a running site, for those who show or drive it. */
export interface SiteParts {
  readonly options: SiteOptions
  readonly site: SiteId
  readonly startedAt: EpochMs
  readonly audit: AuditLog
  readonly logKeys: LogKeys
  readonly alarms: Alarms
  readonly peers: Peers
  readonly keeper: LogKeeper
  readonly keystore: Keystore
  readonly kme: Kme
  /** None at a trusted node. */
  readonly records: Records | undefined
  readonly links: readonly LinkRunner[]
  readonly kmeLinks: readonly KmeLink[]
  readonly couriers: Couriers
  readonly preShared: PreShared
  readonly sessions: Sessions
  readonly map: NetworkMap
  readonly relay: Relay
  readonly steering: Steering
  readonly control: Control
  readonly memory: KeyMemory
  readonly declarations: Declarations
  readonly compromise: Compromise
}

export class Site {
  readonly parts: SiteParts
  readonly admin: Handlers<SiteRoutes>
  /** For people who sign in at the console; none at a trusted node. */
  readonly people: SignedInPeople | undefined
  /** For the authorization server that apps of people ask; none where no tokens are issued. */
  readonly authorizing: Authorizing | undefined
  /** ETSI GS QKD 014, for the north listener. */
  readonly north: HttpHandler
  /** FHIR R4, for its listener; none at a trusted node. */
  readonly fhir: Records['fhir'] | undefined
  /** ETSI GS QKD 020, for its listener. */
  readonly partners: HttpHandler
  /** ETSI GS QKD 004, for its listener. */
  readonly streams: (call: StreamCall) => Promise<StreamFrame>
  /** ETSI GS QKD 015 over RESTCONF, for its listener. */
  readonly restconf: (request: ControlRequest) => Promise<ControlAnswer>
  /** Answers the other daemons of this site, where it has some. */
  readonly #followers: Followers | undefined
  readonly #downWatch: DownWatch
  readonly #siem: SiemKeeper | undefined
  #tending: Cancel | undefined
  #stopped = false

  constructor(parts: SiteParts) {
    this.parts = parts
    this.#siem = siemKeeperOf(parts)
    this.admin = adminHandlers(parts)
    this.people = parts.records && new SignedInPeople(parts)
    this.authorizing = authorizingOf(parts, this.people)
    this.north = (request) => parts.kme.handle(request)
    const { configuration, ports } = parts.options
    const { alarms, links, kmeLinks } = parts
    const patienceMs = configuration.linkDownMs
    this.#downWatch = new DownWatch({
      ...ports,
      alarms,
      links: [...links, ...kmeLinks],
      patienceMs,
    })
    this.fhir = parts.records?.fhir
    this.partners = (request) => parts.kme.handlePartner(request)
    this.streams = (call) => parts.kme.stream(call)
    this.restconf = (request) => parts.control.handle(request)
    if (configuration.daemons.length > 0) {
      const { north, streams } = this
      const { keystore } = parts
      this.#followers = new Followers(parts.site, ports, { north, streams, keystore })
    }
  }

  /**
   * Begins to serve.
   *
   * @throws LogRefusal if a witness has seen more of the log than this site has
   */
  async start(): Promise<void> {
    const { peers, keeper, links, kmeLinks, couriers, map, relay, records } = this.parts
    const { audit, site, startedAt, options } = this.parts
    peers.start()
    this.#followers?.start()
    await keeper.compare()
    const { version, configuration } = options
    const facts = { version, profile: configuration.profile, role: configuration.role }
    await audit.record({ kind: 'site.started', at: startedAt, actor: site, facts })
    const { unsealed } = options
    if (unsealed !== undefined) {
      const { form, refused } = unsealed
      const at = options.ports.clock.now()
      await audit.record({ kind: 'site.unsealed', at, actor: site, facts: { form, refused } })
    }
    keeper.start()
    await this.parts.compromise.resume()
    for (const link of [...links, ...kmeLinks]) link.start()
    this.#downWatch.start()
    couriers.start()
    map.start()
    relay.start()
    this.parts.control.start()
    records?.exchange.start()
    records?.scrub.start()
    records?.glassWatch.start()
    this.#siem?.start()
    await records?.ready
    this.#tend()
  }

  /** Ends everything in good order: no key half given, no transfer half noted. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    const { peers, keeper, links, kmeLinks, records, audit, site, sessions } = this.parts
    const { kme, keystore, preShared, couriers, map, relay } = this.parts
    this.#tending?.()
    this.parts.control.stop()
    records?.fhir.close()
    await records?.exchange.stop()
    await records?.scrub.stop()
    await records?.glassWatch.stop()
    await this.#siem?.stop()
    map.stop()
    await relay.stop()
    await couriers.stop()
    this.#downWatch.stop()
    for (const link of [...links, ...kmeLinks]) await link.stop()
    await kme.giveBack()
    const at = this.parts.options.ports.clock.now()
    // Not "stopped", which is a FHIR text: none may be found on a disk.
    await audit.record({ kind: 'site.ended', at, actor: site, facts: {} })
    await keeper.stop()
    sessions.stop()
    this.#followers?.stop()
    peers.stop()
    kme.close()
    await keystore.close()
    records?.vault[Symbol.dispose]()
    records?.desk.close()
    preShared[Symbol.dispose]()
  }

  /** The regular small work of key store and KME. */
  #tend(): void {
    const { options, keystore, kme } = this.parts
    const { clock, log } = options.ports
    this.#tending = clock.after(TEND_MS, () => {
      void (async () => {
        try {
          await kme.tend()
          await keystore.tend()
          await this.#followers?.tend()
          for (const peer of keystore.peers) {
            if (keystore.pool(peer).pendingVoids > 0) await kme.sendVoids(peer)
          }
        } catch (error) {
          const code = error instanceof Refusal ? (error as Refusal).code : 'INTERNAL'
          log.write('warning', 'keys.tending-failed', { code })
        }
        if (!this.#stopped) this.#tend()
      })()
    })
  }
}

/** Opens a site; nothing is served before `start`. */
export async function openSite(options: SiteOptions): Promise<Site> {
  const { configuration, ports, material, root } = options
  const { clock, store, random, log, network, disk } = ports
  const site = siteId(configuration.site)
  const signer = { ...material.keys.audit, name: configuration.logOrigin }
  const audit = await AuditLog.open({ site, store, clock, signer })
  const alarms = await Alarms.open({ site, store, clock, random, audit, log })
  const peerIds = configuration.peers.map((peer) => siteId(peer.site))
  const peers = new Peers({ network, clock, log, peers: peerIds })
  serveClock(peers, clock)
  const known = knownSites(material)
  const former = await rememberStatements({ site, store, random, log, root }, [...known.values()])
  const policy = policyOf(configuration, material.keys.statement)
  await noteOwnPolicy({ site, store }, policy)
  const keeper = newKeeper(options, { audit, alarms, peers, known })
  using wrappingRoot = keyFor(root, 'keystore')
  // A key store may find at its opening that keys have gone: nobody waits for them yet.
  const waiting: Waiting = {}
  const wake = (): void => {
    waiting.exchange?.keysCame()
    waiting.relay?.kick()
    for (const link of waiting.kmeLinks ?? []) link.kick()
  }
  const keystore = await openStoreOfKeys(options, { audit, alarms, wrappingRoot, wake })
  const links: LinkRunner[] = []
  const growthBps = (peer: SiteId): number =>
    growthOf([...links, ...(waiting.kmeLinks ?? [])], peer)
  const usage = new Usage(clock)
  const kme = await newKme({ ...options, audit, keystore, peers, growthBps, usage })
  const memory = new KeyMemory({ site, store, clock })
  const declarations = await Declarations.open({ site, store, clock, audit })
  const sessions = newSessions(options, { kme, alarms, peers, known, policy, memory })
  const about = { audit, alarms, sessions, peers, known, former }
  const records = await recordsOf(options, about)
  waiting.exchange = records?.exchange
  const preShared = new PreShared({ site, store, disk, clock, audit, root })
  const forLinks = { peers, audit, alarms, keystore, sessions, preShared, waiting }
  links.push(...(await newLinks(options, forLinks)))
  const kmeLinks = await newKmeLinks(options, { audit, alarms, keystore, peers, sessions })
  const couriers = newCouriers(options, { keystore, peers })
  const steered = await newSteered(options, {
    ...{ audit, alarms, keystore, kme, sessions, peers, usage, waiting, records },
    ...{ memory, declarations, links: [...links, ...kmeLinks] },
    keysOf: (of) => known.get(of)?.statement,
  })
  const logKeys = logKeysOf(material, former)
  return new Site({
    startedAt: clock.now(),
    ...{ options, site, audit, logKeys, alarms, peers, keeper, keystore, kme },
    ...{ records, links, kmeLinks, couriers, preShared, sessions, memory },
    ...{ declarations, ...steered },
  })
}

/** Sends the log to a SIEM, where there is one. */
function siemKeeperOf(parts: SiteParts): SiemKeeper | undefined {
  const { site, audit, alarms, options } = parts
  const { configuration, ports, version, siem: way } = options
  if (configuration.siem === undefined || way === undefined) return undefined
  const about = { site, version, format: configuration.siem.format }
  return new SiemKeeper({ ...ports, site, audit, alarms, about, way })
}

/** What a hospital keeps; the code of it is not even loaded at a trusted node. */
async function recordsOf(options: SiteOptions, parts: RecordsInput): Promise<Records | undefined> {
  if (options.configuration.role === 'trusted-node') return undefined
  const { openRecords } = await import('./records.ts')
  return openRecords(options, parts)
}

/** Verifies the log alone: for a site that does not open because of it. */
export function verifyLogOf(
  options: Pick<SiteOptions, 'configuration' | 'material'>,
  store: Ports['store'],
): ReturnType<typeof verifyLog> {
  const { configuration, material } = options
  const source = { site: siteId(configuration.site), store }
  return verifyLog(source, logKeysOf(material, [...knownSites(material).values()]))
}

type Known = ReadonlyMap<SiteId, SiteStatement>

/** This site and its peers, by their statements. */
const knownSites = ({ own, peers }: Material): Known =>
  new Map([own, ...peers].map((statement) => [statement.site, statement]))

function newKeeper(
  { configuration, ports, material }: SiteOptions,
  parts: { audit: AuditLog; alarms: Alarms; peers: Peers; known: Known },
): LogKeeper {
  const { audit, alarms, peers, known } = parts
  const { store, clock, log } = ports
  const logs = new Map([...known.values()].map((one) => [one.audit.origin, logVerifierOf(one)]))
  const name = cosignerNameOf(configuration.logOrigin)
  const witness = newWitness({
    site: siteId(configuration.site),
    store,
    clock,
    signer: { ...material.keys.audit, name },
    logOf: (origin) => logs.get(origin),
  })
  const witnesses = material.peers.map((peer) => ({
    site: peer.site,
    verifier: cosignerVerifierOf(peer),
  }))
  const cadenceMs = configuration.checkpointMs
  return new LogKeeper({
    ...{ log: audit, witness, witnesses, peers, clock, alarms, cadenceMs },
    operatorLog: log,
  })
}

function openStoreOfKeys(
  { configuration, ports }: SiteOptions,
  parts: { audit: AuditLog; alarms: Alarms; wrappingRoot: SecretBytes; wake: () => void },
): Promise<Keystore> {
  const { store, disk, clock, random, log } = ports
  const { audit, alarms, wrappingRoot, wake } = parts
  const { site } = configuration
  return openKeystore({
    ...{ store, disk, clock, random, audit, wrappingRoot },
    site: siteId(site),
    links: [
      ...configuration.links.map((one) => {
        const { link, transmitter, receiver, reserveOctets } = parametersOf(site, one)
        return { link, transmitter, receiver, reserveOctets, peer: siteId(one.peer) }
      }),
      ...relayLinksOf(siteId(site), relayPairsOf(configuration)),
      ...kmeKeystoreLinks(configuration),
      ...courierKeystoreLinks(configuration),
      ...configuration.partners.map(({ name }) => partnerLink(siteId(site), siteId(name))),
    ],
    limits: {
      criticalBits: configuration.reserveBits,
      emergencyBits: configuration.emergencyBits,
    },
    onChange: wake,
    onAlarm: ({ kind, link, message }) => {
      // The link's own alarm says why its keys wait.
      if (kind === 'link-quarantined') return
      const cause = { kind: `keys.${kind}`, severity: 'warning', subject: link, message } as const
      alarms.raise(cause).catch(() => log.write('error', 'alarm.not-stored', { kind }))
    },
  })
}

function newSessions(
  { configuration, ports, material }: SiteOptions,
  parts: Pick<SiteParts, 'kme' | 'alarms' | 'peers' | 'memory'> & {
    readonly known: Known
    readonly policy: ProtectionPolicy
  },
): Sessions {
  const { kme, alarms, peers, known, policy, memory } = parts
  const { store, clock, random, log } = ports
  const { keys } = material
  const partyOf = (site: SiteId): Party | undefined => {
    const statement = known.get(site)
    return statement && { site, sae: saeId(siteSae(site)), kme: statement.kme }
  }
  const self = { site: siteId(configuration.site), kme: kmeId(configuration.kme) }
  const sae = saeId(siteSae(configuration.site))
  return new Sessions({
    ...{ store, clock, random, log, alarms, peers, partyOf, policy },
    self: { ...self, sae },
    supply: memory.remembering(kme.supplyFor(sae)),
    signer: keys.statement,
    keysOf: (site) => known.get(site)?.statement,
  })
}

/** Bits a second that come to this site's half of the pool with a peer: half of what is made. */
const growthOf = (links: readonly Pick<LinkRunner, 'peer' | 'view'>[], peer: SiteId): number =>
  links
    .filter((link) => link.peer === peer)
    .reduce((sum, link) => sum + link.view().secretBitsPerSecond / 2, 0)

const newCouriers = (
  { configuration, ports, root }: SiteOptions,
  { keystore, peers }: Pick<SiteParts, 'keystore' | 'peers'>,
): Couriers =>
  new Couriers(
    {
      ...{ ...ports, keystore, root, site: siteId(configuration.site) },
      peers: configuration.couriers.map(({ peer }) => siteId(peer)),
      ask: (peer, payload) => peers.request(peer, COURIER_METHOD, payload),
    },
    peers,
  )

/** What comes to be after those that need it. */
interface Waiting {
  exchange?: Exchange | undefined
  relay?: Relay
  map?: NetworkMap
  kmeLinks?: readonly KmeLink[]
}

function logKeysOf({ own, peers }: Material, former: readonly FormerStatement[]): LogKeys {
  return {
    log: logVerifierOf(own),
    witnesses: peers.map(cosignerVerifierOf),
    logOf: (origin) => formerLogOf(former, origin),
  }
}

const TEND_MS = 1000
