/**
 * Where a key may come from, and the one order of how much that is worth.
 *
 * The order decides what a combined key may be called and which of several ways was the weakest.
 * Of the sources that are not computed it goes by who had the key in hands: quantum hardware that
 * we run; a vendor's system on our premises, which attests nothing (GS QKD 014); another operator's
 * network; a person who carried it.
 *
 * @module
 */

/** Sources of keys, least worthy first: those of a seed and of simulated optics are computed. */
export const KEY_SOURCES = [
  'seeded-test',
  'simulated',
  'courier',
  'partner',
  'kme-asserted',
  'hardware',
] as const
export type KeySource = (typeof KEY_SOURCES)[number]

/** The least worthy of these sources; undefined if there is none. */
export const weakestSource = (found: Iterable<KeySource>): KeySource | undefined => {
  const there = new Set(found)
  return KEY_SOURCES.find((source) => there.has(source))
}

/** The worthiest of these sources; undefined if there is none. */
export const strongestSource = (found: Iterable<KeySource>): KeySource | undefined => {
  const there = new Set(found)
  return KEY_SOURCES.findLast((source) => there.has(source))
}
