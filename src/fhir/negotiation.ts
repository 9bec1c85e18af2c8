/**
 * What a client wants to send and to get: media types, `_format`, `Prefer`.
 *
 * @see FHIR R4 §3.1.0.1.9 to §3.1.0.1.12; RFC 7240 (Prefer)
 * @module
 */

import { FhirRefusal } from './refusal.ts'

/** What an answer to a change holds. */
export type Preference = 'minimal' | 'representation' | 'OperationOutcome'

/** Media type of every body that is given out. */
export const FHIR_JSON = 'application/fhir+json'

/** @throws FhirRefusal `FHIR_NOT_ACCEPTABLE` unless the client takes JSON */
export function checkAccepted(accept: string | undefined, format: string | null): void {
  const wanted = format ?? accept
  if (wanted === undefined || wanted.trim() === '') return
  for (const range of wanted.split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    // A plus that was not encoded in `_format` arrives as a space.
    const isJson = JSON_RANGES.has(type.replace(' ', '+'))
    if (isJson && parameters.every((one) => one !== 'q=0' && isVersion(one))) return
  }
  throw new FhirRefusal('FHIR_NOT_ACCEPTABLE', `Only ${FHIR_JSON} of FHIR 4.0 is given out`)
}

/** @throws FhirRefusal `FHIR_MEDIA_TYPE_WRONG` unless a body is of one of these types */
export function checkSent(
  contentType: string | undefined,
  types: readonly string[] = SENT_TYPES,
): string {
  const [type, ...parameters] = (contentType ?? '')
    .split(';')
    .map((one) => one.trim().toLowerCase())
  const isUtf8 = parameters.every(
    (one) => isVersion(one) && (!one.startsWith('charset=') || /^charset="?utf-8"?$/.test(one)),
  )
  if (types.includes(type) && isUtf8) return type
  const message = `Expected a body of type ${types.join(' or ')}, in UTF-8`
  throw new FhirRefusal('FHIR_MEDIA_TYPE_WRONG', message)
}

/** The `return` of a Prefer header; representation unless another is asked for. */
export function preferenceOf(header: string | undefined): Preference {
  const asked = /(?:^|[,;\s])return="?(minimal|representation|OperationOutcome)"?/.exec(
    header ?? '',
  )
  return (asked?.[1] as Preference | undefined) ?? 'representation'
}

const isVersion = (parameter: string): boolean =>
  !parameter.startsWith('fhirversion=') || parameter === 'fhirversion=4.0'

const SENT_TYPES: readonly string[] = [FHIR_JSON, 'application/json']
const JSON_RANGES: ReadonlySet<string> = new Set([
  ...SENT_TYPES,
  ...['json', 'text/json', 'application/json+fhir', 'application/*', '*/*', '*'],
])
