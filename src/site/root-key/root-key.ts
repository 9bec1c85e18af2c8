/**
 * The root key of a site: what everything at rest is sealed under.
 *
 * Lies in the site's folder as it is (whoever copies the folder can open it), or under a passphrase
 * (argon2id), or only as what its shares are known by. Keys for each use are derived by label; it
 * seals nothing itself but the *trunk*: 32 octets of their own, from which keys come whose work lies
 * in rows and cannot be done anew. So the root can be changed: what it seals directly (the trunk, the
 * site keys of the vault, who the site is) is small, and is sealed again.
 *
 * JavaScript cannot promise that no copy of a key stays in memory.
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
  type Disk,
  type RandomSource,
} from '#base'
import { hkdf, hkdfExpand, open, seal } from '#crypto'
import { checkPassphrase, fileOf, readFile, ROOT_FILE, secretIn } from './forms.ts'
import { finishChange } from './journal.ts'
import { RootKeyRefusal } from './refusal.ts'

/** A root key at work, with its trunk. Owns both. */
export class RootKey implements Disposable {
  /** What passphrase and shares give. */
  readonly secret: SecretBytes
  readonly trunk: SecretBytes

  /** @param trunk   the secret itself where a folder is from before there were trunks */
  constructor(secret: SecretBytes, trunk = SecretBytes.copyOf(secret.reveal())) {
    this.secret = secret
    this.trunk = trunk
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]()
    this.trunk[Symbol.dispose]()
  }
}

/** Makes a root key and writes it. @throws RootKeyRefusal `ROOT_KEY_EXISTS`, `PASSPHRASE_INVALID` */
export async function createRootKey(
  disk: Disk,
  random: RandomSource,
  passphrase: Uint8Array | undefined,
): Promise<RootKey> {
  if ((await disk.read(ROOT_FILE)) !== undefined) {
    throw new RootKeyRefusal('ROOT_KEY_EXISTS', 'This folder has a root key already')
  }
  if (passphrase !== undefined) checkPassphrase(passphrase)
  const seed = random.octets(KEY_OCTETS)
  const part = (info: Uint8Array): SecretBytes =>
    SecretBytes.take(hkdfExpand('sha512', { key: seed, info, length: KEY_OCTETS }))
  const root = new RootKey(part(NEW_ROOT), part(NEW_TRUNK))
  seed.fill(0)
  await disk.write(TRUNK_FILE, trunkFileOf(root))
  await disk.write(ROOT_FILE, fileOf(root.secret, passphrase, random))
  return root
}

/**
 * Reads the root key.
 *
 * @param given   the passphrase, or enough shares, one a line
 * @throws RootKeyRefusal `ROOT_KEY_MISSING`, `ROOT_KEY_DAMAGED`, `PASSPHRASE_NEEDED`,
 *   `PASSPHRASE_DENIED`, `SHARES_NEEDED`, `SHARE_INVALID` and others about shares
 */
export async function readRootKey(disk: Disk, given: Uint8Array | undefined): Promise<RootKey> {
  await finishChange(disk)
  return await withTrunk(disk, await secretIn(await readFile(disk), given))
}

/** A root key from its secret, which is taken over. @throws RootKeyRefusal `ROOT_KEY_DAMAGED` */
export async function withTrunk(disk: Disk, secret: SecretBytes): Promise<RootKey> {
  const octets = await disk.read(TRUNK_FILE)
  if (octets === undefined) return new RootKey(secret)
  try {
    const input = trunkInput(secret)
    return new RootKey(
      secret,
      SecretBytes.take(open('aes-256-gcm-siv', input, openTrunk(octets).sealed)),
    )
  } catch (cause) {
    secret[Symbol.dispose]()
    const message = 'The file beside the root key does not open under it'
    throw new RootKeyRefusal('ROOT_KEY_DAMAGED', message, { cause })
  }
}

/** The file that keeps a trunk under its root key. */
export const trunkFileOf = ({ secret, trunk }: RootKey): Uint8Array =>
  toCbor({ v: 1, sealed: seal('aes-256-gcm-siv', trunkInput(secret), trunk.reveal()) })

/** A key of 32 octets for one use. The owner disposes it. */
export function keyFor(root: RootKey, use: string): SecretBytes {
  const info = utf8(`photonward/root/v1/${use}`)
  const secret = (CHANGED_WITH_ROOT.has(use) ? root.secret : root.trunk).reveal()
  return SecretBytes.take(hkdf('sha512', { secret, salt: LABEL, info, length: KEY_OCTETS }))
}

/** A root key seals one trunk, perhaps twice the same: its nonce need not be random. */
const trunkInput = (secret: SecretBytes) => ({
  key: hkdfExpand('sha512', { key: secret.reveal(), info: TRUNK_KEY, length: KEY_OCTETS }),
  nonce: new Uint8Array(12),
  associated: LABEL,
})

/** Uses whose files are sealed again when the root key is changed. */
const CHANGED_WITH_ROOT: ReadonlySet<string> = new Set(['identity', 'vault'])
export const TRUNK_FILE = 'root.trunk'
const KEY_OCTETS = 32
const LABEL = utf8('photonward/root-key/v1')
const NEW_ROOT = utf8('photonward/new-root/v1')
const NEW_TRUNK = utf8('photonward/new-trunk/v1')
const TRUNK_KEY = utf8('photonward/trunk-key/v1')

const openTrunk = cborDoor(
  Exactly({ v: Type.Literal(1), sealed: Octets(KEY_OCTETS + 16) }),
  'trunk',
  256,
)
