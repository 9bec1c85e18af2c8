/**
 * The member names of FHIR R4, which alone may be repeated in messages.
 *
 * A name outside this list came from the sender and might be somebody's data.
 *
 * @module
 */

import definitions from './definitions/r4.json' with { type: 'json' }

/** Whether FHIR R4 has an element of this name, with or without the underscore of extensions. */
export const isMemberName = (name: string): boolean =>
  NAMES.has(name.startsWith('_') ? name.slice(1) : name)

const NAMES: ReadonlySet<string> = new Set(definitions.names.split(' '))
