/** @module */

import { QkdRefusal } from '../refusal.ts'

/** @throws QkdRefusal `MODEL_INVALID` unless `value` lies between the bounds, both included. */
export function requireIn(what: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return
  throw new QkdRefusal('MODEL_INVALID', `Invalid ${what}: expected ${least} to ${most}`, {
    facts: { what, value },
  })
}
