/**
 * A resource whose literal references lead elsewhere: what one server calls a thing, another may not.
 *
 * References inside a Bundle mean what its entries say, so a Bundle is left as it is. Narrative and
 * canonical URLs are left too: they are text, and the same everywhere.
 *
 * @see FHIR R4 §2.3.0.1 (literal references), §3.1.1 (Bundle)
 * @module
 */

import { isObject, type Json, type JsonObject } from './json.ts'

/**
 * A copy with every reference `Type/id`, also of a version, as `lead` has it.
 *
 * @param lead   from `Type/id` to `Type/id`; what it gives back unchanged stays to the letter
 */
export function relinked(resource: JsonObject, lead: (reference: string) => string): JsonObject {
  if (resource['resourceType'] === 'Bundle') return resource
  const copy = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(copy)
    return isObject(value) ? copyOf(value) : value
  }
  const copyOf = (value: JsonObject): JsonObject => {
    const members = Object.entries(value).map(([name, member]): [string, Json | undefined] => {
      if (member === undefined) return [name, member]
      if (typeof member !== 'string') return [name, copy(member)]
      const isLink = name === 'reference' || (name === 'url' && member.startsWith(ATTACHED))
      return [name, isLink ? led(member, lead) : member]
    })
    return Object.fromEntries(members)
  }
  return copyOf(resource)
}

function led(reference: string, lead: (reference: string) => string): string {
  const found = LOCAL.exec(reference)
  return found === null ? reference : `${lead(found[1])}${found[2]}`
}

const LOCAL = /^([A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64})((?:\/_history\/[A-Za-z0-9\-.]{1,64})?)$/
/** What an Attachment names by a relative URL. */
const ATTACHED = 'Binary/'
