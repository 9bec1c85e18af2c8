/**
 * The file of a root key in its three forms: open in the folder, under a passphrase, in shares.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  Octets,
  SecretBytes,
  toCbor,
  Type,
  utf8,
  Whole,
  type Disk,
  type RandomSource,
} from '#base'
import { keyFromPassphrase, open, seal } from '#crypto'
import { finishChange } from './journal.ts'
import { RootKeyRefusal } from './refusal.ts'
import { CEREMONY_OCTETS, rootOfShares, sharesIn, SHARES_MAX, type Ceremony } from './shares.ts'

/** How a root key lies in its folder. */
export type RootKeyForm =
  | { readonly form: 'file' }
  | { readonly form: 'passphrase' }
  | ({ readonly form: 'shares' } & Ceremony)

/** The form of the file in a folder. @throws RootKeyRefusal */
export async function rootKeyForm(disk: Disk): Promise<RootKeyForm> {
  await finishChange(disk)
  return formOf(await readFile(disk))
}

/** The file that keeps a root key open, or under a passphrase. */
export function fileOf(
  root: SecretBytes,
  passphrase: Uint8Array | undefined,
  random: RandomSource,
): Uint8Array {
  const key = root.reveal()
  if (passphrase === undefined) return toCbor({ v: 1, kind: 'plain', key })
  const [salt, nonce] = [random.octets(16), random.octets(12)]
  const input = { key: keyFromPassphrase(passphrase, salt), nonce, associated: LABEL }
  return toCbor({ v: 1, kind: 'argon2id', salt, nonce, sealed: seal('aes-256-gcm', input, key) })
}

/** The file that keeps what shares are known by, and nothing of the key. */
export const sharesFileOf = ({ ceremony, threshold, tags, proof }: Ceremony): Uint8Array =>
  toCbor({ v: 1, kind: 'shares', ceremony, threshold, tags: [...tags], proof })

/** Refuses a passphrase that is too short to be set. @throws RootKeyRefusal `PASSPHRASE_INVALID` */
export function checkPassphrase({ length }: Uint8Array): void {
  if (length >= PASSPHRASE_OCTETS_MIN) return
  const message = `A passphrase has at least ${PASSPHRASE_OCTETS_MIN} octets, got ${length}`
  throw new RootKeyRefusal('PASSPHRASE_INVALID', message)
}

/** @throws RootKeyRefusal `ROOT_KEY_MISSING`, `ROOT_KEY_DAMAGED` */
export async function readFile(disk: Disk): Promise<RootKeyFile> {
  const octets = await disk.read(ROOT_FILE)
  if (octets === undefined) {
    throw new RootKeyRefusal('ROOT_KEY_MISSING', 'This folder has no root key')
  }
  try {
    return openFile(octets)
  } catch (cause) {
    throw new RootKeyRefusal('ROOT_KEY_DAMAGED', 'The root key cannot be read', { cause })
  }
}

/**
 * The secret in a file.
 *
 * @param given   the passphrase, or enough shares, one a line; left out for a key in the open
 * @throws RootKeyRefusal
 */
export async function secretIn(
  file: RootKeyFile,
  given: Uint8Array | undefined,
): Promise<SecretBytes> {
  if (file.kind === 'plain') return SecretBytes.copyOf(file.key)
  if (file.kind === 'shares') {
    return await rootOfShares(file, given === undefined ? [] : sharesIn(given))
  }
  if (given === undefined) {
    throw new RootKeyRefusal('PASSPHRASE_NEEDED', 'The root key is under a passphrase')
  }
  try {
    const key = keyFromPassphrase(given, file.salt)
    const input = { key, nonce: file.nonce, associated: LABEL }
    return SecretBytes.take(open('aes-256-gcm', input, file.sealed))
  } catch (cause) {
    throw new RootKeyRefusal('PASSPHRASE_DENIED', 'The passphrase is wrong', { cause })
  }
}

function formOf(file: RootKeyFile): RootKeyForm {
  if (file.kind === 'plain') return { form: 'file' }
  if (file.kind === 'argon2id') return { form: 'passphrase' }
  const { ceremony, threshold, tags, proof } = file
  return { form: 'shares', ceremony, threshold, tags, proof }
}

export type RootKeyFile = ReturnType<typeof openFile>

export const ROOT_FILE = 'root.key'
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
    Exactly({
      v,
      kind: Type.Literal('shares'),
      ceremony: Octets(CEREMONY_OCTETS),
      threshold: Whole(2, SHARES_MAX),
      tags: Type.Array(Octets(32), { minItems: 2, maxItems: SHARES_MAX }),
      proof: Octets(32),
    }),
  ]),
  'root key',
  1024,
)
