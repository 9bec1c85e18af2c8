/**
 * Account of every key that two KMEs gave out, and what is wrong with it.
 *
 * @module
 */

import { keysIn, type NorthAnswer } from './north.ts'

export class KeyLedger {
  /** Keys by key_ID, as the masters got them. */
  readonly #made = new Map<string, string>()
  readonly #fetched = new Map<string, string>()
  readonly #values = new Set<string>()
  readonly problems: string[] = []

  /** Notes an answer to enc_keys. @returns the key_IDs in it */
  made(answer: NorthAnswer): readonly string[] {
    const keys = keysIn(answer)
    for (const { key_ID, key } of keys) {
      if (this.#made.has(key_ID)) this.problems.push(`${key_ID} was made twice`)
      if (this.#values.has(key)) this.problems.push(`${key_ID} has the octets of another key`)
      this.#made.set(key_ID, key)
      this.#values.add(key)
    }
    return keys.map(({ key_ID }) => key_ID)
  }

  /** Notes an answer to dec_keys. */
  fetched(answer: NorthAnswer): void {
    for (const { key_ID, key } of keysIn(answer)) {
      if (this.#fetched.has(key_ID)) this.problems.push(`${key_ID} was delivered twice`)
      if (this.#made.get(key_ID) !== key) this.problems.push(`${key_ID} differs at the two ends`)
      this.#fetched.set(key_ID, key)
    }
  }

  get madeCount(): number {
    return this.#made.size
  }

  get fetchedCount(): number {
    return this.#fetched.size
  }

  wasMade(id: string): boolean {
    return this.#made.has(id)
  }
}
