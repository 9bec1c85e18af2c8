import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveUntilEve } from './support/eavesdropped.ts'
import { seedsOr } from './support/seed.ts'

/** Eight million slots hold some ten thousand sifted bits: a block every three minutes. */
const THREE_STATES = {
  preset: 'three-state-102km',
  clockHz: 4e6,
  blockBits: 1_000_000,
  batchSlots: 2 ** 23,
}

test('two hospitals serve keys from three states, until Eve measures and resends', async (t) => {
  const [seed] = seedsOr(52)
  await liveUntilEve(t, {
    ...{ seed, link: THREE_STATES, growMinutes: 8 },
    sound: (views) => {
      for (const { protocol, chsh, blocksDistilled } of views) {
        assert.deepEqual([protocol, chsh], ['three-state-bb84', null])
        assert(blocksDistilled > 0)
      }
    },
  })
})
