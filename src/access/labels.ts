/**
 * The security label service: what a resource says of its own sensitivity, and what its codes say.
 *
 * Senders rarely label. Labels that are there count, and are only ever raised: a sensitive code
 * adds its label and makes the resource at least restricted. Free text is not read: a diagnosis that
 * stands in words alone is not found.
 *
 * @see HL7 FHIR R4 §6.1.1 security labels; HL7 Healthcare Privacy and Security Classification System
 * @module
 */

import { isObject, type Json, type JsonObject } from '#health'
import { codingOf, listOf } from './consent-read.ts'
import { CONCEPTS, ICD_10_RANGES } from './label-codes.ts'
import type { Code } from './model.ts'
import { ACT_CODE, CONFIDENTIALITY, ICD_10, ICD_10_CM } from './systems.ts'
import {
  CONFIDENTIALITIES,
  SENSITIVITIES,
  type Confidentiality,
  type Sensitivity,
} from './vocabulary.ts'

/** How sensitive something is. */
export interface Labels {
  readonly confidentiality: Confidentiality
  /** In the order of the vocabulary. */
  readonly sensitivity: readonly Sensitivity[]
}

/** Labels of a resource: those it carries and those that its codes call for. */
export function labelsOf(resource: JsonObject, codes: readonly Code[] = codesIn(resource)): Labels {
  const declared = declaredLabels(resource)
  const found = new Set([
    ...declared.flatMap(({ code }) => sensitivityOf(code)),
    ...codes.flatMap(labelsOfCode),
    // What is read from genes is about genes, whatever it is coded with.
    ...(resource['resourceType'] === 'MolecularSequence' ? (['GDIS'] as const) : []),
  ])
  const sensitivity = SENSITIVITIES.filter((label) => found.has(label))
  const said = declared
    .filter(({ system }) => system === CONFIDENTIALITY)
    .map(({ code }) => CONFIDENTIALITIES.find((one) => one === code) ?? 'V')
  const least = sensitivity.length > 0 ? 'R' : 'U'
  return {
    confidentiality: highest([...(said.length > 0 ? said : ['N' as const]), least]),
    sensitivity,
  }
}

/** The label of a whole: as high as its highest part. An empty whole is unrestricted. */
export function highWaterMark(parts: readonly Labels[]): Labels {
  const found = new Set(parts.flatMap(({ sensitivity }) => sensitivity))
  return {
    confidentiality: highest(['U', ...parts.map(({ confidentiality }) => confidentiality)]),
    sensitivity: SENSITIVITIES.filter((label) => found.has(label)),
  }
}

/** Labels as `meta.security` spells them. */
export const securityTags = ({ confidentiality, sensitivity }: Labels): readonly Code[] => [
  { system: CONFIDENTIALITY, code: confidentiality },
  ...sensitivity.map((code) => ({ system: ACT_CODE, code })),
]

/** Codes of `meta.security`. */
export const declaredLabels = (resource: JsonObject): readonly Code[] =>
  isObject(resource['meta']) ? listOf(resource['meta']['security']).flatMap(codingOf) : []

/** Every code with a system anywhere in a resource, but for its `meta`, once each. */
export function codesIn(resource: JsonObject): readonly Code[] {
  const found = new Map<string, Code>()
  const visit = (value: Json | undefined): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isObject(value)) return
    const { system, code } = value
    if (typeof system === 'string' && typeof code === 'string') {
      found.set(`${system}|${code}`, { system, code })
    }
    Object.values(value).forEach(visit)
  }
  for (const [name, member] of Object.entries(resource)) if (name !== 'meta') visit(member)
  return [...found.values()]
}

function labelsOfCode({ system, code }: Code): readonly Sensitivity[] {
  const concept = byConcept.get(`${system}|${code}`)
  if (concept !== undefined) return concept
  if (system !== ICD_10 && !system.startsWith(ICD_10_CM)) return []
  const category = code.toUpperCase().slice(0, 3)
  const ranges = ICD_10_RANGES.filter(([from, to]) => from <= category && category <= to)
  return ranges.map(([, , label]) => label)
}

function sensitivityOf(code: string): readonly Sensitivity[] {
  const label = KINDS[code] ?? code
  return SENSITIVITIES.filter((one) => one === label)
}

const highest = (values: readonly Confidentiality[]): Confidentiality =>
  values.reduce((a, b) => (CONFIDENTIALITIES.indexOf(a) >= CONFIDENTIALITIES.indexOf(b) ? a : b))

const byConcept: ReadonlyMap<string, readonly Sensitivity[]> = Map.groupBy(
  Object.entries(CONCEPTS).flatMap(([system, labels]) =>
    Object.entries(labels).flatMap(([label, codes]) =>
      codes.split(' ').map((code) => ({ key: `${system}|${code}`, label: label as Sensitivity })),
    ),
  ),
  ({ key }) => key,
)
  .entries()
  .reduce(
    (map, [key, items]) =>
      map.set(
        key,
        items.map(({ label }) => label),
      ),
    new Map<string, Sensitivity[]>(),
  )

/** Labels of HL7 v3 that are kinds of ours. */
export const KINDS: Readonly<Partial<Record<string, Sensitivity>>> = {
  ETHUD: 'ETH',
  OPIOIDUD: 'ETH',
  MH: 'PSY',
  BH: 'PSY',
  SUD: 'ETH',
  VIO: 'SDV',
  SICKLE: 'SCA',
}
