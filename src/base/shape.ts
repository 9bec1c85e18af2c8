/**
 * Doors for data from outside: a shape is declared once, checked at run time, typed at compile
 * time, and printed as JSON Schema where an API needs one.
 *
 * @module
 */

import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { fromCbor } from './cbor.ts'
import { Refusal } from './refusal.ts'

export { Type }
export type { Static, TSchema }

export class ShapeRefusal extends Refusal<'SHAPE_INVALID'> {
  override readonly name = 'ShapeRefusal'
}

/** Returns the value, typed, or refuses it. */
export type Door<T> = (value: unknown) => T

/** An object with exactly these members. */
export const Exactly = <P extends Parameters<typeof Type.Object>[0]>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })

/** A byte string of this many octets. */
export const Octets = (least: number, most = least) =>
  Type.Uint8Array({ minByteLength: least, maxByteLength: most })

/** A whole number from `least` to `most`. */
export const Whole = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  Type.Integer({ minimum: least, maximum: most })

/** A text of at most so many UTF-16 units. */
export const Text = (most: number, least = 0) => Type.String({ minLength: least, maxLength: most })

/** One of these texts. */
export const OneOf = <const T extends readonly string[]>(...texts: T) =>
  Type.Unsafe<T[number]>(Type.Union(texts.map((text) => Type.Literal(text))))

/** A UUID in lower case. */
export const UuidText = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
})

/**
 * Compiles a shape into its door.
 *
 * The refusal names the first wrong member and what was expected, never the value that was got.
 *
 * @param what   what is being read, for the message: `configuration`, `transfer offer`
 */
export function door<S extends TSchema>(schema: S, what: string): Door<Static<S>> {
  const check = TypeCompiler.Compile(schema)
  return (value) => {
    if (check.Check(value)) return value
    const first = check.Errors(value).First()
    const place = first === undefined || first.path === '' ? 'the whole' : first.path.slice(1)
    const problem = first === undefined ? 'unexpected form' : first.message.toLowerCase()
    throw new ShapeRefusal('SHAPE_INVALID', `Invalid ${what}: ${place}: ${problem}`, {
      facts: { place },
    })
  }
}

/** A door for CBOR octets of at most `octetsMax`. */
export function cborDoor<S extends TSchema>(
  schema: S,
  what: string,
  octetsMax: number,
): (octets: Uint8Array) => Static<S> {
  const open = door(schema, what)
  return (octets) => open(fromCbor(octets, octetsMax))
}
