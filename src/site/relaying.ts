/**
 * The relay of a site, on what the site has: its KME for pads, its sessions for wraps.
 *
 * Pads are keys of the links to neighbours, made and fetched by the same rules as any application's,
 * and may go below what applications must leave. The secret of a wrap is exported from a session
 * without a QKD key: it is there for the day on which the pads are known.
 *
 * @module
 */

import { linkId, saeId, siteId, type SiteId } from '#base'
import type { AuditLog } from '#audit'
import type { DualVerifier } from '#crypto'
import type { Keystore, KeystoreLink } from '#keystore'
import type { KeySupply, Kme } from '#kme'
import {
  openNetwork,
  Relay,
  relayLinkName,
  type Network,
  type PadSupply,
  type RelayPair,
} from '#relay'
import type { Alarms } from './alarms.ts'
import { Compromise } from './compromise.ts'
import { siteSae, type SiteConfiguration } from './config.ts'
import type { Declarations } from './declarations.ts'
import type { Steering } from './etsi-015/steering.ts'
import type { KeyMemory } from './key-memory.ts'
import { NetworkMap, type MappedLink } from './network-map.ts'
import type { Peers } from './peers.ts'
import type { Records } from './records.ts'
import { sessionSecrets } from './session-secrets.ts'
import type { Sessions } from './sessions.ts'
import type { SiteOptions } from './site.ts'

/** The distant sites with which this one shares relayed keys. */
export const relayPairsOf = ({ site, relays }: SiteConfiguration): readonly RelayPair[] =>
  relays.map(({ peer, ...how }) => ({
    ...{ ...how, peer: siteId(peer) },
    outward: linkId(relayLinkName(site, peer)),
    inward: linkId(relayLinkName(peer, site)),
  }))

/** All sites and links that were planned; none where no network is configured. */
export const plannedNetwork = ({ network }: SiteConfiguration): Network =>
  openNetwork({
    nodes: (network?.nodes ?? []).map((node) => ({ ...node, site: siteId(node.site) })),
    links: (network?.links ?? []).map(({ link, a, b }) => ({
      ...{ link: linkId(link), a: siteId(a), b: siteId(b) },
    })),
  })

/** The links of the key store in which relayed blocks are kept: one for each direction of a pair. */
export const relayLinksOf = (site: SiteId, pairs: readonly RelayPair[]): readonly KeystoreLink[] =>
  pairs.flatMap(({ peer, outward, inward }) => [
    { link: outward, peer, transmitter: site, receiver: peer, reserveOctets: 0 },
    { link: inward, peer, transmitter: peer, receiver: site, reserveOctets: 0 },
  ])

/** Pads that this site shares with its neighbours. */
export function padsFrom(supply: KeySupply): PadSupply {
  const saeOf = (neighbour: SiteId) => saeId(siteSae(neighbour))
  return {
    make: (neighbour, octets) => supply.getKey({ slave: saeOf(neighbour), sizeBits: octets * 8 }),
    fetch: (neighbour, pad) => supply.getKeyWithId({ master: saeOf(neighbour), keyId: pad }),
  }
}

/** The relay of a site and the network it goes by, wired to its peers; and who is declared. */
export async function newRelaying(
  { configuration, ports, material }: SiteOptions,
  parts: {
    readonly audit: AuditLog
    readonly alarms: Alarms
    readonly keystore: Keystore
    readonly kme: Kme
    readonly sessions: Sessions
    readonly peers: Peers
    readonly links: readonly MappedLink[]
    readonly steering: Steering
    readonly declarations: Declarations
    readonly memory: KeyMemory
    readonly records: Records | undefined
    readonly keysOf: (site: SiteId) => DualVerifier | undefined
  },
): Promise<{
  readonly map: NetworkMap
  readonly relay: Relay
  readonly compromise: Compromise
}> {
  const { audit, keystore, kme, sessions, peers, alarms, links, keysOf } = parts
  const { declarations, steering } = parts
  const { store, clock, random, log } = ports
  const site = siteId(configuration.site)
  const map = await NetworkMap.open({
    ...{ site, links, keystore, store, clock, log, alarms, peers, keysOf },
    network: plannedNetwork(configuration),
    signer: material.keys.statement,
    preferenceFor: (peer) => steering.preferenceFor(peer),
    ...{ declarations, lastPath: configuration.lastPath },
    watched: [site, ...configuration.peers.map((peer) => siteId(peer.site))],
  })
  const relay = new Relay({
    ...{ site, keystore, clock, random, log, audit },
    accepts: (origin) => declarations.accepts(origin),
    pairs: relayPairsOf(configuration),
    pads: padsFrom(kme.supplyFor(saeId(siteSae(configuration.site)))),
    wraps: sessionSecrets(sessions, 'relay-wrap'),
    ways: (pair, octets) => map.ways(pair, octets),
    ask: (peer, method, payload, timeoutMs) => peers.request(peer, method, payload, timeoutMs),
    onHopFailed: (from, to) => map.hopFailed(from, to),
  })
  for (const [method, handler] of Object.entries(relay.handlers)) peers.serve(method, handler)
  const sites = configuration.peers.map((peer) => siteId(peer.site))
  const compromise = new Compromise({ ...parts, site, map, configuration, log, sites })
  return { map, relay, compromise }
}
