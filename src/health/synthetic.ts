/**
 * Whether a patient is certainly invented: the demo profile accepts no other.
 *
 * @module
 */

import { isObject, type JsonObject } from './json.ts'
import { isTestNhsNumber } from './nhs-number.ts'
import { identifiersOf, NHS_NUMBER_SYSTEM } from './ownership.ts'

/**
 * True with an NHS number of the test range, an identifier of Synthea, or the security label
 * HTEST (test health data), and never with an NHS number that may have been issued.
 */
export function isSynthetic(patient: JsonObject): boolean {
  const identifiers = identifiersOf(patient)
  const nhs = identifiers.filter(({ system }) => system === NHS_NUMBER_SYSTEM)
  if (nhs.length > 0) return nhs.every(({ value }) => isTestNhsNumber(value))
  if (identifiers.some(({ system }) => system === SYNTHEA_SYSTEM)) return true
  const labels = isObject(patient['meta']) ? patient['meta']['security'] : undefined
  return Array.isArray(labels) && labels.some((label) => isObject(label) && isTestLabel(label))
}

const isTestLabel = ({ system, code }: JsonObject): boolean =>
  system === ACT_REASON && code === 'HTEST'

const SYNTHEA_SYSTEM = 'https://github.com/synthetichealth/synthea'
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason'
