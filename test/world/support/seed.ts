/**
 * Seeds of world tests, and what a failing one prints: the one command that repeats it.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { Told } from './life.ts'

/** The seed of the environment, which then is the only one; else those that CI always plays. */
export function seedsOr(...usual: readonly number[]): readonly number[] {
  const given = process.env['PHOTONWARD_SEED']
  if (given === undefined) return usual
  const seed = Number(given)
  assert(Number.isSafeInteger(seed) && seed >= 0, 'PHOTONWARD_SEED is a whole number')
  return [seed]
}

/** Fails with all that was reported, and with how to see it again. */
export function expectNoFault({ violations, newest, figures }: Told, seed: number): void {
  if (violations.length === 0) return
  const shown = [...new Set(violations)].slice(0, SHOWN_MAX)
  assert.fail(
    [
      `${violations.length} faults in the world of seed ${seed}:`,
      ...shown.map((line) => `  ${line}`),
      `figures: ${JSON.stringify(figures)}`,
      'the newest steps:',
      ...newest.map((line) => `  ${line}`),
      `to repeat it: ${repeatCommand(seed)}`,
    ].join('\n'),
  )
}

/** Plays every world test with this seed. */
export const repeatCommand = (seed: number): string =>
  `PHOTONWARD_SEED=${seed} npm test -- --only world`

const SHOWN_MAX = 30
