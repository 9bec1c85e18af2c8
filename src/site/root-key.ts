/**
 * The root key of a site: what everything at rest is sealed under.
 *
 * Lies in the site's folder, either as it is (whoever copies the folder can open it) or under a
 * passphrase (argon2id). Keys for each use are derived from it by label; it seals nothing itself.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  Octets,
  Refusal,
  SecretBytes,
  toCbor,
  Type,
  utf8,
  type Disk,
  type RandomSource,
} from '#base'
import { hkdf, keyFromPassphrase, open, seal } from '#crypto'

export type RootKeyRefusalCode =
  | 'ROOT_KEY_EXISTS'
  | 'ROOT_KEY_MISSING'
  | 'ROOT_KEY_DAMAGED'
  | 'PASSPHRASE_NEEDED'
  | 'PASSPHRASE_DENIED'
  /** Too short to be set. */
  | 'PASSPHRASE_INVALID'

export class RootKeyRefusal extends Refusal<RootKeyRefusalCode> {
  override readonly name = 'RootKeyRefusal'
}

/** Makes a root key and writes it. @throws RootKeyRefusal `ROOT_KEY_EXISTS`, `PASSPHRASE_INVALID` */
export async function createRootKey(
  disk: Disk,
  random: RandomSource,
  passphrase: Uint8Array | undefined,
): Promise<SecretBytes> {
  if ((await disk.read(FILE)) !== undefined) {
    throw new RootKeyRefusal('ROOT_KEY_EXISTS', 'This folder has a root key already')
  }
  if (passphrase !== undefined) checkPassphrase(passphrase)
  const key = random.octets(KEY_OCTETS)
  await disk.write(FILE, fileOf(key, passphrase, random))
  return SecretBytes.take(key)
}

/**
 * Puts the root key of a folder under a passphrase, or under another; the key stays the same.
 *
 * What was there is overwritten with zeros before the new file takes its place, once the new one is
 * durable beside it. Copies made before, and media that keep overwritten sectors, are out of reach:
 * what the old file gave to whoever has one, it gives still.
 *
 * @param phrases.present   of the file as it is; left out where it is under none
 * @throws RootKeyRefusal as `readRootKey`; `PASSPHRASE_INVALID` if the new one is too short
 */
export async function protectRootKey(
  disk: Disk,
  random: RandomSource,
  phrases: { readonly present: Uint8Array | undefined; readonly next: Uint8Array },
): Promise<void> {
  checkPassphrase(phrases.next)
  using key = await finishProtection(disk, phrases)
  const octets = fileOf(key.reveal(), phrases.next, random)
  await disk.write(NEXT_FILE, octets)
  const old = await disk.read(FILE)
  if (old !== undefined) await disk.overwrite(FILE, 0, new Uint8Array(old.length))
  await disk.write(FILE, octets)
  await disk.remove(NEXT_FILE)
}

/** The key as it is now, where a crash may have left it in the new file only. */
async function finishProtection(
  disk: Disk,
  { present, next }: { readonly present: Uint8Array | undefined; readonly next: Uint8Array },
): Promise<SecretBytes> {
  try {
    return await readRootKey(disk, present)
  } catch (error) {
    const isSpoilt = error instanceof RootKeyRefusal && error.code === 'ROOT_KEY_DAMAGED'
    const octets = isSpoilt ? await disk.read(NEXT_FILE) : undefined
    if (octets === undefined) throw error
    return keyIn(parsedFile(octets), next)
  }
}

/** How the root key of a folder lies there. @throws RootKeyRefusal */
export async function rootKeyProtection(disk: Disk): Promise<'none' | 'passphrase'> {
  return (await readFile(disk)).kind === 'plain' ? 'none' : 'passphrase'
}

/** The file of a root key. */
function fileOf(
  key: Uint8Array,
  passphrase: Uint8Array | undefined,
  random: RandomSource,
): Uint8Array {
  if (passphrase === undefined) return toCbor({ v: 1, kind: 'plain', key })
  const [salt, nonce] = [random.octets(16), random.octets(12)]
  const input = { key: keyFromPassphrase(passphrase, salt), nonce, associated: LABEL }
  return toCbor({ v: 1, kind: 'argon2id', salt, nonce, sealed: seal('aes-256-gcm', input, key) })
}

/** Refuses a passphrase that is too short to be set. @throws RootKeyRefusal `PASSPHRASE_INVALID` */
export function checkPassphrase({ length }: Uint8Array): void {
  if (length >= PASSPHRASE_OCTETS_MIN) return
  const message = `A passphrase has at least ${PASSPHRASE_OCTETS_MIN} octets, got ${length}`
  throw new RootKeyRefusal('PASSPHRASE_INVALID', message)
}

/**
 * Reads the root key.
 *
 * @throws RootKeyRefusal `ROOT_KEY_MISSING`, `ROOT_KEY_DAMAGED`, `PASSPHRASE_NEEDED`,
 *   `PASSPHRASE_DENIED`
 */
export async function readRootKey(
  disk: Disk,
  passphrase: Uint8Array | undefined,
): Promise<SecretBytes> {
  return keyIn(await readFile(disk), passphrase)
}

async function readFile(disk: Disk): Promise<RootKeyFile> {
  const octets = await disk.read(FILE)
  if (octets === undefined) {
    throw new RootKeyRefusal('ROOT_KEY_MISSING', 'This folder has no root key')
  }
  return parsedFile(octets)
}

type RootKeyFile = ReturnType<typeof openFile>

function parsedFile(octets: Uint8Array): RootKeyFile {
  try {
    return openFile(octets)
  } catch (cause) {
    throw new RootKeyRefusal('ROOT_KEY_DAMAGED', 'The root key cannot be read', { cause })
  }
}

function keyIn(file: RootKeyFile, passphrase: Uint8Array | undefined): SecretBytes {
  if (file.kind === 'plain') return SecretBytes.copyOf(file.key)
  if (passphrase === undefined) {
    throw new RootKeyRefusal('PASSPHRASE_NEEDED', 'The root key is under a passphrase')
  }
  try {
    const key = keyFromPassphrase(passphrase, file.salt)
    const input = { key, nonce: file.nonce, associated: LABEL }
    return SecretBytes.take(open('aes-256-gcm', input, file.sealed))
  } catch (cause) {
    throw new RootKeyRefusal('PASSPHRASE_DENIED', 'The passphrase is wrong', { cause })
  }
}

/** A key of 32 octets for one use. The owner disposes it. */
export function keyFor(root: SecretBytes, use: string): SecretBytes {
  const info = utf8(`photonward/root/v1/${use}`)
  const secret = root.reveal()
  return SecretBytes.take(hkdf('sha512', { secret, salt: LABEL, info, length: KEY_OCTETS }))
}

const FILE = 'root.key'
/** Where the next form of it lies until it has taken its place. */
const NEXT_FILE = 'root.key.next'
const KEY_OCTETS = 32
/** SP 800-63B §5.1.1.1; an empty one from an empty file above all. */
const PASSPHRASE_OCTETS_MIN = 8
const LABEL = utf8('photonward/root-key/v1')

const v = Type.Literal(1)
const openFile = cborDoor(
  Type.Union([
    Exactly({ v, kind: Type.Literal('plain'), key: Octets(KEY_OCTETS) }),
    Exactly({
      v,
      kind: Type.Literal('argon2id'),
      salt: Octets(16),
      nonce: Octets(12),
      sealed: Octets(KEY_OCTETS + 16),
    }),
  ]),
  'root key',
  1024,
)
