/**
 * Elements that search parameters name, by our compiled paths and by Medplum's FHIRPath evaluator.
 *
 * Inputs are the examples of FHIR R4 and of Synthea, which lie beside the repository; where they
 * are absent the test is skipped.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { evalFhirPathTyped, toTypedValue } from '@medplum/core'
import {
  isObject,
  issuesOf,
  plain,
  readJson,
  searchParametersOf,
  type Json,
  type JsonObject,
} from '#health'
import definitions from '../definitions/search-parameters.json' with { type: 'json' }

const folder = resolve(import.meta.dirname, '../../../../shared/data/fhir')
const skip = existsSync(folder) ? false : 'needs ../shared/data/fhir'

test('compiled paths find what a FHIRPath evaluator finds', { skip }, () => {
  const differing = new Set<string>()
  let compared = 0
  for (const resource of examples()) {
    const type = resource['resourceType'] as string
    // Makes the evaluator acquainted with the type.
    issuesOf(resource)
    for (const [code, { walk }] of searchParametersOf(type)) {
      const theirs = evaluated(resource, type, code)
      if (theirs === undefined) continue
      const ours = walk(resource).map(({ value }) => JSON.stringify(plain(value)))
      compared += ours.length
      if (distinct(ours) !== distinct(theirs)) differing.add(`${type} ${code}`)
    }
  }
  assert(compared > 3000, `too few elements: ${compared}`)
  assert.deepEqual([...differing].toSorted(), [
    // Its unions take 1e-245 for 1e-22.
    'Observation combo-value-quantity',
    'Observation component-value-quantity',
    // It takes no absolute URL for a reference to a patient.
    'QuestionnaireResponse patient',
  ])
})

/** What Medplum finds; undefined for what all resources share, where it knows no such type. */
function evaluated(resource: JsonObject, type: string, code: string) {
  const found = definitions.find((item) => item.code === code && item.base.includes(type))
  if (found?.expression === undefined) return undefined
  const parts = found.expression.split('|').map((part) => part.trim())
  const own = parts.filter((part) => /^[a-z]/.test(part) || /^\(?(\w+)/.exec(part)?.at(1) === type)
  const expression = own.join(' | ')
  const root = toTypedValue(plain(resource))
  return evalFhirPathTyped(expression, [root]).map(({ value }) => JSON.stringify(value))
}

const distinct = (list: readonly string[]): string => [...new Set(list)].toSorted().join()

/** At most some of each type. */
function* examples(): Generator<JsonObject> {
  const counts = new Map<string, number>()
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.json')) continue
    const read = readJson(readFileSync(join(folder, name))) as JsonObject
    const entries = Array.isArray(read['entry']) ? read['entry'] : []
    for (const resource of [
      read,
      ...entries.map((entry: Json) => isObject(entry) && entry['resource']),
    ]) {
      if (!isObject(resource)) continue
      const type = resource['resourceType'] as string
      const count = counts.get(type) ?? 0
      counts.set(type, count + 1)
      if (count < EACH) yield resource
    }
  }
}

const EACH = 25
