/**
 * Secret octets with one owner.
 *
 * JavaScript cannot prove that no copy is left (garbage collection moves and strings stay); this
 * clears the copy we hold and makes every accidental way out loud.
 *
 * @module
 */

import { assert } from './assert.ts'

/** Key bytes with one owner, zeroed when the owner's scope ends. */
export class SecretBytes implements Disposable {
  #octets: Uint8Array | undefined

  private constructor(octets: Uint8Array) {
    this.#octets = octets
  }

  /** Takes ownership: the caller's array is the secret now and will be zeroed. */
  static take(octets: Uint8Array): SecretBytes {
    return new SecretBytes(octets)
  }

  /** Copies: the caller keeps its own array and the duty to clear it. */
  static copyOf(octets: Uint8Array): SecretBytes {
    // Not `slice`: that of a Node Buffer shares memory with it.
    return new SecretBytes(new Uint8Array(octets))
  }

  get length(): number {
    return this.reveal().length
  }

  /** The octets themselves, not a copy. Valid until disposal; never keep, log or print them. */
  reveal(): Uint8Array {
    assert(this.#octets !== undefined, 'a secret is not used after its disposal')
    return this.#octets
  }

  /** Hands the octets to a new owner without a copy; this object is empty afterwards. */
  release(): Uint8Array {
    const octets = this.reveal()
    this.#octets = undefined
    return octets
  }

  [Symbol.dispose](): void {
    this.#octets?.fill(0)
    this.#octets = undefined
  }

  toJSON(): never {
    throw new TypeError('Secret bytes have no JSON form')
  }

  toString(): never {
    throw new TypeError('Secret bytes have no text form')
  }
}
