/**
 * Waiting for a condition, with a limit: the only way in which tests and benchmarks wait.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'

/** Generous, because two loaded cores may have to play two hospitals and a fibre. */
export const LIMIT_MS = 60_000
const LOOK_MS = 40

/** What will not become true any more: the waiting ends at once. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless'
}

/**
 * The first value of `look` that is neither undefined, false nor null.
 *
 * @param what    the condition in words, for the failure
 * @param look    asked again and again; what it rejects with counts as not yet, unless it is `Hopeless`
 */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  limitMs = LIMIT_MS,
  lookMs = LOOK_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + limitMs
  let last: unknown = 'never true'
  for (;;) {
    try {
      const value = await look()
      if (value !== undefined && value !== null && value !== false) {
        return value as NonNullable<Exclude<T, false>>
      }
      last = 'never true'
    } catch (error) {
      if (error instanceof Hopeless) throw error
      last = error
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited ${limitMs} ms in vain: ${what}`, { cause: last })
    }
    await pause(lookMs)
  }
}
