import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveUntilEve } from './support/eavesdropped.ts'
import { seedsOr } from './support/seed.ts'

/** Two hundred thousand windows hold sixty sifted bits: a block every minute or so. */
const PAIRS = {
  preset: 'metro-bbm92-chsh',
  clockHz: 4e6,
  blockBits: 60_000,
  batchSlots: 2 ** 23,
}

test('two hospitals serve keys from entangled pairs, until Eve measures one half of each', async (t) => {
  const [seed] = seedsOr(51)
  await liveUntilEve(t, {
    ...{ seed, link: PAIRS, growMinutes: 6 },
    sound: ([here, there]) => {
      assert.deepEqual([here.protocol, there.protocol], ['bbm92', 'bbm92'])
      assert(here.chsh !== null && here.chsh === there.chsh)
      assert(here.chsh > 2.7 && here.chsh < 2 * Math.SQRT2, `S = ${here.chsh}`)

      const [tested, told] = [here.chshTest, there.chshTest]
      assert(tested !== null && told !== null, 'the test is measured')
      assert.deepEqual(tested, told)
      assert(Math.abs(tested.chsh - here.chsh) < 5 * tested.standardError, `${tested.chsh}`)
      assert(tested.lowerBound > 2 && tested.coincidences > 1000)
    },
    suspect: (views) => {
      assert(views.every(({ blocksDiscarded }) => (blocksDiscarded['qber-above-limit'] ?? 0) > 0))
      assert(views.every(({ chshTest }) => chshTest !== null && chshTest.chsh < 2))
    },
  })
})
