/**
 * The key service of a site: its KME, wired to the peers and to the configuration.
 *
 * @module
 */

import { kmeId, saeId, siteId, type Ports, type SaeId, type SiteId } from '#base'
import type { AuditLog } from '#audit'
import type { BorrowedKeys, Keystore } from '#keystore'
import {
  Branch,
  createKme,
  fixedDirectory,
  ownSaes,
  Partners,
  SaePolicies,
  Shares,
  type Kme,
  type PartnersOptions,
  type PartnerTransport,
  type SaeDirectory,
  type SaePolicy,
} from '#kme'
import { isDaemonSae, siteSae, type SiteConfiguration } from './config.ts'
import type { Usage } from './etsi-015/usage.ts'
import type { Peers } from './peers.ts'

/** The way to the KMEs of other operators. */
export interface PartnerAccess {
  readonly transport: PartnerTransport
  /** SHA-256 of the certificates that one of them may show. */
  readonly certificatesOf: (partner: string) => readonly string[]
}

/** What the KME of a site is made from. */
export interface KeyServiceInput {
  readonly configuration: SiteConfiguration
  readonly ports: Pick<Ports, 'clock' | 'random' | 'log' | 'store'>
  readonly audit: AuditLog
  readonly keystore: Keystore
  /** Without it, keys are shared with no other operator. */
  readonly partners?: PartnerAccess | undefined
  readonly peers: Peers
  /** Bits a second that come to this site's half of the pool with a peer. */
  readonly growthBps: (peer: SiteId) => number
  readonly usage: Usage
}

/** The KME of a site, which answers its peers from now on. */
export async function newKme(input: KeyServiceInput): Promise<Kme> {
  const { configuration, ports, keystore, peers, growthBps, usage } = input
  const { clock, random, log } = ports
  const site = siteId(configuration.site)
  const { own, shares, callers, directory, inside } = frontOf(configuration, clock)
  const ask = asking(peers)
  const kme = createKme({
    ...{ site, shares, keystore, clock, random, log, growthBps },
    limitRate: shares.request,
    policies: new SaePolicies(clock, own),
    callers,
    dialect: configuration.etsi014Dialect,
    ...{ inside, directory },
    ...(input.partners === undefined
      ? {}
      : { partners: await Partners.open(partnersOf(input, ownSaes(directory, site, inside))) }),
    kme: kmeId(configuration.kme),
    onMade: ({ master, slave, additionalSlaves, number, sizeBits }) =>
      usage.note({
        ...{ server: master, clients: [slave, ...additionalSlaves], bits: number * sizeBits },
        remote: directory.siteOf(slave) ?? site,
        isInternal: isDaemonSae(master),
      }),
    peer: { activate: ask(ACTIVATE), void: ask(VOID), stream: ask(STREAM) },
  })
  peers.serve(ACTIVATE, (from, octets) => kme.acceptActivations(from, octets))
  peers.serve(VOID, (from, octets) => kme.acceptWithdrawals(from, octets))
  peers.serve(STREAM, (from, octets) => kme.acceptStream(from, octets))
  return kme
}

/** What makes keys of borrowed bits for the applications of a daemon that follows. */
export interface BranchInput {
  readonly configuration: SiteConfiguration
  readonly ports: Pick<Ports, 'clock' | 'log'>
  readonly keys: BorrowedKeys
  readonly peers: Peers
  /** Bits of a pool, as the daemon that leads last told. */
  readonly availableBits: (peer: SiteId) => number
}

/** The KME of a daemon that follows, for what it can answer by itself. */
export function newBranch({
  configuration,
  ports,
  keys,
  peers,
  availableBits,
}: BranchInput): Branch {
  const { clock, log } = ports
  const { own, shares, callers, directory, inside } = frontOf(configuration, clock)
  return new Branch({
    ...{ keys, availableBits, directory, callers, shares, log },
    site: siteId(configuration.site),
    peers: new Set(configuration.peers.map((peer) => siteId(peer.site))),
    activate: asking(peers)(ACTIVATE),
    elsewhere: new Set([...own.keys(), ...inside]),
    dialect: configuration.etsi014Dialect,
  })
}

/** Who may call, under which rules, and whom they may name. */
function frontOf(configuration: SiteConfiguration, clock: Ports['clock']) {
  const { site, saeShare, saeRequestsPerSecond, saeFields: fields, saePolicies } = configuration
  const own = new Map(saePolicies.map((one) => [saeId(one.sae), policyOf(one)]))
  const requestsPerSecondOf = (sae: SaeId) => own.get(sae)?.requestsPerSecond
  const requestsPerSecond = saeRequestsPerSecond
  const serials = saePolicies.flatMap(({ sae, serial }) =>
    serial === undefined ? [] : [[serial, saeId(sae)] as const],
  )
  return {
    own,
    shares: new Shares(clock, { saeShare, requestsPerSecond, requestsPerSecondOf }),
    callers: { fields, serials: Object.fromEntries(serials) },
    directory: directoryOf(configuration),
    inside: [site, ...configuration.peers.map((peer) => peer.site)].map((one) =>
      saeId(siteSae(one)),
    ),
  }
}

const asking =
  (peers: Peers) =>
  (method: string) =>
  (peer: SiteId, octets: Uint8Array): Promise<Uint8Array> =>
    peers.request(peer, method, octets, KME_TIMEOUT_MS)

function policyOf({
  peers,
  requestsPerSecond,
  bitsPerHour,
  leastSource,
  emergency,
}: SiteConfiguration['saePolicies'][number]): SaePolicy {
  return {
    ...(peers === undefined ? {} : { peers: peers.map(saeId) }),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
    ...(bitsPerHour === undefined ? {} : { bitsPerHour }),
    ...(leastSource === undefined ? {} : { leastSource }),
    ...(emergency === undefined ? {} : { emergency }),
  }
}

/** Other operators, as configured, each with his own rate. */
function partnersOf(
  { configuration, ports, audit, keystore, partners: access }: KeyServiceInput,
  isOwn: PartnersOptions['isOwn'],
): PartnersOptions {
  const { site, partners } = configuration
  const rates = new Map(partners.map((one) => [saeId(one.name), one.requestsPerSecond]))
  const requests = new Shares(ports.clock, {
    // No rate of all: each has his own.
    ...{ saeShare: 1, requestsPerSecond: Number.MAX_SAFE_INTEGER },
    requestsPerSecondOf: (name) => rates.get(name),
  })
  return {
    ...{ ...ports, site: siteId(site), audit, keystore, isOwn },
    limitRate: (partner) => requests.request(saeId(partner)),
    transport: access?.transport ?? { send: () => Promise.reject(new Error('No way out')) },
    partners: partners.map(({ name, url, saes, callback }) => ({
      ...{ name: siteId(name), url, saes: saes.map(saeId) },
      certificates: access?.certificatesOf(name) ?? [],
      callback: callback && `${callback}/kmapi/v1/ext_keys/ack`,
    })),
  }
}

/**
 * Applications of this site and its peers, and the daemon of each as an application of its own; those
 * of a partner are at a site of his name.
 */
function directoryOf({ site, kme, peers, saes, partners }: SiteConfiguration): SaeDirectory {
  const kmes = [{ site, kme }, ...peers]
  const daemons = kmes.map((one) => ({ sae: siteSae(one.site), site: one.site }))
  const foreign = partners.flatMap((one) => one.saes.map((sae) => ({ sae, site: one.name })))
  return fixedDirectory({
    saes: [...foreign, ...saes, ...daemons].map((one) => ({
      sae: saeId(one.sae),
      site: siteId(one.site),
    })),
    kmes: kmes.map((one) => ({ kme: kmeId(one.kme), site: siteId(one.site) })),
  })
}

const ACTIVATE = 'kme/activate'
const VOID = 'kme/void'
const STREAM = 'kme/stream'
/** How long the KME of another site is waited for. */
const KME_TIMEOUT_MS = 5000
