/**
 * `spec/vectors/hybrid-session.json` is what its generator makes.
 *
 * The generator is a second implementation over other libraries; `src/session/vectors.test.ts`
 * shows that the daemon's code agrees with it.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sessionVectors } from '../../tools/make-session-vectors.ts'

test('the generator makes the published sessions, octet for octet', () => {
  const file = join(import.meta.dirname, '../../spec/vectors/hybrid-session.json')
  const published = JSON.parse(readFileSync(file, 'utf8')) as { sessions: readonly unknown[] }
  assert.equal(published.sessions.length, 4)
  assert.deepEqual(published, JSON.parse(JSON.stringify(sessionVectors())))
})
