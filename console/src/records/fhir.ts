/**
 * FHIR as it comes, read with care: what is not of the expected shape is left out.
 *
 * Everything here is text for people. Nothing is taken for markup.
 *
 * @module
 */

/** A resource of which nothing is known but its type. */
export type Resource = { readonly resourceType: string; readonly id?: string } & {
  readonly [element: string]: unknown
}

type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value, or the elements of a list. */
export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]

/** The objects in a value or a list. */
export const fieldsIn = (value: unknown): readonly Fields[] => listOf(value).filter(isFields)

/** The first object in a value or a list; an empty one if there is none. */
export const fieldsOf = (value: unknown): Fields => fieldsIn(value).at(0) ?? {}

/** A text, or undefined. */
export const textIn = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** `Type/id`. */
export const nameOf = ({ resourceType, id = '' }: Resource): string => `${resourceType}/${id}`

/** What a Reference names, without the address of a server. */
export function referenceIn(value: unknown): string | undefined {
  const text = textIn(fieldsOf(value)['reference'])
  return text === undefined ? undefined : text.split('/').slice(-2).join('/')
}

/** A CodeableConcept or Coding in words. */
export function conceptText(value: unknown): string | undefined {
  for (const concept of fieldsIn(value)) {
    const said = textIn(concept['text']) ?? textIn(concept['display'])
    if (said !== undefined) return said
    for (const coding of fieldsIn(concept['coding'])) {
      const shown = textIn(coding['display']) ?? textIn(coding['code'])
      if (shown !== undefined) return shown
    }
    const code = textIn(concept['code'])
    if (code !== undefined) return code
  }
  return undefined
}

/** A HumanName in the order in which it is spoken. */
export function personText(value: unknown): string | undefined {
  for (const name of fieldsIn(value)) {
    const said = textIn(name['text'])
    if (said !== undefined) return said
    const parts = [...listOf(name['prefix']), ...listOf(name['given']), name['family']]
    const told = parts.map(textIn).filter((part) => part !== undefined)
    if (told.length > 0) return told.join(' ')
  }
  return undefined
}

/** A Quantity: `167 mm[Hg]`. */
export function quantityText(value: unknown): string | undefined {
  const quantity = fieldsOf(value)
  const number = quantity['value']
  if (typeof number !== 'number') return undefined
  const unit = textIn(quantity['unit']) ?? textIn(quantity['code']) ?? ''
  return `${textIn(quantity['comparator']) ?? ''}${String(number)} ${unit}`.trim()
}

/** The resources of a Bundle. */
export const resourcesIn = (bundle: Resource | undefined): readonly Resource[] =>
  fieldsIn(bundle?.['entry']).flatMap(({ resource }) =>
    isFields(resource) && typeof resource['resourceType'] === 'string'
      ? [resource as unknown as Resource]
      : [],
  )

/** Where the next page of a Bundle begins; undefined at its end. */
export function nextPageIn(bundle: Resource | undefined): string | undefined {
  const next = fieldsIn(bundle?.['link']).find(({ relation }) => relation === 'next')
  const url = textIn(next?.['url'])
  return url === undefined ? undefined : (new URL(url).searchParams.get('_page') ?? undefined)
}

/** Codes of the labels that a resource bears. */
export const labelsOf = ({ meta }: Resource): readonly string[] =>
  fieldsIn(meta)
    .flatMap(({ security }) => fieldsIn(security))
    .flatMap(({ code }) => textIn(code) ?? [])

/** The values of the parameters of a name. */
export const parametersIn = (resource: Resource | undefined, name: string): readonly Fields[] =>
  fieldsIn(resource?.['parameter']).filter((one) => one['name'] === name)

/** The NHS number of a patient, in groups as it is spoken. */
export function nhsNumberOf({ identifier }: Resource): string | undefined {
  const own = fieldsIn(identifier).find(({ system }) => system === NHS_NUMBER)
  return textIn(own?.['value'])?.replace(/^(\d{3})(\d{3})(\d{4})$/, '$1 $2 $3')
}

/** System of NHS numbers. */
export const NHS_NUMBER = 'https://fhir.nhs.uk/Id/nhs-number'
