import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, type RandomSource } from '#base'
import { systemRandom } from '#crypto'
import { PROPORTION_CUTOFF, randomHealth, REPETITION_CUTOFF, testedRandom } from './random.ts'

const fake = (make: (size: number) => Uint8Array): RandomSource => ({
  kind: 'simulated',
  octets: make,
})

test("the operating system's source passes its start-up test and is handed on as it is", () => {
  assert.equal(testedRandom(), systemRandom)
})

test('a source that is stuck, or gives one value too often, stops the start', () => {
  const biased = new SeededRandom(3)
  const broken: readonly RandomSource[] = [
    fake((size) => new Uint8Array(size)),
    fake((size) => new Uint8Array(size).fill(0xa5)),
    fake((size) => biased.octets(size).map((octet, at) => (at % 2 === 0 ? 7 : octet))),
  ]
  for (const source of broken) {
    assert.throws(() => testedRandom(source), { name: 'GatewayRefusal', code: 'RANDOM_FAILED' })
  }
})

test('one repetition below the cutoff is healthy, at the cutoff it is not', () => {
  const sample = (run: number): Uint8Array => {
    const octets = new Uint8Array(4096).map((_, at) => at % 251)
    return octets.fill(99, 1000, 1000 + run)
  }
  assert.equal(randomHealth(sample(REPETITION_CUTOFF - 1)).kind, 'healthy')
  assert.deepEqual(randomHealth(sample(REPETITION_CUTOFF)), {
    kind: 'repeating',
    run: REPETITION_CUTOFF,
    cutoff: REPETITION_CUTOFF,
  })
})

test('one occurrence below the cutoff in a window is healthy, at the cutoff it is not', () => {
  const sample = (count: number): Uint8Array => {
    const octets = new Uint8Array(512).map((_, at) => 1 + (at % 255))
    for (let nth = 0; nth < count; nth++) octets[nth * 20] = 0
    return octets
  }
  assert.equal(randomHealth(sample(PROPORTION_CUTOFF - 1)).kind, 'healthy')
  assert.equal(randomHealth(sample(PROPORTION_CUTOFF)).kind, 'biased')
})

test('the cutoffs are those of SP 800-90B for 8 bits of entropy and a false alarm of 2^-40', () => {
  const alpha = 2 ** -40
  assert.equal(REPETITION_CUTOFF, 1 + Math.ceil(40 / 8))
  // CRITBINOM(512, 1/256, 1 - α), summed from the tail so that small terms are not lost.
  const density = (k: number): number => {
    let log = 0
    for (let i = 0; i < k; i++) log += Math.log((512 - i) / (k - i))
    return Math.exp(log + k * Math.log(1 / 256) + (512 - k) * Math.log(255 / 256))
  }
  const above = (k: number): number => {
    let sum = 0
    for (let i = 60; i > k; i--) sum += density(i)
    return sum
  }
  let critical = 0
  while (above(critical) > alpha) critical++
  assert.equal(PROPORTION_CUTOFF, 1 + critical)
})

test('two thousand starts of a healthy source are all accepted', () => {
  const random = new SeededRandom(11)
  for (let start = 0; start < 2000; start++) {
    assert.equal(randomHealth(random.octets(4096)).kind, 'healthy')
  }
})
