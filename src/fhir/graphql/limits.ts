/**
 * What one GraphQL question may cost, counted before anything is asked of the vault.
 *
 * A question of some octets can spell an answer of any size: by aliases, by fragments in fragments,
 * by depth. Fields are counted as they will be resolved, fragments at every place that uses them.
 *
 * @module
 */

import {
  Kind,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { FhirRefusal } from '../refusal.ts'

/** @throws FhirRefusal `FHIR_TOO_COSTLY`. Fragments must have been found free of cycles. */
export function checkCost(document: DocumentNode): void {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition)
    }
  }
  const budget = { fields: FIELDS_MAX }
  const walk = (set: SelectionSetNode, depth: number): void => {
    if (depth > DEPTH_MAX) throw costly(`Expected at most ${DEPTH_MAX} levels`)
    for (const selection of set.selections) {
      if (--budget.fields < 0) throw costly(`Expected at most ${FIELDS_MAX} fields`)
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = fragments.get(selection.name.value)
        if (fragment !== undefined) walk(fragment.selectionSet, depth)
      } else if (selection.selectionSet !== undefined) {
        walk(selection.selectionSet, selection.kind === Kind.FIELD ? depth + 1 : depth)
      }
    }
  }
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) walk(definition.selectionSet, 1)
  }
}

/** Counts what is read and searched for one question. */
export class Asking {
  #left = ASKED_MAX

  /** @throws FhirRefusal `FHIR_TOO_COSTLY` */
  one(): void {
    if (--this.#left < 0) throw costly(`Expected at most ${ASKED_MAX} reads and searches`)
  }
}

const costly = (message: string): FhirRefusal => new FhirRefusal('FHIR_TOO_COSTLY', message)

/** Levels of fields; introspection as tools ask it needs 13. */
export const DEPTH_MAX = 16
/** Fields, fragments counted wherever they are used. */
export const FIELDS_MAX = 1000
/** Reads and searches. */
export const ASKED_MAX = 200
