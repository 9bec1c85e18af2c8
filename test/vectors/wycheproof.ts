/**
 * Reads the Wycheproof files beside the repository (C2SP/wycheproof, `testvectors_v1`).
 *
 * They are large and not part of the repository; where `../shared/data` is absent their tests
 * are skipped with that reason, which is the one reason the strict run accepts.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

export type Result = 'valid' | 'invalid' | 'acceptable'

/** What every Wycheproof test case has; the other members depend on the file. */
export interface Case {
  readonly tcId: number
  readonly comment?: string
  readonly flags: readonly string[]
  readonly result: Result
}

export interface Group<C extends Case> {
  readonly tests: readonly C[]
}

interface File<G> {
  readonly numberOfTests: number
  readonly testGroups: readonly G[]
}

const folder = resolve(import.meta.dirname, '../../../shared/data/vectors/wycheproof')

/** Why tests over a file are skipped, or false if they run. */
export const skipUnless = (name: string): string | false =>
  existsSync(join(folder, name)) ? false : `needs ../shared/data/vectors/wycheproof/${name}`

/** A test over all cases of one file; afterwards, that none was left out. */
export function wycheproof<G extends Group<Case>>(
  name: string,
  claim: string,
  check: (test: G['tests'][number], group: G) => void,
  after: () => void = () => undefined,
): void {
  test(claim, { skip: skipUnless(name) }, () => {
    const file = JSON.parse(readFileSync(join(folder, name), 'utf8')) as File<G>
    let seen = 0
    for (const group of file.testGroups) {
      for (const one of group.tests) {
        seen++
        try {
          check(one, group)
        } catch (cause) {
          const what = `${name} tcId ${one.tcId} (${one.result}; ${one.flags.join(', ')})`
          throw new Error(`${what}: ${one.comment ?? ''}`, { cause })
        }
      }
    }
    assert.equal(seen, file.numberOfTests)
    after()
  })
}

/** Whether a call gives a result at all; for cases that must be refused. */
export function refused(call: () => unknown): boolean {
  try {
    call()
    return false
  } catch {
    return true
  }
}
