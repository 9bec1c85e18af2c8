/** One section of an explanation. @module */

import type { ExplanationView } from '#contract'

export type Section = ExplanationView['sections'][number]

/** A section from rows of name, value and meaning. */
export const section = (
  title: string,
  terms: readonly (readonly [name: string, value: number, meaning: string])[],
): Section => ({ title, terms: terms.map(([name, value, meaning]) => ({ name, value, meaning })) })
