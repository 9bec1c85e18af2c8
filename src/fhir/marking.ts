/**
 * What was special about what a request was permitted: what its events say of it beside who and what.
 *
 * Each permission is remembered with the resource that it is about; the events of a patient then bear
 * the marks of what was shown or changed of that patient, and the grant under which it was.
 *
 * @module
 */

import type { Uuid } from '#base'
import type { JsonObject } from '#health'
import type { Marked } from '#vault'
import type { Decision } from './session.ts'

/** Remembers a permission with the resource that it is about. */
export function noteMarks(
  resource: JsonObject,
  { obligations = [] }: Extract<Decision, { readonly permit: true }>,
): void {
  const marks = obligations.flatMap((one) => (one.kind === 'audit' ? one.marks : []))
  const grant = obligations.find((one) => one.kind === 'banner')?.grant
  if (marks.length > 0 || grant !== undefined) {
    marked.set(resource, { marks, ...(grant !== undefined && { grant }) })
  }
}

/** The marks of one request, by whose records it touched. */
export class Marking {
  readonly #of = new Map<Uuid | undefined, Marked>()

  /** @param holders   whose it is, where that is known; everybody's otherwise */
  note(resource: JsonObject, holders: readonly (Uuid | undefined)[] = EVERYBODY): void {
    const found = marked.get(resource)
    if (found === undefined) return
    for (const holder of holders) {
      const { marks, grant = found.grant } = this.#of.get(holder) ?? NONE
      const all = [...new Set([...marks, ...found.marks])].toSorted()
      this.#of.set(holder, { marks: all, ...(grant !== undefined && { grant }) })
    }
  }

  of(holder: Uuid | undefined): Marked {
    return this.#of.get(holder) ?? this.#of.get(undefined) ?? NONE
  }
}

const NONE: Marked = { marks: [] }
const EVERYBODY = [undefined] as const
/** By identity: what is opened is one request's alone. */
const marked = new WeakMap<JsonObject, Marked>()
