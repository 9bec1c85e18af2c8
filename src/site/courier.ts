/**
 * Keys that a courier carries: random octets drawn at one site, taken to another in a sealed file, and
 * put into the key store of both.
 *
 * Here is what happens in the folder of a site, whether or not its daemon runs; `couriers.ts` is
 * what the daemon does with it. In the folder they are sealed under the root key until the key
 * store has them, then written over; an empty file stays, so that none is brought twice.
 *
 * Does not protect against a copy of the file made on the way while the passphrase is known too.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  linkId,
  Octets,
  Refusal,
  siteId,
  Text,
  toCbor,
  Type,
  utf8,
  Whole,
  type Disk,
  type EpochMs,
  type LinkId,
  type RandomSource,
  type SecretBytes,
  type SiteId,
} from '#base'
import { open, seal } from '#crypto'
import type { KeystoreLink } from '#keystore'
import type { SiteConfiguration } from './config.ts'
import { openFromCourier, sealForCourier } from './courier-seal.ts'
import { checkPassphrase } from './root-key/forms.ts'
import { keyFor, type RootKey } from './root-key/root-key.ts'

export type CourierRefusalCode =
  /** The configuration of this site names no courier to that site. */
  | 'COURIER_PEER_UNKNOWN'
  /** Not a whole number of octets, too few or too many. */
  | 'COURIER_SIZE_INVALID'
  /** The courier's file cannot be read as one. */
  | 'COURIER_FILE_INVALID'
  /** The passphrase is wrong, or the file was changed. */
  | 'COURIER_FILE_DENIED'
  /** It is for another site. */
  | 'COURIER_FOREIGN'
  /** It was brought before: each is good once. */
  | 'COURIER_EXISTS'
  /** It lay longer than couriers take. */
  | 'COURIER_TOO_OLD'
  /** What lies in this folder does not open. */
  | 'COURIER_DAMAGED'

export class CourierRefusal extends Refusal<CourierRefusalCode> {
  override readonly name = 'CourierRefusal'
}

/** One block that is carried: its time of making is its epoch. */
export interface CourierName {
  readonly link: LinkId
  readonly epoch: number
}

/** The link under whose name the blocks are kept that `from` has drawn for `to`. */
export const courierLink = (from: string, to: string): LinkId => linkId(`courier-${from}--${to}`)

/** The links of the key store in which carried blocks are kept: one for each direction. */
export const courierKeystoreLinks = ({
  site: name,
  couriers,
}: SiteConfiguration): readonly KeystoreLink[] =>
  couriers.flatMap((one) => {
    const [site, peer] = [siteId(name), siteId(one.peer)]
    const [out, back] = [courierLink(site, peer), courierLink(peer, site)]
    return [
      { link: out, peer, transmitter: site, receiver: peer, reserveOctets: 0 },
      { link: back, peer, transmitter: peer, receiver: site, reserveOctets: 0 },
    ]
  })

export interface CourierMeans {
  readonly disk: Disk
  readonly random: RandomSource
  readonly root: RootKey
  readonly configuration: SiteConfiguration
  readonly now: EpochMs
}

/**
 * Draws keys for another site, keeps this site's copy, and gives the file for the other.
 *
 * @throws CourierRefusal `COURIER_PEER_UNKNOWN`, `COURIER_SIZE_INVALID`, `COURIER_EXISTS`
 */
export async function exportCourier(
  means: CourierMeans,
  about: { readonly to: string; readonly octets: number; readonly passphrase: Uint8Array },
): Promise<{ readonly name: CourierName; readonly file: Uint8Array }> {
  const { random, configuration, now } = means
  checkPassphrase(about.passphrase)
  const { site } = configuration
  checkPeer(configuration, about.to)
  const size = about.octets
  if (!Number.isInteger(size) || size < OCTETS_LEAST || size > OCTETS_MAX) {
    const message = `A courier takes ${OCTETS_LEAST} to ${OCTETS_MAX} octets, got ${size}`
    throw new CourierRefusal('COURIER_SIZE_INVALID', message)
  }
  const name = { link: courierLink(site, about.to), epoch: now }
  const head = { v: 1, from: site, to: about.to, epoch: now }
  const octets = random.octets(size)
  try {
    const { passphrase } = about
    const sealed = sealForCourier(octets, { passphrase, head: toCbor(head), random })
    await keep(means, name, octets)
    return { name, file: toCbor({ ...head, ...sealed }) }
  } finally {
    octets.fill(0)
  }
}

/**
 * Keeps the keys that a courier has brought.
 *
 * @throws CourierRefusal `COURIER_FILE_INVALID`, `COURIER_FILE_DENIED`, `COURIER_FOREIGN`,
 *   `COURIER_PEER_UNKNOWN`, `COURIER_TOO_OLD`, `COURIER_EXISTS`
 */
export async function importCourier(
  means: CourierMeans,
  brought: { readonly file: Uint8Array; readonly passphrase: Uint8Array },
): Promise<{ readonly name: CourierName; readonly from: SiteId; readonly octets: number }> {
  const { configuration, now } = means
  const { salt, nonce, sealed, ...head } = readFile(brought.file)
  const { from, to, epoch } = head
  if (to !== configuration.site) {
    throw new CourierRefusal('COURIER_FOREIGN', `Expected keys for ${configuration.site}`)
  }
  checkPeer(configuration, from)
  if (now - epoch > LIFE_MS) {
    const message = `Expected keys that were drawn in the last ${LIFE_MS / DAY_MS} days`
    throw new CourierRefusal('COURIER_TOO_OLD', message)
  }
  let octets
  try {
    const by = { passphrase: brought.passphrase, head: toCbor(head) }
    octets = openFromCourier({ salt, nonce, sealed }, by)
  } catch (cause) {
    const message = 'The passphrase is wrong, or the file was changed'
    throw new CourierRefusal('COURIER_FILE_DENIED', message, { cause })
  }
  try {
    const name = { link: courierLink(from, to), epoch }
    await keep(means, name, octets)
    return { name, from: siteId(from), octets: octets.length }
  } finally {
    octets.fill(0)
  }
}

/** Blocks in the folder that the key store does not have yet. */
export async function waitingBlocks(disk: Disk): Promise<readonly CourierName[]> {
  const names: CourierName[] = []
  for (const path of await disk.list(FOLDER)) {
    const found = NAME.exec(path)
    if (found === null || (await disk.read(path))?.length === 0) continue
    names.push({ link: linkId(found[1]), epoch: Number(found[2]) })
  }
  return names.toSorted((one, other) => one.epoch - other.epoch)
}

/** Opens a block of the folder; the caller clears it. @throws CourierRefusal `COURIER_DAMAGED` */
export async function openBlock(
  disk: Disk,
  key: SecretBytes,
  name: CourierName,
): Promise<Uint8Array> {
  const file = (await disk.read(pathOf(name))) ?? new Uint8Array(0)
  try {
    const nonce = file.subarray(0, NONCE_OCTETS)
    const input = { key: key.reveal(), nonce, associated: labelOf(name) }
    return open('aes-256-gcm', input, file.subarray(NONCE_OCTETS))
  } catch (cause) {
    const facts = { link: name.link, epoch: name.epoch }
    throw new CourierRefusal('COURIER_DAMAGED', 'A carried block cannot be opened', {
      cause,
      facts,
    })
  }
}

/** Writes zeros over a block of the folder and leaves an empty file. */
export async function emptyBlock(disk: Disk, name: CourierName): Promise<void> {
  const path = pathOf(name)
  const size = (await disk.read(path))?.length ?? 0
  if (size > 0) await disk.overwrite(path, 0, new Uint8Array(size))
  await disk.write(path, new Uint8Array(0))
}

/** The key under which blocks lie in the folder. The owner disposes it. */
export const courierKey = (root: RootKey): SecretBytes => keyFor(root, 'courier')

async function keep(
  { disk, random, root }: CourierMeans,
  name: CourierName,
  octets: Uint8Array,
): Promise<void> {
  const path = pathOf(name)
  if ((await disk.read(path)) !== undefined) {
    throw new CourierRefusal('COURIER_EXISTS', 'This site has had these keys before')
  }
  using key = courierKey(root)
  const nonce = random.octets(NONCE_OCTETS)
  const input = { key: key.reveal(), nonce, associated: labelOf(name) }
  const sealed = seal('aes-256-gcm', input, octets)
  const file = new Uint8Array(NONCE_OCTETS + sealed.length)
  file.set(nonce)
  file.set(sealed, NONCE_OCTETS)
  await disk.write(path, file)
}

function checkPeer({ site, couriers }: SiteConfiguration, peer: string): void {
  if (couriers.some((one) => one.peer === peer)) return
  const message = `The site ${site} names no courier to or from ${peer}`
  throw new CourierRefusal('COURIER_PEER_UNKNOWN', message)
}

function readFile(octets: Uint8Array) {
  try {
    return openFile(octets)
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause
    throw new CourierRefusal('COURIER_FILE_INVALID', 'Expected keys of a courier', { cause })
  }
}

const pathOf = ({ link, epoch }: CourierName): string => `${FOLDER}/${link}.${epoch}`
const labelOf = ({ link, epoch }: CourierName): Uint8Array =>
  utf8(`photonward/courier/v1 ${link} ${epoch}`)

const DAY_MS = 24 * 3600 * 1000
/** How long a courier may take; then the keys are given up. */
export const LIFE_MS = 90 * DAY_MS
const FOLDER = 'courier'
const NAME = /^courier\/(courier-[a-z0-9-]+)\.([0-9]{1,16})$/
const NONCE_OCTETS = 12
const OCTETS_LEAST = 256
const OCTETS_MAX = 4 * 1024 * 1024
/** Octets of the largest courier's file. */
export const COURIER_FILE_OCTETS_MAX = OCTETS_MAX + 4096

const openFile = cborDoor(
  Exactly({
    v: Type.Literal(1),
    from: Text(63, 1),
    to: Text(63, 1),
    epoch: Whole(0),
    salt: Octets(16),
    nonce: Octets(NONCE_OCTETS),
    sealed: Octets(OCTETS_LEAST + 16, OCTETS_MAX + 16),
  }),
  'keys of a courier',
  COURIER_FILE_OCTETS_MAX,
)
