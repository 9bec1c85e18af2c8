/**
 * NHS numbers: ten digits, the last a check digit modulo 11.
 *
 * @see NHS Data Dictionary, NHS NUMBER
 * @module
 */

import type { SeededRandom } from '#base'

/** Whether ten digits, spaces allowed between them, are a possible NHS number. */
export function isNhsNumber(text: string): boolean {
  const digits = text.replaceAll(' ', '')
  return /^\d{10}$/.test(digits) && checkDigit(digits.slice(0, 9)) === Number(digits[9])
}

/** Whether it is one of those that the NHS never issues: 999 000 0000 to 999 999 9999. */
export const isTestNhsNumber = (text: string): boolean =>
  isNhsNumber(text) && text.replaceAll(' ', '').startsWith('999')

/** All NHS numbers of the test range, each once, in an order that looks random. */
export function* testNhsNumbers(random: SeededRandom): Generator<string> {
  let serial = random.below(SERIALS)
  for (let count = 0; count < SERIALS; count++) {
    // The step has no factor in common with the range, so that every serial comes up once.
    serial = (serial + STEP) % SERIALS
    const nine = `999${String(serial).padStart(6, '0')}`
    const check = checkDigit(nine)
    if (check !== undefined) yield `${nine}${check}`
  }
}

/** The tenth digit, or undefined where it would be 10 and the number is never issued. */
function checkDigit(nine: string): number | undefined {
  let sum = 0
  for (let at = 0; at < 9; at++) sum += Number(nine[at]) * (10 - at)
  const check = (11 - (sum % 11)) % 11
  return check === 10 ? undefined : check
}

const SERIALS = 1_000_000
const STEP = 382_157
