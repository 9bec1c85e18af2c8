/**
 * What `npm test` runs: every check and every suite, in order, and the counts at the end.
 *
 *   node test/run.ts                 everything but `more`
 *   node test/run.ts --only unit     one stage: checks, unit, world, process, external, browser or more
 *
 * With PHOTONWARD_SKIPS=refuse, as in `.ci/run`, a skipped test fails the run, unless it was
 * skipped because the folder ../shared/data is absent.
 *
 * @module
 */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Counts } from './reporter.ts'

interface Stage {
  readonly name: string
  readonly run: () => Counts | Promise<Counts>
  /** Run only when it is asked for. */
  readonly extra?: boolean
}

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'photonward-test-'))

/** Tests that start a database of their own: each in a process of its own. */
const ENGINES: readonly string[] = [
  'src/gateway/store-crash.test.ts',
  'src/gateway/store-postgres.test.ts',
]

/** Long suites of many processes, which `npm run test:more` runs. */
const MORE: readonly string[] = [
  'test/process/demo.test.ts',
  'test/process/fhir-postgres.test.ts',
  'test/process/killed-relay.test.ts',
  'test/process/network-up.test.ts',
  'test/process/postgres.test.ts',
  'test/process/rooms-on-postgres.test.ts',
  'test/process/several-daemons.test.ts',
  'test/process/vendor-kme.test.ts',
]

const stages: readonly Stage[] = [
  { name: 'checks', run: checks },
  {
    name: 'unit',
    run: () => suites(['src/**/*.test.ts', 'test/vectors/*.test.ts', 'test/*.test.ts'], true),
  },
  { name: 'world', run: () => suites(['test/world/*.test.ts'], true) },
  { name: 'process', run: () => suites([...ENGINES, 'test/process/*.test.ts'], false) },
  { name: 'more', run: () => suites(MORE, false), extra: true },
  { name: 'external', run: () => suites(['test/external/*.test.ts'], false) },
  { name: 'browser', run: () => suites(['test/browser/*.test.ts'], false) },
]

async function main(): Promise<number> {
  const only = process.argv.includes('--only') ? process.argv.at(-1) : undefined
  const chosen = stages.filter(({ name, extra }) =>
    only === undefined ? extra !== true : name === only,
  )
  if (chosen.length === 0) {
    console.error(`No such stage; choose one of ${stages.map(({ name }) => name).join(', ')}`)
    return 2
  }
  const total: Counts = { passed: 0, failed: 0, skipped: [] }
  const lines: string[] = []
  for (const { name, run } of chosen) {
    console.log(`== ${name}`)
    const begun = performance.now()
    const counts = await run()
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    lines.push(`${name}: ${tally(counts)}, ${seconds} s`)
    total.passed += counts.passed
    total.failed += counts.failed
    total.skipped.push(...counts.skipped)
  }
  console.log(['', ...lines, `total: ${tally(total)}`].join('\n'))
  return verdict(total)
}

function verdict({ passed, failed, skipped }: Counts): number {
  const refused = skipped.filter((reason) => !reason.includes('../shared/data'))
  if (process.env['PHOTONWARD_SKIPS'] === 'refuse' && refused.length > 0) {
    console.log(`Skipped tests fail this run:\n${refused.map((line) => `  ${line}`).join('\n')}`)
    return 1
  }
  return failed === 0 && passed > 0 ? 0 : 1
}

const tally = ({ passed, failed, skipped }: Counts): string =>
  `${String(passed)} passed, ${String(failed)} failed, ${String(skipped.length)} skipped`

/** Formatting, lint and types; each counts as one test. */
function checks(): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: [] }
  const commands: readonly (readonly string[])[] = [
    ['node', 'node_modules/tsgo/bin/tsc', '-p', 'tsconfig.json'],
    ['node', 'node_modules/tsgo/bin/tsc', '-p', 'console/tsconfig.json'],
    ['node_modules/.bin/eslint', '.'],
    ['node_modules/.bin/prettier', '--check', '--log-level', 'warn', '.'],
  ]
  for (const [command, ...args] of commands) {
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
    console.log(`  ${status === 0 ? 'ok' : 'FAILED'}: ${[command, ...args].join(' ')}`)
    if (status === 0) counts.passed++
    else counts.failed++
  }
  return counts
}

/**
 * Test files matching the patterns: where they are pure, in one process for each of two cores, else
 * one after another in processes of their own.
 */
async function suites(patterns: readonly string[], pure: boolean): Promise<Counts> {
  const found = globSync(patterns, { cwd: root }).toSorted()
  const elsewhere = [...(pure ? ENGINES : []), ...(patterns === MORE ? [] : MORE)]
  const files = found.filter((file) => !elsewhere.includes(file))
  if (files.length === 0) return { passed: 0, failed: 0, skipped: [] }
  const shards = pure ? Math.min(SHARDS_MAX, availableParallelism(), files.length) : 1
  const isolation = pure ? '--test-isolation=none' : '--test-concurrency=1'
  const all = await Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      suite(
        files.filter((_, at) => at % shards === shard),
        isolation,
      ),
    ),
  )
  return {
    passed: sumOf(all.map(({ passed }) => passed)),
    failed: sumOf(all.map(({ failed }) => failed)),
    skipped: all.flatMap(({ skipped }) => skipped),
  }
}

/** Runs test files in one process of the test runner. */
async function suite(files: readonly string[], isolation: string): Promise<Counts> {
  const countsFile = join(mkdtempSync(join(scratch, 'suite-')), 'counts.json')
  const child = spawn(
    'node',
    [
      '--no-experimental-ffi',
      '--test',
      `--test-timeout=${String(TEST_LIMIT_MS)}`,
      isolation,
      `--test-reporter=${join(root, 'test/reporter.ts')}`,
      '--test-reporter-destination=stdout',
      ...files,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PHOTONWARD_COUNTS: countsFile },
    },
  )
  // Line by line, so that nothing is lost if all is cut off, and two suites do not mix theirs.
  createInterface(child.stdout).on('line', (line) => console.log(line))
  const [status] = (await once(child, 'close')) as [number | null]
  if (!existsSync(countsFile)) return { passed: 0, failed: 1, skipped: [] }
  const counts = JSON.parse(readFileSync(countsFile, 'utf8')) as Counts
  if (status !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0)

/** No test takes so long: one that does hangs, and must not take the others with it. */
const TEST_LIMIT_MS = 300_000
/** Of the machines that this is to pass on, the smallest has two cores. */
const SHARDS_MAX = 2

process.exitCode = await main()
rmSync(scratch, { recursive: true, force: true })
