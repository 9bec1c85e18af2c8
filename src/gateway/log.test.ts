import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Facts } from '#base'
import { SimulatedTime } from '#world/ports'
import { EVENT_LINES_MAX, FileSink, JsonLog, type LineSink } from './log.ts'
import { scratch } from './scratch.test.ts'

class Lines implements LineSink {
  readonly lines: string[] = []
  broken = false

  write(line: string): void {
    if (this.broken) throw new Error('No space left')
    this.lines.push(line)
  }

  close(): void {
    this.broken = true
  }
}

const clock = new SimulatedTime().view()

test('a line is one JSON document with time, level, event and facts', () => {
  const sink = new Lines()
  const log = new JsonLog({ clock, sinks: [sink] })
  log.write('warning', 'link-down', { link: 'bristol-cambridge', attempts: 3, tampering: false })
  assert.deepEqual(
    sink.lines.map((line) => JSON.parse(line) as unknown),
    [
      {
        at: '2026-01-01T00:00:00.000Z',
        level: 'warning',
        event: 'link-down',
        facts: { link: 'bristol-cambridge', attempts: 3, tampering: false },
      },
    ],
  )
})

test('no fact can break a line, hide in it, or make it endless', () => {
  const sink = new Lines()
  const log = new JsonLog({ clock, sinks: [sink] })
  const smuggled = { key: new Uint8Array(4), huge: 'x'.repeat(1e6), nan: NaN, line: 'a\nb' }
  log.write('info', 'e\n{"level":"error"}', smuggled as unknown as Facts)
  assert.equal(sink.lines.length, 1)
  assert.equal(sink.lines[0].indexOf('\n'), sink.lines[0].length - 1)
  assert(sink.lines[0].length < 3000)
  const { facts } = JSON.parse(sink.lines[0]) as { facts: Record<string, unknown> }
  assert.equal(facts['key'], 'not a fact: object')
  assert.equal(facts['nan'], 'NaN')
  assert.equal(facts['line'], 'a\nb')
})

test('lines below the least level are dropped, those at it are kept', () => {
  const sink = new Lines()
  const log = new JsonLog({ clock, sinks: [sink], least: 'warning' })
  for (const level of ['debug', 'info', 'warning', 'error'] as const) log.write(level, 'x')
  assert.deepEqual(
    sink.lines.map((line) => (JSON.parse(line) as { level: string }).level),
    ['warning', 'error'],
  )
})

test('a sink that fails never throws; lost lines are counted and told when it works again', () => {
  const failing = new Lines()
  const sound = new Lines()
  const log = new JsonLog({ clock, sinks: [failing, sound] })
  failing.broken = true
  for (let i = 0; i < 5; i++) log.write('info', 'tick', { i })
  failing.broken = false
  log.write('info', 'tock')
  log.write('info', 'tock')
  assert.equal(sound.lines.length, 7)
  assert.deepEqual(
    failing.lines.map((line) => {
      const { event, facts } = JSON.parse(line) as { event: string; facts: Facts }
      return [event, facts]
    }),
    [
      ['log-lines-lost', { lines: 5 }],
      ['tock', {}],
      ['tock', {}],
    ],
  )
})

test('an event that floods the log is cut, counted, and does not drown the others', async () => {
  const time = new SimulatedTime()
  const sink = new Lines()
  const log = new JsonLog({ clock: time.view(), sinks: [sink] })
  for (let i = 0; i < EVENT_LINES_MAX + 50; i++) log.write('info', 'knock')
  log.write('warning', 'link-down')
  const events = (): string[] =>
    sink.lines.map((line) => (JSON.parse(line) as { event: string }).event)
  assert.equal(events().filter((event) => event === 'knock').length, EVENT_LINES_MAX)
  assert.equal(events().at(-1), 'link-down')
  await time.advance(60_000)
  log.write('info', 'knock')
  assert.deepEqual(events().slice(-2), ['log-lines-cut', 'knock'])
  assert.deepEqual((JSON.parse(sink.lines.at(-2) ?? '') as { facts: Facts }).facts, {
    of: 'knock',
    lines: 50,
  })
})

test('a log file is private, and rotated before it outgrows its bound', (t) => {
  const path = join(scratch(t), 'log', 'photonward.log')
  using log = new JsonLog({
    clock,
    sinks: [new FileSink({ path, octetsMax: 1000, olderMax: 2 })],
  })
  for (let i = 0; i < 100; i++) log.write('info', 'tick', { i })
  const files = [path, `${path}.1`, `${path}.2`]
  const numbers = files.toReversed().flatMap((file) => {
    assert(statSync(file).size <= 1000, file)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    return lines.map((line) => (JSON.parse(line) as { facts: { i: number } }).facts.i)
  })
  assert(!existsSync(`${path}.3`))
  // The youngest lines are all there, in order, without a gap over the files.
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, at) => 100 - numbers.length + at),
  )
  assert(numbers.length > 20)
})

test('a file that is already full when the daemon starts is put aside first', (t) => {
  const path = join(scratch(t), 'photonward.log')
  writeFileSync(path, 'x'.repeat(2000))
  using log = new JsonLog({ clock, sinks: [new FileSink({ path, octetsMax: 1000 })] })
  log.write('info', 'first')
  assert.equal(statSync(`${path}.1`).size, 2000)
  assert.match(readFileSync(path, 'utf8'), /"first"/)
})

test('a log file in a place that cannot be written loses lines and nothing else', (t) => {
  const folder = scratch(t)
  writeFileSync(join(folder, 'file'), '')
  const path = join(folder, 'file', 'photonward.log')
  using log = new JsonLog({ clock, sinks: [new FileSink({ path })] })
  assert.doesNotThrow(() => log.write('error', 'lost'))
  assert(!existsSync(path))
})
