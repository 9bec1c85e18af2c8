/**
 * Foreign programs in Python, whose claims each become a test.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { run } from '../support/processes.ts'
import { pathOf, type Tool } from './tools.ts'

interface Claim {
  readonly claim: string
  readonly holds: boolean
  readonly detail: string
}

/**
 * Runs a program of this folder, which tells its claims as `claims.py` says.
 *
 * @param about.claims   how many it has: none may be passed over
 */
export async function pythonClaims(
  t: TestContext,
  about: {
    readonly python: Tool
    readonly program: string
    readonly claims: number
    readonly args: readonly string[]
  },
): Promise<void> {
  // -B: no compiled copies beside the sources.
  const program = ['-B', join(import.meta.dirname, about.program)]
  const { status, stdout, stderr } = await run(pathOf(about.python), [...program, ...about.args])
  const lines = stdout.split('\n').filter((line) => line !== '')
  const claims = lines.map((line) => JSON.parse(line) as Claim)
  for (const { claim, holds, detail } of claims) {
    await t.test(claim, () => assert(holds, detail))
  }
  assert.equal(claims.length, about.claims, stderr)
  assert.equal(status, 0, stderr)
}
