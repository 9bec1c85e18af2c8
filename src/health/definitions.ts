/**
 * The FHIR R4 definitions at work: each is parsed when its resource type is first met.
 *
 * Loading everything at once would cost 0.2 s and 13 MB; a hospital meets some thirty types.
 * Medplum's validator keeps its types in one table per process, so this does as well.
 *
 * @module
 */

import { loadDataType, tryGetDataType } from '@medplum/core'
import type { StructureDefinition } from '@medplum/fhirtypes'
import definitions from './definitions/r4.json' with { type: 'json' }

/** Whether R4 has a resource of this type that can stand by itself. */
export const isResourceType = (type: string): boolean =>
  Object.hasOwn(definitions.resources, type) && !ABSTRACT.includes(type)

/** Makes a resource type, and the data types it uses, known to the validator. */
export function meetType(type: string): void {
  if (met.has(type)) return
  if (met.size === 0) for (const item of definitions.types) load(item)
  met.add(type)
  load(JSON.parse((definitions.resources as Readonly<Record<string, string>>)[type]))
}

/** Members that every resource of this type must have. */
export function mandatoryMembers(type: string): readonly string[] {
  meetType(type)
  const elements = Object.entries(tryGetDataType(type)?.elements ?? {})
  return elements.filter(([, { min }]) => min > 0).map(([name]) => name)
}

/** Elements of this resource type whose references name patients; undefined if it has none. */
export const patientElements = (type: string): readonly string[] | undefined =>
  Object.hasOwn(owners, type) ? owners[type] : undefined

/** Search parameters whose references put a resource of this type into a patient's compartment. */
export const patientParametersOf = (type: string): readonly string[] =>
  Object.hasOwn(compartment, type) ? compartment[type] : []

/** Whether a required binding allows this code; undefined where the codes cannot be listed. */
export function allowsCode(
  valueSet: string,
  coding: { readonly system?: string; readonly code: string },
): boolean | undefined {
  const systems = codesOf(valueSet)
  if (systems === undefined) return undefined
  if (coding.system !== undefined) return systems.get(coding.system)?.has(coding.code) === true
  return systems.values().some((codes) => codes.has(coding.code))
}

function codesOf(valueSet: string): CodesBySystem | undefined {
  const url = valueSet.split('|')[0]
  const known = expanded.get(url)
  if (known !== undefined || !Object.hasOwn(codes, url)) return known
  const entries = Object.entries(codes[url]).map(([system, of]) => [system, new Set(of)] as const)
  const systems = new Map(entries)
  expanded.set(url, systems)
  return systems
}

const load = (item: unknown): void => loadDataType(item as StructureDefinition)

type CodesBySystem = ReadonlyMap<string, ReadonlySet<string>>
const codes: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> =
  definitions.codes
const owners: Readonly<Record<string, readonly string[]>> = definitions.owners
const compartment: Readonly<Record<string, readonly string[]>> = definitions.compartment
/** Owned by this module; only ever grows, to the types and value sets of R4. */
const expanded = new Map<string, CodesBySystem>()
const met = new Set<string>()
const ABSTRACT = ['Resource', 'DomainResource']
/** All resource types of R4 that can stand by themselves, in order of their names. */
export const RESOURCE_TYPES: readonly string[] = Object.keys(definitions.resources)
  .filter(isResourceType)
  .toSorted()
