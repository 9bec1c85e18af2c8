/** @module */

import { OpticsRefusal } from './refusal.ts'

/** @throws OpticsRefusal OPTICS_LINK_INVALID unless `value` lies between the bounds, both included. */
export function requireRange(what: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return
  throw new OpticsRefusal(
    'OPTICS_LINK_INVALID',
    `Invalid ${what}: expected ${least} to ${most}, got ${value}`,
    { facts: { what, value } },
  )
}
