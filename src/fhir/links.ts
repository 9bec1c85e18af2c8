/**
 * Links between patients' records: which replaces which.
 *
 * @see FHIR R4 Patient.link, value set link-type
 * @module
 */

import { isObject, type Json, type JsonObject } from '#health'

export type LinkType = 'replaced-by' | 'replaces'

/** Ids of the patients of this server to whom a Patient is linked so. */
export const linksOf = (patient: JsonObject, type: LinkType): readonly string[] =>
  linksIn(patient).flatMap((link) => (linkType(link) === type ? (idIn(link) ?? []) : []))

/** Ids of the patients with whose records this one was merged, in either direction. */
export const mergedWith = (patient: JsonObject): readonly string[] =>
  (['replaces', 'replaced-by'] as const).flatMap((type) => linksOf(patient, type))

/** A Patient with one link more. */
export function withLink(patient: JsonObject, type: LinkType, id: string): JsonObject {
  const link = { other: { reference: `Patient/${id}` }, type }
  return { ...patient, link: [...linksIn(patient), link] }
}

/** A Patient without such a link: without the member, where it was the only one. */
export function withoutLink(patient: JsonObject, type: LinkType, id: string): JsonObject {
  const { link: before, ...rest } = patient
  const link = linksIn(patient).filter((one) => linkType(one) !== type || idIn(one) !== id)
  return link.length === 0 || before === undefined ? rest : { ...patient, link }
}

const linksIn = ({ link }: JsonObject): JsonObject[] =>
  Array.isArray(link) ? link.filter(isObject) : []

const linkType = ({ type }: JsonObject): Json | undefined => type

function idIn({ other }: JsonObject): string | undefined {
  const reference = isObject(other) ? other['reference'] : undefined
  return typeof reference === 'string' ? PATIENT.exec(reference)?.[1] : undefined
}

const PATIENT = /^Patient\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/.*)?$/
