/**
 * Watermarks of a pool for one direction, and who may draw it down how far.
 *
 * ```
 *   0 ─── critical ─── low ─── target ─── full
 *     emergency only
 *                 clinical too
 *                          background too
 *     pre-relay fills the pool up to target         above full the link may rest
 * ```
 *
 * What lies below the critical mark is the reserve of emergencies; the reserve that authenticates
 * the link is not counted in a pool at all. The same marks serve the pools of links and the pools
 * that pre-relay keeps for distant pairs.
 *
 * @module
 */

import { RelayRefusal } from './refusal.ts'

/** Octets in one direction: 0 < critical < low < target < full. */
export interface Watermarks {
  readonly critical: number
  readonly low: number
  readonly target: number
  readonly full: number
}

/**
 * What keys are wanted for. `emergency`: break-glass and transfers of acute care; `clinical`:
 * everything else somebody waits for; `background`: pre-relay, backups, re-keying.
 */
export const PRIORITIES = ['emergency', 'clinical', 'background'] as const
export type Priority = (typeof PRIORITIES)[number]

/** Which two marks a pool stands between; each is named by the mark it has reached. */
export type Level = 'spent' | 'critical' | 'low' | 'target' | 'full'

/** Checks the order of marks. @throws RelayRefusal `RELAY_POLICY_INVALID` */
export function watermarks(marks: Watermarks): Watermarks {
  const rising = [0, marks.critical, marks.low, marks.target, marks.full]
  if (rising.every((mark, at) => at === 0 || mark > rising[at - 1])) return marks
  throw new RelayRefusal('RELAY_POLICY_INVALID', 'Expected 0 < critical < low < target < full', {
    facts: { ...marks },
  })
}

/** The highest mark that so many octets reach; `spent` if not even the critical one. */
export function levelOf(octets: number, marks: Watermarks): Level {
  if (octets >= marks.full) return 'full'
  if (octets >= marks.target) return 'target'
  if (octets >= marks.low) return 'low'
  return octets >= marks.critical ? 'critical' : 'spent'
}

/** Octets that must remain when a request of this priority was served. */
export function floorOf(priority: Priority, marks: Watermarks): number {
  switch (priority) {
    case 'emergency':
      return 0
    case 'clinical':
      return marks.critical
    case 'background':
      return marks.low
  }
}

/** Octets that pre-relay still has to bring into a pool of so many; 0 from the target on. */
export const wantedBy = (octets: number, marks: Watermarks): number =>
  Math.max(0, marks.target - octets)
