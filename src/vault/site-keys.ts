/**
 * Site keys at rest: 32 random octets each, sealed under the root key, one file a version.
 *
 * They lie beside the database, not in it, so that they can be destroyed: overwritten in place, then
 * removed. A new version wraps the holder keys again and the old one is destroyed; from then on no
 * older copy of the database opens, whoever has the root key, unless a copy of this folder was made
 * with it. Records are not touched. Giving the site another root key seals these files again and
 * nothing else.
 *
 * A file is durable before a row of `vault_kek` names its version. Version 1 of stores from before
 * there were files is derived from the root key.
 *
 * Does not help where the file system or the medium keeps what was overwritten.
 *
 * @see RFC 8452
 * @module
 */

import {
  cborDoor,
  Exactly,
  lengthPrefixed,
  Octets,
  SecretBytes,
  toCbor,
  Type,
  uint32,
  utf8,
  type Disk,
  type RandomSource,
  type SiteId,
} from '#base'
import { hkdfExpand, open, seal } from '#crypto'
import { derivedSiteKey, SiteKey } from './keys.ts'
import { VaultRefusal } from './refusal.ts'

/** The files of one site. Owns a key derived from the root key. */
export class SiteKeyFiles implements Disposable {
  readonly #site: SiteId
  readonly #disk: Disk
  readonly #slot: SecretBytes

  /** @param root   32 octets; stays with its owner */
  constructor(about: { readonly site: SiteId; readonly disk: Disk }, root: SecretBytes) {
    this.#site = about.site
    this.#disk = about.disk
    const info = lengthPrefixed(SLOT_KEY, utf8(about.site))
    this.#slot = SecretBytes.take(
      hkdfExpand('sha512', { key: root.reveal(), info, length: KEY_OCTETS }),
    )
  }

  /** Makes a key and its file, durable when it resolves. The caller owns the key. */
  async make(version: number, random: RandomSource): Promise<SiteKey> {
    const key = random.octets(KEY_OCTETS)
    await this.#disk.write(pathOf(version), this.#fileOf(version, key, random))
    return new SiteKey(this.#site, SecretBytes.take(key), version)
  }

  /**
   * The key of a version; the caller owns it.
   *
   * @throws VaultRefusal `VAULT_ROOT_WRONG`, `VAULT_KEY_GONE`
   */
  async read(version: number, root: SecretBytes): Promise<SiteKey> {
    const octets = await this.#disk.read(pathOf(version))
    if (octets === undefined) {
      if (version < FIRST_VERSION) return derivedSiteKey(this.#site, root)
      const message =
        'The key of this store is not in the folder: the store is from before the key was changed'
      throw new VaultRefusal('VAULT_KEY_GONE', message, { facts: { version } })
    }
    return new SiteKey(this.#site, this.#opened(version, octets), version)
  }

  /** Overwrites and removes the file of a version; nothing where there is none. */
  async destroy(version: number): Promise<void> {
    await destroyFile(this.#disk, pathOf(version))
  }

  /** Versions of which there is a file. */
  async versions(): Promise<readonly number[]> {
    const paths = await this.#disk.list(FOLDER)
    return paths.map((path) => Number(path.slice(FOLDER.length + 1))).filter(Number.isSafeInteger)
  }

  /**
   * All files as they are to lie under another root key, by their paths; nothing is written.
   *
   * @throws VaultRefusal `VAULT_ROOT_WRONG`
   */
  async resealed(to: SiteKeyFiles, random: RandomSource): Promise<Map<string, Uint8Array>> {
    const files = new Map<string, Uint8Array>()
    for (const version of await this.versions()) {
      const octets = await this.#disk.read(pathOf(version))
      if (octets === undefined) continue
      using key = this.#opened(version, octets)
      files.set(pathOf(version), to.#fileOf(version, key.reveal(), random))
    }
    return files
  }

  #opened(version: number, octets: Uint8Array): SecretBytes {
    try {
      const { nonce, sealed } = openFile(octets)
      return SecretBytes.take(open('aes-256-gcm-siv', this.#input(version, nonce), sealed))
    } catch (cause) {
      const message = 'This root key does not open the store of this site'
      throw new VaultRefusal('VAULT_ROOT_WRONG', message, { cause })
    }
  }

  #fileOf(version: number, key: Uint8Array, random: RandomSource): Uint8Array {
    const nonce = random.octets(NONCE_OCTETS)
    const sealed = seal('aes-256-gcm-siv', this.#input(version, nonce), key)
    return toCbor({ v: 1, nonce, sealed })
  }

  #input(version: number, nonce: Uint8Array) {
    const associated = lengthPrefixed(SLOT, utf8(this.#site), uint32(version))
    return { key: this.#slot.reveal(), nonce, associated }
  }

  [Symbol.dispose](): void {
    this.#slot[Symbol.dispose]()
  }
}

/**
 * The site keys of a folder as they are to lie under another root key, by their paths.
 *
 * @param keys   the keys for the vault of the old and the new root; stay with their owner
 * @throws VaultRefusal `VAULT_ROOT_WRONG`
 */
export async function resealSiteKeyFiles(
  about: { readonly site: SiteId; readonly disk: Disk },
  keys: { readonly from: SecretBytes; readonly to: SecretBytes },
  random: RandomSource,
): Promise<Map<string, Uint8Array>> {
  using from = new SiteKeyFiles(about, keys.from)
  using to = new SiteKeyFiles(about, keys.to)
  return await from.resealed(to, random)
}

async function destroyFile(disk: Disk, path: string): Promise<void> {
  const octets = await disk.read(path)
  if (octets === undefined) return
  await disk.overwrite(path, 0, new Uint8Array(octets.length))
  await disk.remove(path)
}

const pathOf = (version: number): string => `${FOLDER}/${version}`

/** Of a new store; the version before was derived from the root key. */
export const FIRST_VERSION = 2
const FOLDER = 'site-keys'
const KEY_OCTETS = 32
const NONCE_OCTETS = 12
const SLOT = utf8('photonward/site-key-file@v1')
const SLOT_KEY = utf8('photonward/site-key-slot@v1')
const openFile = cborDoor(
  Exactly({
    v: Type.Literal(1),
    nonce: Octets(NONCE_OCTETS),
    sealed: Octets(KEY_OCTETS + 16),
  }),
  'site key',
  256,
)
