/**
 * Figures with their provenance.
 *
 * @module
 */

/** A number and where it comes from: a publication, a derivation, or `assumed`. */
export interface Figure {
  readonly value: number
  readonly source: string
}

/** The same shape with a figure in place of each number; words stay what they are. */
export type Figures<T> = {
  readonly [K in keyof T]: T[K] extends number ? Figure : Figures<T[K]>
}

/** Makes figures of one source. */
export const from = (source: string) => (value: number) => ({ value, source })

/** A plausible figure that no publication was found for. */
export const assumed = from('assumed')

/** A figure with its source, as opposed to a branch that leads to some. */
export const isFigure = (node: unknown): node is Figure =>
  typeof node === 'object' && node !== null && 'value' in node && 'source' in node

/** The numbers without their sources. */
export function valuesOf(node: unknown): unknown {
  if (isFigure(node)) return node.value
  if (Array.isArray(node)) return node.map(valuesOf)
  if (typeof node === 'string') return node
  return Object.fromEntries(
    Object.entries(node as object).map(([key, part]) => [key, valuesOf(part)]),
  )
}
