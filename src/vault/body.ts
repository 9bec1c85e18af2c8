/**
 * What is sealed: the text of a resource as it came, with its type and logical id beside it.
 *
 * Object and version stand in the header of the container, which binds them to this body.
 *
 * @module
 */

import { cborDoor, Octets, Text, textOf, toCbor, Type, utf8, type Uuid } from '#base'
import { JSON_OCTETS_MAX, readJson, type JsonObject } from '#health'
import type { Tags } from './tags.ts'

export interface Body {
  /** FHIR resource type. */
  readonly type: string
  /** FHIR logical id. */
  readonly id: string
  /** Canonical text: JSON without white space, numbers as spelled. */
  readonly text: string
}

export const encodeBody = ({ type, id, text }: Body): Uint8Array => toCbor([type, id, utf8(text)])

/** @throws Refusal unless the octets are a body */
export function decodeBody(octets: Uint8Array): Body {
  const [type, id, text] = openBody(octets)
  return { type, id, text: textOf(text) }
}

/** The resource of a body that is not gone. */
export const resourceOf = ({ text }: Pick<Body, 'text'>): JsonObject =>
  readJson(utf8(text)) as JsonObject

/** The text of a version that says: the resource is no more. JSON for nothing. */
export const GONE = 'null'

/** Whether a version says that its resource is no more. */
export const isGone = ({ text }: Pick<Body, 'text'>): boolean => text === GONE

/**
 * The tag of an object's newest text. What is no more is tagged with its object, so that equal tags
 * do not show which objects those are.
 */
export const likenessOf = (tags: Tags, object: Uuid, text: string): Uint8Array =>
  text === GONE ? tags.of('likeness', text, object) : tags.of('likeness', text)

/** The kind of content, in the header of a container: a FHIR R4 resource as JSON. */
export const CONTENT_FHIR_R4 = 1

const openBody = cborDoor(
  Type.Tuple([Text(64, 1), Text(64, 1), Octets(2, JSON_OCTETS_MAX)]),
  'record body',
  JSON_OCTETS_MAX + 256,
)
