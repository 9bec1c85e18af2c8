/**
 * A resource in words: each element under its name, whatever the type.
 *
 * @module
 */

import { calledBy, type Chart } from './chart-model.ts'
import {
  conceptText,
  fieldsIn,
  isFields,
  listOf,
  personText,
  quantityText,
  textIn,
  type Resource,
} from './fhir.ts'

/** Rows of name and text. */
export const described = (
  resource: Resource,
  names: Chart['names'],
): readonly (readonly [string, string])[] =>
  Object.entries(resource)
    .filter(([element]) => !APART.includes(element) && !element.startsWith('_'))
    .flatMap(([element, value]) => {
      const text = wordsOf(value, names, 0)
      return text === '' ? [] : [[labelOf(element), text] as const]
    })

/** `dosageInstruction`: `Dosage instruction`. */
export function labelOf(element: string): string {
  const words = element.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function wordsOf(value: unknown, names: Chart['names'], depth: number): string {
  if (depth > DEPTH_MAX) return '…'
  if (Array.isArray(value)) {
    return value
      .map((one) => wordsOf(one, names, depth))
      .filter((text) => text !== '')
      .join(depth === 0 ? '\n' : ', ')
  }
  if (typeof value === 'string') return value
  if (!isFields(value)) return JSON.stringify(value)
  return known(value, names) ?? partsOf(value, names, depth)
}

/** An object of a data type of FHIR. */
function known(value: Readonly<Record<string, unknown>>, names: Chart['names']) {
  if ('reference' in value) return calledBy(names, value)
  if ('coding' in value) return conceptText(value)
  if ('family' in value || 'given' in value) return personText(value)
  if (typeof value['value'] === 'number') return quantityText(value)
  if ('start' in value || 'end' in value) return periodText(value)
  if ('data' in value || 'contentType' in value) return attachmentText(value)
  return undefined
}

const periodText = ({ start, end }: Readonly<Record<string, unknown>>): string =>
  `${textIn(start) ?? '…'} – ${textIn(end) ?? '…'}`

const attachmentText = ({ title, contentType }: Readonly<Record<string, unknown>>): string =>
  [title, contentType].flatMap((one) => textIn(one) ?? []).join(', ')

const partsOf = (
  value: Readonly<Record<string, unknown>>,
  names: Chart['names'],
  depth: number,
): string =>
  Object.entries(value)
    .filter(([element]) => !HIDDEN.includes(element))
    .flatMap(([element, part]) => {
      const text = wordsOf(part, names, depth + 1)
      return text === ''
        ? []
        : [Object.keys(value).length === 1 ? text : `${labelOf(element)}: ${text}`]
    })
    .join('; ')

/** A document within a resource. */
export interface Attached {
  readonly title: string
  readonly type: string
  /** In characters where it is text; undefined for what is not shown here. */
  readonly text: string | undefined
  /** A picture as a data address; undefined for all else. */
  readonly picture: string | undefined
  readonly octets: number
}

/** What is attached, of DocumentReference, DiagnosticReport and the like. */
export const attachedTo = (resource: Resource): readonly Attached[] =>
  [
    ...fieldsIn(resource['content']).flatMap(({ attachment }) => fieldsIn(attachment)),
    ...fieldsIn(resource['presentedForm']),
    ...listOf(resource['photo']).filter(isFields),
  ].map(attached)

function attached(value: Readonly<Record<string, unknown>>): Attached {
  const type = textIn(value['contentType']) ?? ''
  const data = textIn(value['data']) ?? ''
  const octets = octetsOf(data)
  const isText = /^text\/(plain|html|rtf|xml|markdown)\b/.test(type)
  return {
    ...{ title: textIn(value['title']) ?? '', type, octets: octets?.length ?? 0 },
    text: isText && octets !== undefined ? new TextDecoder().decode(octets) : undefined,
    picture: PICTURES.includes(type) && octets ? `data:${type};base64,${data}` : undefined,
  }
}

function octetsOf(data: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
  } catch {
    return undefined
  }
}

/** Shown in a way of their own, or of no use to a reader. */
const APART: readonly string[] = [
  ...['resourceType', 'id', 'meta', 'text', 'contained', 'content', 'presentedForm', 'photo'],
  ...['implicitRules', 'language', 'subject', 'patient'],
]
const HIDDEN: readonly string[] = ['id', 'extension', 'modifierExtension', 'system', 'url']
/** Pictures that cannot hold a script. */
const PICTURES: readonly string[] = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
const DEPTH_MAX = 6
