/**
 * Keys as they come from a vendor's KME: looked at for what no honest source gives, and put together.
 *
 * Two facts are beyond chance: a key whose octets are all alike, and a key or key_ID that came
 * before. What came before is remembered for this run of the daemon, the keys by a keyed digest
 * whose key nobody else has and which ends with the run.
 *
 * Does not see keys that are known to somebody: nobody can.
 *
 * @module
 */

import type { RandomSource } from '#base'
import { hmac } from '#crypto'
import type { ForeignKey } from '#kme'
import { KmeLinkRefusal } from './kme-link-refusal.ts'

export class KeyInspector implements Disposable {
  readonly #key: Uint8Array
  /** Digests of keys, oldest first. */
  readonly #keys = new Set<string>()
  readonly #ids = new Set<string>()

  constructor(random: RandomSource) {
    this.#key = random.octets(32)
  }

  /** Refuses key_IDs that came before, and remembers these. @throws KmeLinkRefusal */
  takeIds(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#ids.has(id.toLowerCase())) throw suspicious('a key_ID that it gave before')
      remember(this.#ids, id.toLowerCase())
    }
  }

  /** Refuses keys that are none, and remembers these. @throws KmeLinkRefusal */
  takeKeys(keys: readonly ForeignKey[]): void {
    for (const { octets } of keys) {
      const key = octets.reveal()
      if (key.every((octet) => octet === key[0])) throw suspicious('a key of like octets')
      const digest = hmac('sha256', this.#key, key).toHex()
      if (this.#keys.has(digest)) throw suspicious('a key that it gave before')
      remember(this.#keys, digest)
    }
  }

  [Symbol.dispose](): void {
    this.#key.fill(0)
    this.#keys.clear()
    this.#ids.clear()
  }
}

/** The keys of a block one after the other; whoever gets them clears them. */
export function joined(keys: readonly ForeignKey[]): Uint8Array {
  const size = keys.reduce((sum, { octets }) => sum + octets.length, 0)
  const block = new Uint8Array(size)
  let at = 0
  for (const { octets } of keys) {
    block.set(octets.reveal(), at)
    at += octets.length
  }
  return block
}

function remember(seen: Set<string>, one: string): void {
  seen.add(one)
  const [oldest] = seen
  if (seen.size > REMEMBERED_MAX) seen.delete(oldest)
}

const suspicious = (what: string): KmeLinkRefusal =>
  new KmeLinkRefusal('KME_LINK_KEYS_SUSPICIOUS', `The KME gave ${what}`)

/** Keys of one link that are remembered, some 15 MB. */
const REMEMBERED_MAX = 65_536
