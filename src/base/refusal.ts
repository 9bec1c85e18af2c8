/**
 * The shape of every refusal: a stable code, one clear line, and facts as fields.
 *
 * Each room has one error class derived from this. Codes are API and stay; messages may improve.
 * A message never holds key bits, plaintext or a patient's identifier. The inner error, where
 * there is one, is the `cause` and is never copied into the message.
 *
 * @module
 */

/** A plain value that may stand beside a refusal in logs and answers. */
export type Fact = string | number | boolean

export type Facts = Readonly<Record<string, Fact>>

/** Something was refused, or failed outside: the caller can act on `code`. */
export abstract class Refusal<Code extends string = string> extends Error {
  readonly code: Code
  readonly facts: Facts

  constructor(code: Code, message: string, options: { cause?: unknown; facts?: Facts } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.facts = options.facts ?? {}
  }
}

/** What a refusal looks like on a wire or in a JSON answer. */
export interface RefusalNote {
  readonly code: string
  readonly message: string
  readonly facts: Facts
}

/**
 * What a log may say of an error. Of a refusal its code and message; of anything else its name and
 * where it was thrown, for the message of a foreign error may repeat what it choked on.
 */
export function logFacts(error: unknown): Facts {
  if (error instanceof Refusal) {
    const { code, message } = error as Refusal
    return { code, why: message }
  }
  if (!(error instanceof Error)) return { code: 'INTERNAL', why: 'something that is no error' }
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '))
  const where = frames.slice(0, FRAMES).map((line) => line.trim().replace(/\(.*\/src\//, '(src/'))
  return { code: 'INTERNAL', why: error.name, where: where.join(' < ') }
}

/** The note for `error`; anything that is not a refusal becomes an unspecific internal failure. */
export function noteOf(error: unknown): RefusalNote {
  if (error instanceof Refusal) {
    const { code, message, facts } = error as Refusal
    return { code, message, facts }
  }
  return {
    code: 'INTERNAL',
    message: 'Internal failure; the log of this site says more',
    facts: {},
  }
}

/** Frames of a stack that are worth a log line. */
const FRAMES = 5
