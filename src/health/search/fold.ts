/**
 * Folding: texts that a reader takes for the same become the same.
 *
 * Case, accents, punctuation and repeated spaces go; letters that carry no accent but are written
 * with one letter elsewhere (ø, ł, ß) become that letter. `O’Neill` is `oneill`, `Müller-Lüdenscheidt`
 * is `muller ludenscheidt`. Folding twice is folding once.
 *
 * @see FHIR R4 §3.1.1.4.8 string
 * @module
 */

/** A text as string searches compare it. */
export function fold(text: string): string {
  return ASCII_WORD.test(text) ? text : foldAny(text)
}

function foldAny(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(MARKS, '')
    .replaceAll(SPECIAL, (letter) => LETTERS[letter] ?? letter)
    .replaceAll(DASHES, ' ')
    .replaceAll(PUNCTUATION, '')
    .replaceAll(SPACES, ' ')
    .trim()
}

const LETTERS: Readonly<Partial<Record<string, string>>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
}
const SPECIAL = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu')
/** What folding would leave as it is: most codes and many names. */
const ASCII_WORD = /^[a-z0-9]*$/
const MARKS = /\p{M}/gu
const DASHES = /\p{Pd}/gu
const PUNCTUATION = /[\p{P}\p{Sk}]/gu
const SPACES = /\s+/gu
