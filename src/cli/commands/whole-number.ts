/** Whole numbers as options. @module */

import { CliRefusal } from '../exit.ts'

/** The number that an option says. @throws CliRefusal `ARGUMENT_INVALID` outside the range */
export function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  const range = `${String(least)} to ${String(most)}`
  throw new CliRefusal('ARGUMENT_INVALID', `--${name} must be a whole number from ${range}`)
}
