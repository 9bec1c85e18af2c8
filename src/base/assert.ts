/**
 * Assertions for our own bugs, never for bad input: a failed one means the site must stop.
 *
 * @module
 */

/** A broken promise inside our own code. Nobody catches it but the outermost shell. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

/** Fails when `condition` is false. The message names what should have held, never a secret. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message)
}

/** Marks code that the type checker has shown to be unreachable. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`Unreachable alternative reached: ${typeof value}`)
}

/** The value, once it is known not to be absent; absence would be a bug of ours. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionFailure(`Missing ${what}`)
  return value
}
