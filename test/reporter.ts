/**
 * Reporter for node:test: one line per file that passed, every failure in full, every skip with
 * its reason; and the counts, as JSON, into the file that PHOTONWARD_COUNTS names.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

export interface Counts {
  passed: number
  failed: number
  /** Names of skipped tests with their reasons. */
  skipped: string[]
}

interface Finished {
  readonly name: string
  readonly nesting: number
  readonly file?: string
  readonly skip?: string | boolean
  readonly todo?: string | boolean
  readonly details: {
    readonly type?: string
    readonly error?: unknown
    readonly duration_ms?: number
  }
}

/** What a file's tests came to. */
interface FileTally {
  passed: number
  milliseconds: number
}

// node:test loads a reporter by its default export.
// eslint-disable-next-line no-restricted-syntax
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts: Counts = { passed: 0, failed: 0, skipped: [] }
  const perFile = new Map<string, FileTally>()
  for await (const event of source) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      yield event.data.message
      continue
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const test = event.data as unknown as Finished
    if (test.details.type === 'suite' || isFile(test)) {
      if (event.type === 'test:fail' && isFile(test)) yield failure(test)
      if (event.type === 'test:fail' && isFile(test)) counts.failed++
      continue
    }
    const tally = tallyOf(perFile, test.file)
    if (test.nesting === 0) tally.milliseconds += test.details.duration_ms ?? 0
    if (event.type === 'test:fail') {
      counts.failed++
      yield failure(test)
    } else if (test.skip !== undefined && test.skip !== false) {
      counts.skipped.push(
        `${test.name} (${typeof test.skip === 'string' ? test.skip : 'no reason'})`,
      )
      yield `  skipped: ${counts.skipped.at(-1) ?? ''}\n`
    } else {
      counts.passed++
      tally.passed++
    }
  }
  for (const [file, { passed, milliseconds }] of perFile) {
    const seconds = `${(milliseconds / 1000).toFixed(1)} s`
    yield `  ${String(passed).padStart(4)} passed ${seconds.padStart(8)}  ${file}\n`
  }
  const to = process.env['PHOTONWARD_COUNTS']
  if (to !== undefined) writeFileSync(to, JSON.stringify(counts))
}

function tallyOf(perFile: Map<string, FileTally>, path = '?'): FileTally {
  const file = path === '?' ? path : relative(process.cwd(), path)
  const tally = perFile.get(file) ?? { passed: 0, milliseconds: 0 }
  perFile.set(file, tally)
  return tally
}

/** With process isolation the runner reports each file as a test of its own. */
const isFile = (test: Finished): boolean =>
  test.nesting === 0 && test.file !== undefined && test.name.endsWith('.test.ts')

function failure(test: Finished): string {
  const { error } = test.details
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  return `  FAILED: ${test.name}\n${text.replaceAll(/^/gm, '    ')}\n`
}
