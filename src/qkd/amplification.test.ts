/**
 * Privacy amplification: universality by exhaustion at small sizes, and against plain oracles.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bitAt, bitsOf, packBits, SeededRandom, unpackBits, type Bits } from '#base'
import { amplify, drawSeed, isSeed, seedOctets, type AmplificationShape } from './amplification.ts'
import { randomFrom } from './fixture.test.ts'
import { modularHashByDigits, modularHashByIntegers } from './modular.ts'
import { toeplitzHashByBits, toeplitzHashByPairs } from './toeplitz.ts'

/** A family of hashes given by what one seed does to one input; sizes are small. */
type Family = (seed: number, x: number) => number

/**
 * The largest number of seeds under which two different inputs collide, times 2^ℓ over all seeds: 1
 * is what the leftover hash lemma asks for.
 */
function worstCollision(inputs: number, seeds: number, outputs: number, family: Family): number {
  const table = Array.from({ length: inputs }, (_, x) =>
    Array.from({ length: seeds }, (_, seed) => family(seed, x)),
  )
  let worst = 0
  for (let x = 0; x < inputs; x++) {
    for (let y = x + 1; y < inputs; y++) {
      const collisions = table[x].filter((output, seed) => output === table[y][seed]).length
      worst = Math.max(worst, collisions)
    }
  }
  return (worst * outputs) / seeds
}

/** Hashes x by the code under test, with the seed numbered `seed` among all that there are. */
function asFamily(shape: AmplificationShape, seedOf: (seed: number) => Uint8Array): Family {
  const cache = new Map<number, Uint8Array>()
  return (seed, x) => {
    const octets = cache.get(seed) ?? seedOf(seed)
    cache.set(seed, octets)
    return amplify(shape, numberBits(x, shape.inputBits), octets).octets[0]
  }
}

const numberBits = (value: number, length: number): Bits =>
  packBits(Uint8Array.from({ length }, (_, at) => (value >> at) & 1))

test('the modular family is 2-universal: at most 2^−ℓ of all seeds make two inputs collide', () => {
  for (const [n, l] of [
    [3, 1],
    [4, 2],
    [5, 2],
    [5, 4],
    [6, 3],
  ] as const) {
    const shape = { family: 'modular', inputBits: n, secretBits: l } as const
    const addends = 2 ** (n - l)
    const family = asFamily(shape, (seed) =>
      Uint8Array.of(2 * Math.floor(seed / addends) + 1, seed % addends),
    )
    assert(worstCollision(2 ** n, 2 ** (n - 1) * addends, 2 ** l, family) <= 1, `n ${n}, ℓ ${l}`)
  }
})

test('the Toeplitz family is 2-universal, and linear', () => {
  for (const [n, l] of [
    [3, 1],
    [4, 2],
    [5, 2],
    [6, 3],
    [7, 4],
  ] as const) {
    const shape = { family: 'toeplitz', inputBits: n, secretBits: l } as const
    const family = asFamily(shape, (seed) => Uint8Array.of(seed))
    assert(worstCollision(2 ** n, 2 ** (n - 1), 2 ** l, family) <= 1, `n ${n}, ℓ ${l}`)
    for (let seed = 0; seed < 2 ** (n - 1); seed++) {
      for (let x = 0; x < 2 ** n; x++) {
        assert.equal(family(seed, x) ^ family(seed, 5 % 2 ** n), family(seed, x ^ (5 % 2 ** n)))
      }
    }
  }
})

test('the exhaustion tells sound families from their mutants', () => {
  const [n, l] = [5, 2]
  const size = 2 ** n
  const shift = n - l
  const collide = (seeds: number, family: Family): number =>
    worstCollision(size, seeds, 2 ** l, family)
  const hash = (a: number, b: number, x: number): number => ((a * x + b) % size) >> shift
  const addends = 2 ** shift
  const sound: Family = (s, x) => hash(2 * Math.floor(s / addends) + 1, s % addends, x)
  assert(collide((size / 2) * addends, sound) <= 1)
  // No addend: Dietzfelbinger's multiply-shift, twice too likely to collide.
  assert.equal(
    collide(size / 2, (s, x) => hash(2 * s + 1, 0, x)),
    2,
  )
  // Any multiplier, even ones included.
  assert(collide(size * addends, (s, x) => hash(Math.floor(s / addends), s % addends, x)) > 1.9)
  // An even multiplier only.
  assert(
    collide((size / 2) * addends, (s, x) => hash(2 * Math.floor(s / addends), s % addends, x)) >
      1.9,
  )
  // A Toeplitz part that ignores its last seed bit.
  const fixed = { family: 'toeplitz', inputBits: n, secretBits: l } as const
  const stuck = asFamily(fixed, (seed) => Uint8Array.of(seed & 0b0111))
  assert(collide(2 ** (n - 1), stuck) > 1)
})

test('modular hashing is ((a·x + b) mod 2ⁿ) ≫ (n − ℓ) at every length', () => {
  fc.assert(
    fc.property(shapes('modular'), fc.nat(), ({ shape, x }, at) => {
      const seed = drawSeed(shape, randomFrom(at))
      const { inputBits: n, secretBits: l } = shape
      const split = Math.ceil(n / 8)
      const [a, b] = [numberOf(seed.subarray(0, split)), numberOf(seed.subarray(split))]
      const expected = ((a * numberOf(x.octets) + b) % 2n ** BigInt(n)) >> BigInt(n - l)
      assert.equal(numberOf(amplify(shape, x, seed).octets), expected)
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('a carry that only the lowest bits decide is found', () => {
  const [n, l] = [16_384, 6000]
  const shape = { family: 'modular', inputBits: n, secretBits: l } as const
  const low = 1n << BigInt(n - l)
  for (let at = 0; at < 10; at++) {
    const x = { length: n, octets: new SeededRandom(at).octets(n / 8) }
    const seed = drawSeed(shape, randomFrom(at))
    const product = (numberOf(seed.subarray(0, n / 8)) * numberOf(x.octets)) % (1n << BigInt(n))
    for (const carry of [0n, 1n]) {
      // The sum below the key is all ones, or just one more.
      const addend = (low - 1n - (product % low) + carry) % low
      for (let octet = 0; octet < (n - l) / 8; octet++) {
        seed[n / 8 + octet] = Number((addend >> BigInt(8 * octet)) & 255n)
      }
      const expected = ((product + addend) >> BigInt(n - l)) % (1n << BigInt(l))
      assert.equal(modularHashByDigits(x, l, seed), undefined, 'digits leave it open')
      assert.equal(numberOf(amplify(shape, x, seed).octets), expected)
    }
  }
})

test('hashes on vector instructions are those of the plain ways at every length', () => {
  const of = {
    modular: { quick: modularHashByDigits, plain: modularHashByIntegers },
    toeplitz: { quick: toeplitzHashByPairs, plain: toeplitzHashByBits },
  }
  const sizes = fc.tuple(fc.integer({ min: 2, max: 5000 }), fc.nat(999), fc.nat())
  for (const family of ['modular', 'toeplitz'] as const) {
    const { quick, plain } = of[family]
    const agree = (n: number, secretBits: number, at: number): void => {
      const seed = drawSeed({ family, inputBits: n, secretBits }, randomFrom(at))
      const x = bitsOf(new SeededRandom(at).octets(Math.ceil(n / 8)), n)
      const found = quick(x, secretBits, seed)
      assert(found !== undefined, 'vectors are there and random seeds fit')
      assert.deepEqual(found, plain(x, secretBits, seed))
    }
    const property = fc.property(sizes, ([n, share, at]) => {
      agree(n, 1 + Math.floor((share / 1000) * (n - 1)), at)
    })
    fc.assert(property, { seed: 4, numRuns: 300 })
    // More than one block of the cache; powers of two and three times one; odd and even lengths.
    for (const n of [2 ** 18, 2 ** 20, 1_000_003, 1_500_000]) agree(n, Math.floor(n * 0.35), n)
  }
})

test('keys and seeds with structure give the same hash either way', () => {
  const n = 20_000
  const patterns = [0x00, 0xff, 0x55, 0x80, 0x7f].map((octet) => new Uint8Array(n / 8).fill(octet))
  for (const family of ['modular', 'toeplitz'] as const) {
    const shape = { family, inputBits: n, secretBits: 7001 } as const
    const seeds = [drawSeed(shape, randomFrom(1))]
    for (const octet of [0x00, 0xff, 0x55]) {
      const octets = (size: number): Uint8Array => new Uint8Array(size).fill(octet)
      seeds.push(drawSeed(shape, { kind: 'simulated', octets }))
    }
    const plain = family === 'modular' ? modularHashByIntegers : toeplitzHashByBits
    for (const octets of patterns) {
      const x = { length: n, octets }
      for (const seed of seeds) {
        assert.deepEqual(amplify(shape, x, seed), plain(x, 7001, seed))
      }
    }
  }
})

test('Toeplitz hashing is [I | T]·x with T(i, j) = seed bit i − j + m − 1 at every length', () => {
  fc.assert(
    fc.property(shapes('toeplitz'), fc.nat(), ({ shape, x }, at) => {
      const seed = bitsOf(drawSeed(shape, randomFrom(at)), shape.inputBits - 1)
      const { secretBits: l } = shape
      const m = shape.inputBits - l
      const expected = Uint8Array.from({ length: l }, (_, i) => {
        let bit = bitAt(x, i)
        for (let j = 0; j < m; j++) bit ^= bitAt(seed, i - j + m - 1) & bitAt(x, l + j)
        return bit
      })
      assert.deepEqual(unpackBits(amplify(shape, x, seed.octets)), expected)
    }),
    { seed: 2, numRuns: 100 },
  )
})

test('a Toeplitz product of a million bits is exact in every row tried', () => {
  const n = 1_000_003
  const shape = { family: 'toeplitz', inputBits: n, secretBits: 300_001 } as const
  const x = bitsOf(new SeededRandom(8).octets(Math.ceil(n / 8)), n)
  const seed = bitsOf(drawSeed(shape, randomFrom(8)), n - 1)
  const key = amplify(shape, x, seed.octets)
  const m = n - shape.secretBits
  for (const row of [0, 1, 7, 12_345, 299_999, 300_000]) {
    let bit = bitAt(x, row)
    for (let j = 0; j < m; j++) bit ^= bitAt(seed, row - j + m - 1) & bitAt(x, shape.secretBits + j)
    assert.equal(bitAt(key, row), bit)
  }
})

test('a seed has its length, an odd multiplier and nothing in its unused bits', () => {
  fc.assert(
    fc.property(shapes('modular'), shapes('toeplitz'), fc.nat(), (one, other, at) => {
      for (const { shape } of [one, other]) {
        const seed = drawSeed(shape, randomFrom(at))
        assert.equal(seed.length, seedOctets(shape))
        assert(isSeed(shape, seed))
        assert(!isSeed(shape, seed.subarray(1)))
        if (shape.family === 'modular') {
          assert(!isSeed(shape, seed.with(0, seed[0] ^ 1)), 'an even multiplier')
          if (shape.inputBits % 8 !== 0) {
            const last = Math.ceil(shape.inputBits / 8) - 1
            assert(
              !isSeed(shape, seed.with(last, seed[last] | 0x80)),
              'a multiplier of too many bits',
            )
          }
        }
      }
    }),
    { seed: 3, numRuns: 100 },
  )
})

test('an output of the largest size used has about as many ones as zeros', () => {
  const shape = { family: 'modular', inputBits: 1_000_000, secretBits: 300_000 } as const
  const x = { length: shape.inputBits, octets: new SeededRandom(7).octets(125_000) }
  const key = amplify(shape, x, drawSeed(shape, randomFrom(7)))
  const ones = unpackBits(key).reduce((sum, bit) => sum + bit, 0)
  assert.equal(key.length, 300_000)
  assert(Math.abs(ones - 150_000) < 6 * Math.sqrt(75_000))
})

const numberOf = (octets: Uint8Array): bigint =>
  octets.reduceRight((sum, octet) => (sum << 8n) | BigInt(octet), 0n)

/** A shape and an input of its length. */
function shapes(family: 'modular' | 'toeplitz') {
  return fc
    .record({ n: fc.integer({ min: 2, max: 700 }), share: fc.nat(999), seed: fc.nat() })
    .map(({ n, share, seed }) => {
      const secretBits = 1 + Math.floor((share / 1000) * (n - 1))
      const octets = new SeededRandom(seed).octets(Math.ceil(n / 8))
      const shape: AmplificationShape = { family, inputBits: n, secretBits }
      return { shape, x: bitsOf(octets, n) }
    })
}
