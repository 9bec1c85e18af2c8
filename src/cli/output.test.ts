import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantsColour } from './output.ts'

test('colour is for terminals, and for whoever asks', () => {
  const rows = [
    [{}, true, true],
    [{}, false, false],
    [{ CI: 'true' }, false, false],
    [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '' }, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
  ] as const
  for (const [environment, terminal, expected] of rows) {
    const colour = wantsColour(environment, terminal)
    assert.equal(colour, expected, JSON.stringify([environment, terminal]))
  }
})
