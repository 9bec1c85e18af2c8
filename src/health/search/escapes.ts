/**
 * Values of a search string taken apart: at commas, pipes and dollars that are not escaped.
 *
 * @see FHIR R4 §3.1.1.4.2 escaping search parameters
 * @module
 */

/** The parts between unescaped separators, themselves still escaped. */
export function splitEscaped(text: string, separator: ',' | '|' | '$'): readonly string[] {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at++
    else if (character === separator) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts
}

/** A text cut at every separator. There is a first part; whether there are others, nobody knows. */
export const parted = (text: string, separator: string): Parted =>
  text.split(separator) as unknown as Parted
type Parted = readonly [string, ...(string | undefined)[]]

/** The text without its escapes; undefined if one is none of FHIR's. */
export function unescaped(text: string): string | undefined {
  if (!text.includes('\\')) return text
  let result = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character !== '\\') {
      result += character
      continue
    }
    const next = text.charAt(++at)
    if (next === '' || !',|$\\'.includes(next)) return undefined
    result += next
  }
  return result
}
