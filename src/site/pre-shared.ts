/**
 * Pre-shared keys of a link: random octets that two sites got by courier, cut into chunks, each of
 * which authenticates the beginning of one session.
 *
 * A chunk is a hash key and 64 pads for each direction, as long as the reserve of a block: nothing is
 * derived from less. So a link that begins with one rests on no signature and no assumption about
 * computing, only on the courier, on both folders, and on the generator that drew it.
 *
 * The courier's file is under a passphrase (argon2id, AES-256-GCM), which travels another way. In a
 * site's folder each chunk is sealed by itself under the root key, at a fixed place, and zeros are
 * written over it when it has been taken.
 *
 * Does not protect against a copy of the file or the folder made on the way, nor against flash
 * storage that keeps overwritten sectors, while the root key or the passphrase is known too.
 *
 * @module
 */

import {
  assert,
  cborDoor,
  Exactly,
  Octets,
  Refusal,
  Text,
  toCbor,
  Type,
  utf8,
  Whole,
  type Disk,
  type RandomSource,
  type SecretBytes,
} from '#base'
import { open, seal } from '#crypto'
import type { AuthenticationSource, PadRun, Role } from '#qkd'
import type { LinkConfiguration } from './config.ts'
import { openFromCourier, sealForCourier } from './courier-seal.ts'
import { checkPassphrase } from './root-key/forms.ts'
import { keyFor, type RootKey } from './root-key/root-key.ts'

export type PreSharedRefusalCode =
  /** The configuration of this site has no such link. */
  | 'LINK_UNKNOWN'
  /** Not a whole number of sessions, or too many. */
  | 'PSK_SIZE_INVALID'
  /** The courier's file cannot be read as one. */
  | 'PSK_FILE_INVALID'
  /** The passphrase is wrong, or the file was changed. */
  | 'PSK_FILE_DENIED'
  /** It is for another link, or for other sites. */
  | 'PSK_FOREIGN'
  /** It is here already. */
  | 'PSK_EXISTS'
  /** A chunk in this folder does not open. */
  | 'PSK_DAMAGED'
  /** The ends have no chunk left in common. */
  | 'PSK_UNAVAILABLE'
  /** The peer has named a chunk that cannot be the next. */
  | 'PSK_CHOICE_INVALID'
  /** Sessions without a block follow each other faster than they may. */
  | 'PSK_TOO_SOON'

export class PreSharedRefusal extends Refusal<PreSharedRefusalCode> {
  override readonly name = 'PreSharedRefusal'
}

/** The ends of a link, as its key says them. */
export interface LinkEnds {
  readonly link: string
  readonly transmitter: string
  readonly receiver: string
}

/** The ends of a configured link of a site. @throws PreSharedRefusal `LINK_UNKNOWN` */
export function endsOf(
  { site, links }: { readonly site: string; readonly links: readonly LinkConfiguration[] },
  name: string,
): LinkEnds {
  const found = links.find(({ link }) => link === name)
  if (found === undefined) {
    throw new PreSharedRefusal('LINK_UNKNOWN', `The site ${site} has no link ${name}`)
  }
  const { link, peer, role } = found
  return role === 'transmitter'
    ? { link, transmitter: site, receiver: peer }
    : { link, transmitter: peer, receiver: site }
}

interface Means {
  readonly disk: Disk
  readonly random: RandomSource
  readonly root: RootKey
  /** This site. */
  readonly site: string
}

/**
 * Draws a key, keeps this site's copy in its folder, and gives the file for the other.
 *
 * @param about.sessions     how many sessions it can begin; 2,080 octets each
 * @param about.passphrase   of the file
 * @throws PreSharedRefusal `PSK_SIZE_INVALID`, RootKeyRefusal `PASSPHRASE_INVALID`
 */
export async function createPreShared(
  means: Means,
  ends: LinkEnds,
  { sessions, passphrase }: { readonly sessions: number; readonly passphrase: Uint8Array },
): Promise<{ readonly id: string; readonly file: Uint8Array }> {
  checkPassphrase(passphrase)
  if (!Number.isInteger(sessions) || sessions < 1 || sessions > SESSIONS_MAX) {
    const message = `A pre-shared key is for 1 to ${SESSIONS_MAX} sessions, got ${sessions}`
    throw new PreSharedRefusal('PSK_SIZE_INVALID', message)
  }
  const { random } = means
  const id = random.octets(ID_OCTETS).toHex()
  const octets = random.octets(sessions * CHUNK_OCTETS)
  try {
    const head = { v: 1, ...ends, id, sessions }
    const sealed = sealForCourier(octets, { passphrase, head: toCbor(head), random })
    await keep(means, { link: ends.link, id }, octets)
    return { id, file: toCbor({ ...head, ...sealed }) }
  } finally {
    octets.fill(0)
  }
}

/**
 * Keeps the key that a courier has brought.
 *
 * @param about.passphrase   of the file
 * @throws PreSharedRefusal `PSK_FILE_INVALID`, `PSK_FILE_DENIED`, `PSK_FOREIGN`, `PSK_EXISTS`
 */
export async function importPreShared(
  means: Means,
  endsNamed: (link: string) => LinkEnds,
  { file, passphrase }: { readonly file: Uint8Array; readonly passphrase: Uint8Array },
): Promise<{ readonly link: string; readonly id: string; readonly sessions: number }> {
  const { salt, nonce, sealed, ...head } = readFile(file)
  const { link, transmitter, receiver, id, sessions } = head
  const own = endsNamed(link)
  if (own.transmitter !== transmitter || own.receiver !== receiver) {
    const message = `Expected a key for ${own.transmitter} and ${own.receiver}, got one for ${transmitter} and ${receiver}`
    throw new PreSharedRefusal('PSK_FOREIGN', message)
  }
  let octets
  try {
    octets = openFromCourier({ salt, nonce, sealed }, { passphrase, head: toCbor(head) })
  } catch (cause) {
    const message = 'The passphrase is wrong, or the file was changed'
    throw new PreSharedRefusal('PSK_FILE_DENIED', message, { cause })
  }
  try {
    await keep(means, { link, id }, octets)
  } finally {
    octets.fill(0)
  }
  return { link, id, sessions }
}

function readFile(octets: Uint8Array) {
  try {
    const file = openFile(octets)
    if (file.sealed.length === file.sessions * CHUNK_OCTETS + 16) return file
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause
    throw new PreSharedRefusal('PSK_FILE_INVALID', 'Expected a pre-shared key', { cause })
  }
  throw new PreSharedRefusal('PSK_FILE_INVALID', 'Expected a pre-shared key of its stated size')
}

/** One pre-shared key of one link. */
export interface PskName {
  readonly link: string
  readonly id: string
}

/** Seals each chunk by itself and writes the file of this site. */
async function keep(means: Means, name: PskName, octets: Uint8Array): Promise<void> {
  const { disk, random, root, site } = means
  const path = pathOf(name)
  if ((await disk.read(path)) !== undefined) {
    throw new PreSharedRefusal('PSK_EXISTS', 'This site has this pre-shared key already')
  }
  const count = octets.length / CHUNK_OCTETS
  const file = new Uint8Array(count * SLOT_OCTETS)
  using key = pskKey(root)
  for (let chunk = 0; chunk < count; chunk++) {
    const nonce = random.octets(NONCE_OCTETS)
    const associated = labelOf(site, name, { chunk, count })
    const plain = octets.subarray(chunk * CHUNK_OCTETS, (chunk + 1) * CHUNK_OCTETS)
    file.set(nonce, chunk * SLOT_OCTETS)
    const sealed = seal('aes-256-gcm', { key: key.reveal(), nonce, associated }, plain)
    file.set(sealed, chunk * SLOT_OCTETS + NONCE_OCTETS)
  }
  await disk.write(path, file)
}

/** The key under which a site's chunks are sealed. The owner disposes it. */
export const pskKey = (root: RootKey): SecretBytes => keyFor(root, 'link-psk')

/** Opens one chunk as this end uses it. @throws PreSharedRefusal `PSK_DAMAGED` */
export function openChunk(
  file: Uint8Array,
  key: SecretBytes,
  about: {
    readonly site: string
    readonly name: PskName
    readonly role: Role
    readonly chunk: number
  },
): AuthenticationSource {
  const { site, name, role, chunk } = about
  const slot = file.subarray(chunk * SLOT_OCTETS, (chunk + 1) * SLOT_OCTETS)
  const nonce = slot.subarray(0, NONCE_OCTETS)
  const associated = labelOf(site, name, { chunk, count: chunksIn(file) })
  let plain
  try {
    const sealed = slot.subarray(NONCE_OCTETS)
    plain = open('aes-256-gcm', { key: key.reveal(), nonce, associated }, sealed)
  } catch (cause) {
    const message = `Chunk ${chunk} of the pre-shared key cannot be opened`
    throw new PreSharedRefusal('PSK_DAMAGED', message, { cause, facts: { link: name.link, chunk } })
  }
  assert(plain.length === CHUNK_OCTETS, 'a sealed chunk has the size it was sealed with')
  // The transmitter's run comes first.
  const [ofTransmitter, ofReceiver] = [runOf(plain, 0), runOf(plain, RUN_OCTETS)]
  plain.fill(0)
  const id = `bootstrap-psk-${name.id}-${chunk}`
  return role === 'transmitter'
    ? { id, send: ofTransmitter, receive: ofReceiver }
    : { id, send: ofReceiver, receive: ofTransmitter }
}

/** How many chunks a site's file was made with. */
export const chunksIn = (file: Uint8Array): number => Math.floor(file.length / SLOT_OCTETS)

/** Where zeros must be written so that nothing is left of the chunks before `next`. */
export function leftBehind(file: Uint8Array, next: number): { from: number; octets: number } {
  const to = next * SLOT_OCTETS
  let from = 0
  while (from < to && file[from] === 0) from++
  return { from, octets: to - from }
}

/** The keys of a link in a site's folder: the path of each file, and its id. */
export async function filesOf(
  disk: Disk,
  link: string,
): Promise<readonly { readonly path: string; readonly id: string }[]> {
  const prefix = `${FOLDER}/${link}.`
  const paths = await disk.list(FOLDER)
  return paths
    .filter((path) => path.startsWith(prefix))
    .map((path) => ({ path, id: path.slice(prefix.length) }))
}

/** The file of a key in a site's folder. */
export const pathOf = ({ link, id }: PskName): string => `${FOLDER}/${link}.${id}`

const runOf = (chunk: Uint8Array, from: number): PadRun => ({
  // Arrays of their own: they move to the thread of the link.
  hashKey: chunk.slice(from, from + 16),
  pads: chunk.slice(from + 16, from + RUN_OCTETS),
  next: 0,
})

const labelOf = (
  site: string,
  { link, id }: PskName,
  { chunk, count }: { readonly chunk: number; readonly count: number },
): Uint8Array => utf8(`photonward/psk/v1 ${site} ${link} ${id} ${chunk}/${count}`)

const FOLDER = 'psk'
const ID_OCTETS = 8
const NONCE_OCTETS = 12
/** Pads in one direction of a chunk: of a drought of a dozen blocks. */
const PADS = 64
const RUN_OCTETS = 16 + 16 * PADS
const CHUNK_OCTETS = 2 * RUN_OCTETS
/** A chunk at rest: nonce, ciphertext, tag. */
const SLOT_OCTETS = NONCE_OCTETS + CHUNK_OCTETS + 16
/** Sessions that one key may begin: a file of 8.5 MB. */
const SESSIONS_MAX = 4096
/** Octets of the largest courier's file. */
export const PSK_FILE_OCTETS_MAX = SESSIONS_MAX * CHUNK_OCTETS + 4096

const Name = Text(63, 1)
const openFile = cborDoor(
  Exactly({
    v: Type.Literal(1),
    link: Name,
    transmitter: Name,
    receiver: Name,
    id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    sessions: Whole(1, SESSIONS_MAX),
    salt: Octets(16),
    nonce: Octets(NONCE_OCTETS),
    sealed: Octets(CHUNK_OCTETS + 16, SESSIONS_MAX * CHUNK_OCTETS + 16),
  }),
  'pre-shared key',
  PSK_FILE_OCTETS_MAX,
)
