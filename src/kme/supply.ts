/**
 * Making keys for a master and fetching them for a slave: what GS QKD 014 means, without HTTP.
 *
 * SAEs outside come here through `kme.ts`, SAEs of the site itself through `KeySupply`; both get
 * the same guarantees. A key leaves only after both key stores hold it durably. If it is not known
 * whether the peer took an activation, the bits are given up and withdrawn, never used again, and
 * no further bits are risked with that peer until it has answered for those.
 *
 * @see ETSI GS QKD 014 V1.1.1 §5.2; GS QKD 020 V1.1.1 (uncertain outcomes)
 * @module
 */

import {
  AssertionFailure,
  PortRefusal,
  Refusal,
  type KeyId,
  type KeySource,
  type Log,
  type SaeId,
  type SecretBytes,
  type SiteId,
} from '#base'
import {
  KeystoreRefusal,
  readActivation,
  type DeliveredKey,
  type Keystore,
  type Provenance,
  type Reservation,
  type KeyUse,
} from '#keystore'
import type { Ahead } from './ahead.ts'
import type { SaeDirectory } from './directory.ts'
import type { Partners } from './etsi-020.ts'
import type { Extensions } from './etsi-020-wire.ts'
import { Activator, type ActivationAnswer, type PeerTransport } from './peering.ts'
import { invalidRequest, KmeRefusal, MESSAGE, type KmeRefusalCode } from './refusal.ts'
import { sendVoids } from './withdrawing.ts'

/** A key and where it comes from. Whoever gets it owns the octets and clears them. */
export interface SuppliedKey {
  readonly keyId: KeyId
  readonly octets: SecretBytes
  readonly provenance: Provenance
}

/** Keys for one SAE of this site, inside the daemon: what enc_keys and dec_keys give outside. */
export interface KeySupply {
  /** The SAE it acts for. */
  readonly sae: SaeId
  /** Where the next such key could come from; none if there is none to be had. */
  sources(request: { readonly slave: SaeId; readonly sizeBits: number }): readonly KeySource[]
  /** Makes a key shared with an SAE of another site. @throws KmeRefusal */
  getKey(request: { readonly slave: SaeId; readonly sizeBits: number }): Promise<SuppliedKey>
  /** Fetches a key that a master of another site has made for this SAE, once. @throws KmeRefusal */
  getKeyWithId(request: { readonly master: SaeId; readonly keyId: KeyId }): Promise<SuppliedKey>
}

/** What making keys needs. */
export interface Supply {
  readonly site: SiteId
  readonly keystore: Keystore
  readonly directory: SaeDirectory
  readonly peer: PeerTransport
  readonly log: Log
  /** How long keys wait to be fetched. */
  readonly lifeMs: number
  readonly activators: Map<SiteId, Activator>
  /** Withdrawals on their way, by peer. */
  readonly voiding: Map<SiteId, Promise<void>>
  /** Keys that were made before they are asked for. */
  readonly ahead: Ahead
  /** Other operators, each as if he were a site. */
  readonly partners: Partners | undefined
  /** Told of keys that were made. Must not throw. */
  readonly onMade?: (request: MakeRequest) => void
}

/** Keys that a master of this site wants. */
export interface MakeRequest {
  readonly master: SaeId
  readonly slave: SaeId
  readonly additionalSlaves: readonly SaeId[]
  readonly number: number
  readonly sizeBits: number
  /** How low it may draw the pool; as any application unless said. */
  readonly use?: KeyUse
  /** For the networks of other operators. */
  readonly extensions?: Extensions
  /** How long the keys wait to be fetched, where not as long as others. */
  readonly lifeMs?: number
  /** Whether keys may be given that were made before they were asked for. */
  readonly ahead?: boolean
}

/**
 * Makes keys: for the slave named, and for the additional ones, wherever they are. All get them, or
 * nobody does: a site that does not take them has them withdrawn everywhere.
 *
 * @throws KmeRefusal
 */
export async function makeKeys(
  supply: Supply,
  request: MakeRequest,
): Promise<readonly DeliveredKey[]> {
  const sites = [...slavesBySite(supply, request)]
  return refusing(supply, async () => {
    const there = await takeAhead(supply, request, sites)
    if (there !== undefined) {
      supply.onMade?.(request)
      return there
    }
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      for (const [peer] of sites) {
        if (supply.keystore.pool(peer).pendingVoids > 0) await sendVoids(supply, peer)
        if (supply.partners?.has(peer) !== true) continue
        await supply.partners.prepare(peer, Math.ceil((request.number * request.sizeBits) / 8))
      }
      const reservations = await reserveAll(supply, request, sites)
      const answers = await Promise.all(reservations.map((one) => activate(supply, one, request)))
      const bad = answers.findIndex((answer) => answer !== undefined)
      const [first, ...carriers] = reservations
      if (bad < 0) {
        const keys = await supply.keystore.issue(first, carriers)
        supply.onMade?.(request)
        return keys
      }
      await abandonAll(
        supply,
        reservations.filter((_, at) => at !== bad),
      )
      await giveUp(supply, reservations[bad], answers[bad] ?? { kind: 'failed' })
    }
    throw new KmeRefusal('KME_PEER_UNREACHABLE', 'The KME of the slave SAE accepts no keys now')
  })
}

/** Keys that are there already, where the request may have such and there are any. */
function takeAhead(
  { ahead, partners }: Supply,
  request: MakeRequest,
  [[peer, slaves], ...further]: readonly (readonly [SiteId, readonly SaeId[]])[],
): Promise<readonly DeliveredKey[]> | undefined {
  const { master, sizeBits, number, lifeMs } = request
  const isPlain = further.length === 0 && lifeMs === undefined && partners?.has(peer) !== true
  if (request.ahead !== true || !isPlain) return undefined
  return ahead.take({ peer, master, slaves, sizeBits }, number)
}

/**
 * The slaves of a request by their sites, that of the slave SAE first.
 *
 * @throws KmeRefusal `KME_REQUEST_INVALID` as `peerOf`, or if one is named twice
 */
export function slavesBySite(
  supply: Supply,
  { master, slave, additionalSlaves }: MakeRequest,
): ReadonlyMap<SiteId, readonly SaeId[]> {
  const slaves = [slave, ...additionalSlaves]
  if (new Set(slaves).size < slaves.length) throw invalidRequest('A slave SAE is named twice')
  return Map.groupBy(slaves, (one) => peerOf(supply, master, one))
}

/** Reserves keys with the first site, and pads for them with the others: all, or none. */
async function reserveAll(
  { keystore, lifeMs: standardMs }: Supply,
  request: MakeRequest,
  sites: readonly (readonly [SiteId, readonly SaeId[]])[],
): Promise<readonly Reservation[]> {
  const { master, number, sizeBits, use = 'application', lifeMs = standardMs } = request
  // Looked at before any bits are taken: what is given up is lost.
  if (sites.length > 1 && sites.some(([peer]) => keystore.storedKeys(peer, sizeBits, use) < number))
    throw new KmeRefusal('KME_KEYS_EXHAUSTED', 'Not enough keys are stored for all slave SAEs')
  const [[peer, slaves], ...further] = sites
  const about = { master, sizeBits, lifeMs, use }
  const first = await keystore.reserve({ ...about, peer, slaves, number })
  const reservations = [first]
  try {
    for (const [site, some] of further) {
      reservations.push(await keystore.carry(first, { ...about, peer: site, slaves: some }))
    }
    return reservations
  } catch (error) {
    for (const one of reservations) await keystore.abandon(one, 'no pad for another site')
    throw error
  }
}

/** Gives up what a peer may have taken because another did not; asks them to forget. */
async function abandonAll(supply: Supply, reservations: readonly Reservation[]): Promise<void> {
  for (const one of reservations) {
    await supply.keystore.abandon(one, 'refused at another site')
    // In the background: the caller has waited long enough.
    sendVoids(supply, one.peer).catch(() => undefined)
  }
}

/** Fetches keys for a slave, in the order asked for. All or nothing. @throws KmeRefusal */
export function fetchKeys(
  supply: Supply,
  request: {
    readonly caller: SaeId
    readonly master: SaeId
    readonly keyIds: readonly KeyId[]
  },
): Promise<readonly DeliveredKey[]> {
  return refusing(supply, () => supply.keystore.deliver(request))
}

/**
 * The site at whose KME a slave lives, for a master of this site.
 *
 * @throws KmeRefusal `KME_REQUEST_INVALID` if there is no such SAE, or no key shared with its site
 */
export function peerOf(supply: Supply, master: SaeId, slave: SaeId): SiteId {
  if (slave === master) throw invalidRequest('The slave SAE is the caller itself')
  const site = supply.directory.siteOf(slave)
  if (site === undefined) throw invalidRequest('The slave SAE is not known to this KME')
  // Two SAEs of one site share no fibre: a key between them would be none of ours.
  if (site === supply.site) throw invalidRequest('The slave SAE is attached to this KME itself')
  if (supply.keystore.peers.includes(site)) return site
  throw invalidRequest('This KME shares no key with the KME of the slave SAE')
}

/** Turns what the key store and the ports refuse into what an SAE can act on. */
export async function refusing<T>(supply: Supply, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof KmeRefusal || error instanceof AssertionFailure) throw error
    const known = error instanceof KeystoreRefusal ? FROM_KEYSTORE[error.code] : undefined
    if (known !== undefined) throw new KmeRefusal(known[0], known[1], { cause: error })
    const code = error instanceof Refusal ? (error as Refusal).code : 'INTERNAL'
    supply.log.write(error instanceof PortRefusal ? 'error' : 'warning', 'kme.failed', { code })
    const message = 'The KME cannot serve keys at the moment'
    throw new KmeRefusal('KME_UNAVAILABLE', message, { cause: error })
  }
}

/** @returns undefined once the peer holds all of it, otherwise what it said */
export async function activate(
  supply: Pick<Supply, 'keystore' | 'partners' | 'activators' | 'peer'>,
  reservation: Reservation,
  { extensions = new Map() }: Pick<MakeRequest, 'extensions'>,
): Promise<ActivationAnswer | undefined> {
  if (supply.partners?.has(reservation.peer) === true) {
    const answer = await supply.partners.relay(reservation, extensions)
    return answer.kind === 'activated' ? undefined : answer
  }
  const activator = activatorOf(supply, reservation.peer)
  const answers = await Promise.all(
    reservation.activations.map((message) => activator.activate(message)),
  )
  const bad = answers.findIndex(({ kind }) => kind !== 'activated')
  if (bad < 0) return undefined
  const answer = answers[bad]
  if (answer.kind === 'refused' && answer.unusable.length > 0) {
    const { link } = readActivation(reservation.activations[bad])
    await supply.keystore.exclude(reservation.peer, { link, ranges: answer.unusable })
  }
  return answer
}

/**
 * Gives up what the peer did not take; asks it to forget, and fails unless another try may help.
 */
async function giveUp(
  supply: Supply,
  reservation: Reservation,
  answer: ActivationAnswer,
): Promise<void> {
  const { keystore, log } = supply
  const { peer } = reservation
  const cause = answer.kind === 'refused' ? answer.cause : 'no answer'
  await keystore.abandon(reservation, cause)
  log.write('warning', 'kme.activation-failed', { peer, cause })
  if (answer.kind === 'refused' && answer.unusable.length > 0) return
  if (cause === 'quarantined') {
    throw new KmeRefusal('KME_KEYS_QUARANTINED', 'Keys for this SAE wait: their link is checked')
  }
  // In the background: the caller has waited long enough.
  sendVoids(supply, peer).catch(() => undefined)
  throw new KmeRefusal('KME_PEER_UNREACHABLE', 'The KME of the slave SAE did not take the keys')
}

function activatorOf(
  { activators, peer: transport }: Pick<Supply, 'activators' | 'peer'>,
  peer: SiteId,
): Activator {
  const present = activators.get(peer)
  if (present !== undefined) return present
  const activator = new Activator((octets) => transport.activate(peer, octets))
  activators.set(peer, activator)
  return activator
}

const FROM_KEYSTORE: Readonly<
  Partial<Record<KeystoreRefusal['code'], readonly [KmeRefusalCode, string]>>
> = {
  KEYSTORE_EXHAUSTED: ['KME_KEYS_EXHAUSTED', 'Not enough keys are stored for this SAE'],
  KEYSTORE_QUARANTINED: [
    'KME_KEYS_QUARANTINED',
    'Keys for this SAE wait: their link is under suspicion',
  ],
  KEYSTORE_KEY_UNKNOWN: ['KME_KEY_NOT_FOUND', MESSAGE.keysNotFound],
  KEYSTORE_KEY_FOREIGN: ['KME_KEY_FORBIDDEN', 'The caller is no slave SAE of a key asked for'],
  KEYSTORE_REQUEST_INVALID: ['KME_REQUEST_INVALID', 'The request is outside what this KME allows'],
  KEYSTORE_BUSY: ['KME_UNAVAILABLE', 'The KME is too busy at the moment'],
}

/** Times a request is tried again because the peer could not use the bits it was offered. */
const ATTEMPTS_MAX = 4
