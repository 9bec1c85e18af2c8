import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { SystemClock } from './clock.ts'

test('a timer fires once, when its delay is over and not before', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using clock = new SystemClock()
  const task = mock.fn()
  clock.after(1000, task)
  t.mock.timers.tick(999)
  assert.equal(task.mock.callCount(), 0)
  t.mock.timers.tick(1)
  t.mock.timers.tick(5000)
  assert.equal(task.mock.callCount(), 1)
  assert.equal(clock.pending, 0)
})

test('a delay beyond what setTimeout can hold is kept, not cut to a millisecond', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using clock = new SystemClock()
  const task = mock.fn()
  const days = 40 * 24 * 3600 * 1000
  clock.after(days, task)
  t.mock.timers.tick(2 ** 31 - 1)
  assert.equal(task.mock.callCount(), 0)
  t.mock.timers.tick(days - 2 ** 31)
  assert.equal(task.mock.callCount(), 0)
  t.mock.timers.tick(1)
  assert.equal(task.mock.callCount(), 1)
})

test('a cancelled timer never fires, in any stage, and cancelling twice does nothing', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  using clock = new SystemClock()
  const task = mock.fn()
  const cancel = clock.after(2 ** 31 + 10, task)
  t.mock.timers.tick(2 ** 31 - 1)
  cancel()
  cancel()
  t.mock.timers.tick(1000)
  assert.equal(task.mock.callCount(), 0)
  assert.equal(clock.pending, 0)
})

test('disposal cancels every timer that is still set', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const task = mock.fn()
  {
    using clock = new SystemClock()
    clock.after(10, task)
    clock.after(2 ** 33, task)
    assert.equal(clock.pending, 2)
  }
  t.mock.timers.tick(2 ** 34)
  assert.equal(task.mock.callCount(), 0)
})

test('wall-clock time is a whole number of milliseconds, and monotonic time never goes back', () => {
  using clock = new SystemClock()
  assert(Number.isSafeInteger(clock.now()))
  let last = clock.monotonicMs()
  for (let i = 0; i < 1000; i++) {
    const next = clock.monotonicMs()
    assert(Number.isSafeInteger(next) && next >= last)
    last = next
  }
})
