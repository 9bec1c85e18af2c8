import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { MemoryLog, settle, SimulatedTime } from '#world/ports'
import { DRAIN_MS, Shutdown, STAGES } from './shutdown.ts'

function started(): {
  shutdown: Shutdown
  time: SimulatedTime
  log: MemoryLog
  exits: number[]
  signals: EventEmitter
} {
  const time = new SimulatedTime()
  const log = new MemoryLog()
  const exits: number[] = []
  const shutdown = new Shutdown({ clock: time.view(), log, exit: (status) => exits.push(status) })
  const signals = new EventEmitter()
  shutdown.onSignals(signals)
  return { shutdown, time, log, exits, signals }
}

test('stages run in order, each after the one before is done, whatever the order of adding', async () => {
  const { shutdown } = started()
  const done: string[] = []
  for (const stage of STAGES.toReversed()) {
    shutdown.add(stage, stage, async () => {
      await settle()
      done.push(stage)
    })
  }
  await Promise.all([shutdown.run('test'), shutdown.run('again')])
  assert.deepEqual(done, ['listen', 'drain', 'timers', 'flush', 'close'])
})

test('a listener is closed to new clients first, then drained where it can be, then ended', async () => {
  const { shutdown } = started()
  const done: string[] = []
  const listening = (name: string) => ({
    stopListening: () => void done.push(`${name} stops`),
    [Symbol.asyncDispose]: () => Promise.resolve(void done.push(`${name} ends`)),
  })
  shutdown.addListener('a', listening('a'))
  const drained = () => Promise.resolve(void done.push('b drains'))
  shutdown.addListener('b', { ...listening('b'), drained })
  await shutdown.run('test')
  assert.deepEqual(done, ['a stops', 'b stops', 'b drains', 'a ends', 'b ends'])
})

test('a step that fails is logged and does not stop the others', async () => {
  const { shutdown, log } = started()
  let closed = false
  shutdown.add('listen', 'broken', () => {
    throw new Error('Ottoline')
  })
  shutdown.add('flush', 'broken too', () => Promise.reject(new Error('Ottoline')))
  shutdown.add('close', 'store', () => (closed = true))
  await shutdown.run('test')
  assert(closed)
  const failures = log.lines.filter(({ event }) => event === 'shutdown-step-failed')
  assert.deepEqual(
    failures.map(({ facts }) => facts),
    [
      { stage: 'listen', step: 'broken', code: 'INTERNAL' },
      { stage: 'flush', step: 'broken too', code: 'INTERNAL' },
    ],
  )
})

test('the drain is cut short after its time, and not before', async () => {
  const { shutdown, time, log } = started()
  let closed = false
  shutdown.add('drain', 'endless', () => new Promise(() => undefined))
  shutdown.add('close', 'store', () => (closed = true))
  const end = shutdown.run('test')
  await time.advance(DRAIN_MS - 1)
  assert(!closed)
  await time.advance(1)
  await end
  assert(closed)
  assert(log.lines.some(({ event }) => event === 'drain-cut-short'))
})

test('a drain that ends in time leaves no timer behind', async () => {
  const { shutdown, time, log } = started()
  await shutdown.run('test')
  await time.advance(2 * DRAIN_MS)
  assert(!log.lines.some(({ event }) => event === 'drain-cut-short'))
})

test('one signal ends in good order with 0, a second at once with 130', async () => {
  const { shutdown, exits, signals } = started()
  const gate = Promise.withResolvers<void>()
  shutdown.add('close', 'slow', () => gate.promise)
  assert(!shutdown.begun)
  signals.emit('SIGTERM')
  assert(shutdown.begun)
  await settle()
  assert.deepEqual(exits, [])
  signals.emit('SIGINT')
  assert.deepEqual(exits, [130])
  gate.resolve()
  await settle()
  assert.deepEqual(exits, [130, 0])
})
