/**
 * A hostile peer: takes a message of ours apart and puts it together wrongly. For fuzzers of what
 * comes over a wire.
 *
 * Knows the form of the octets (CBOR maps) and nothing of what they mean, so that whoever receives
 * them meets values of the right place and the wrong type, length or size.
 *
 * @module
 */

import { fromCbor, toCbor, type CborValue, type SeededRandom } from '#base'

/** Numbers at and beyond the edges of what a member may say. */
const NUMBERS: readonly number[] = [
  ...[NaN, Infinity, -Infinity, -1, -0.5, 0, 1, 0.5, 7, 31, 255, 256, 65_535, 65_536],
  ...[2 ** 20, 2 ** 24, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 2 ** 64],
  ...[1e308, -(2 ** 53)],
]
const TEXTS: readonly string[] = ['', 'x', '__proto__', 'toString', '\u0000', 'é', 'x'.repeat(4096)]

type Members = Record<string, CborValue>

/**
 * A message as a hostile peer would change it. Reading fails for some; others are as good as any.
 *
 * @param octets   one CBOR map
 */
export function hostile(octets: Uint8Array, random: SeededRandom): Uint8Array {
  const members = fromCbor(octets, octets.length) as Members
  switch (random.below(10)) {
    case 0:
      return octets.slice(0, random.below(octets.length))
    case 1:
      return new Uint8Array([...octets, ...random.octets(1 + random.below(40))])
    case 2: {
      const changed = new Uint8Array(octets)
      changed[random.below(octets.length)] ^= 1 << random.below(8)
      return changed
    }
    case 3:
      return toCbor(shape(members, random))
    default:
      return toCbor(within(members, random))
  }
}

/** Another shape of the whole. */
function shape(members: Members, random: SeededRandom): CborValue {
  const names = Object.keys(members)
  const name = oneOf(names, random)
  const rest = Object.fromEntries(Object.entries(members).filter(([one]) => one !== name))
  const shapes: readonly (() => CborValue)[] = [
    () => rest,
    () => ({ ...rest, [`${name}s`]: members[name] }),
    () => ({ ...members, more: 1 }),
    () => Object.values(members),
    () => members[name],
    () => nested(200),
    () => [],
  ]
  return oneOf(shapes, random)()
}

/** The same shape with one value of it changed, however deep it lies. */
function within(members: Members, random: SeededRandom): CborValue {
  const name = oneOf(Object.keys(members), random)
  return { ...members, [name]: value(members[name], random) }
}

function value(of: CborValue, random: SeededRandom): CborValue {
  if (random.chance(0.15)) return another(random)
  if (typeof of === 'number')
    return random.chance(0.3) ? of + oneOf([-1, 1], random) : number(random)
  if (typeof of === 'string') return oneOf(TEXTS, random)
  if (typeof of === 'boolean') return !of
  if (of instanceof Uint8Array) return bytes(of, random)
  if (Array.isArray(of)) return array(of, random)
  if (typeof of === 'object' && of !== null) return within(of as Members, random)
  return another(random)
}

function bytes(of: Uint8Array, random: SeededRandom): Uint8Array {
  const changes: readonly (() => Uint8Array)[] = [
    () => of.slice(0, Math.max(0, of.length - 1)),
    () => of.slice(0, random.below(of.length + 1)),
    () => new Uint8Array([...of, 0]),
    () => new Uint8Array([...of, ...of]),
    () => new Uint8Array(0),
    () => new Uint8Array(of.length),
    () => new Uint8Array(of.length).fill(255),
    () => random.octets(of.length),
    () => random.octets(random.below(5000)),
    () => new Uint8Array(1_000_000),
  ]
  return oneOf(changes, random)()
}

function array(of: readonly CborValue[], random: SeededRandom): CborValue {
  const at = random.below(Math.max(1, of.length))
  const changes: readonly (() => readonly CborValue[])[] = [
    () => [],
    () => of.slice(0, -1),
    () => [...of, ...of],
    () => of.toReversed(),
    () => of.map((one, index) => (index === at ? value(one, random) : one)),
    () => Array.from({ length: 2000 }, () => of[at] ?? 0),
  ]
  return oneOf(changes, random)()
}

const number = (random: SeededRandom): number => oneOf(NUMBERS, random)

/** A value of some other type. */
const another = (random: SeededRandom): CborValue =>
  oneOf<CborValue>([null, true, 3, 'x', new Uint8Array(3), [], [[]], {}, { n: 1 }], random)

function nested(depth: number): CborValue {
  let inner: CborValue = 0
  for (let at = 0; at < depth; at++) inner = [inner]
  return inner
}

const oneOf = <T>(all: readonly T[], random: SeededRandom): T => all[random.below(all.length)]
