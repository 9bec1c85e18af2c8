/**
 * Polynomial hash over GF(2¹²⁸), in the field and bit order of GHASH (SP 800-38D §6.4).
 *
 * For two different messages of at most m octets the tags agree, or differ by a given constant,
 * for at most a fraction (⌈m/16⌉ + 1) / 2¹²⁸ of all keys: an almost-XOR-universal family. Masked
 * with a fresh one-time pad it authenticates as Wegman and Carter showed; the hash key may then
 * be used again, the pad never.
 *
 * On vector instructions its time and the places it reads depend on the length of the message only
 * (`hash-lanes`). Where the engine has none, it reads tables at places that depend on the key
 * (`hash-tables`).
 *
 * @see Wegman, Carter, J. Comput. Syst. Sci. 22 (1981); McGrew, Viega, INDOCRYPT 2004
 * @module
 */

import { assert } from '#base'
import { laneHash } from './hash-lanes.ts'
import { tableHash } from './hash-tables.ts'
import type { KeyedHash } from './keyed-hash.ts'

/** A keyed hash with tables for its key, secret like the key itself. */
export class PolynomialHash implements Disposable {
  readonly #way: KeyedHash

  /** @param key 16 octets, uniformly random; not kept */
  constructor(key: Uint8Array) {
    assert(key.length === 16, 'a polynomial hash key has 16 octets')
    this.#way = laneHash(key) ?? tableHash(key)
  }

  /**
   * The 16-octet hash of a message, its length included.
   *
   * GHASH of the message padded with zeros, then a block holding its length in bits.
   */
  digest(message: Uint8Array): Uint8Array {
    return this.digestOf([message])
  }

  /** The hash of the parts, joined: a long transcript need not be copied together. */
  digestOf(parts: readonly Uint8Array[]): Uint8Array {
    return this.#way.digestOf(parts)
  }

  [Symbol.dispose](): void {
    this.#way.clear()
  }
}
