import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  add,
  addWords,
  and,
  assembled,
  constant,
  doubles,
  equalOctets,
  highBits,
  load,
  multiply,
  octets,
  octetsRight,
  or,
  packHalves,
  packWords,
  plus,
  shuffle,
  smallerWords,
  subtract,
  subtractWords,
  swizzle,
  times,
  xor,
  type Expression,
  type Kernel,
} from './wasm.ts'

const PLACES = { a: 0, b: 16, out: 32 } as const

/** Runs one expression of two values of 16 octets. */
function evaluate(
  expression: (a: Expression<'v128'>, b: Expression<'v128'>) => Expression<'v128'>,
  a: Uint8Array,
  b: Uint8Array,
): Uint8Array {
  const kernel = made(
    assembled([
      {
        name: 'run',
        parameters: 0,
        write: (body) => {
          const at = constant(0)
          body.store(at, PLACES.out, expression(load(at, PLACES.a), load(at, PLACES.b)))
        },
      },
    ])(64),
  )
  new Uint8Array(kernel.memory).set([...a, ...b])
  kernel.call.run()
  return new Uint8Array(kernel.memory, PLACES.out, 16).slice()
}

function made<Name extends string>(kernel: Kernel<Name> | undefined): Kernel<Name> {
  assert(kernel !== undefined, 'Node has WebAssembly with vectors')
  return kernel
}

const vectors = fc.uint8Array({ minLength: 16, maxLength: 16 })

test('operations on octets do what their names say', () => {
  fc.assert(
    fc.property(vectors, vectors, fc.nat(255), (a, b, value) => {
      const each = (work: (x: number, y: number, at: number) => number): Uint8Array =>
        a.map((x, at) => work(x, b[at], at))
      assert.deepEqual(
        evaluate(and, a, b),
        each((x, y) => x & y),
      )
      assert.deepEqual(
        evaluate(xor, a, b),
        each((x, y) => x ^ y),
      )
      assert.deepEqual(
        evaluate((x) => octetsRight(x, 3), a, b),
        each((x) => x >> 3),
      )
      assert.deepEqual(
        evaluate((x) => xor(x, octets(value)), a, b),
        each((x) => x ^ value),
      )
      assert.deepEqual(
        evaluate(or, a, b),
        each((x, y) => x | y),
      )
      assert.deepEqual(
        evaluate((x) => equalOctets(x, octets(value)), a, b),
        each((x) => (x === value ? 255 : 0)),
      )
      const high = a.reduce((sum, x, at) => sum + (x >> 7) * 2 ** at, 0)
      assert.deepEqual(
        new Uint32Array(evaluate(highBits, a, b).buffer),
        Uint32Array.of(high, high, high, high),
      )
      const picked = b.map((y) => y & 15)
      assert.deepEqual(
        evaluate(swizzle, a, picked),
        each((_, __, at) => a[picked[at]]),
      )
      const lanes = Array.from(b, (y) => y & 31)
      assert.deepEqual(
        evaluate((x, y) => shuffle(x, y, lanes), a, b),
        each((_, __, at) => (lanes[at] < 16 ? a[lanes[at]] : b[lanes[at] - 16])),
      )
    }),
    { seed: 1, numRuns: 20 },
  )
})

test('operations on words do what their names say', () => {
  const words = fc.uint32Array({ minLength: 4, maxLength: 4 })
  const octetsOf = (values: Uint32Array): Uint8Array => new Uint8Array(values.buffer.slice(0))
  fc.assert(
    fc.property(words, words, (a, b) => {
      const run = (how: (x: Expression<'v128'>, y: Expression<'v128'>) => Expression<'v128'>) =>
        evaluate(how, octetsOf(a), octetsOf(b))
      const each = (work: (x: number, y: number) => number): Uint8Array =>
        octetsOf(a.map((x, at) => work(x, b[at])))
      assert.deepEqual(
        run(addWords),
        each((x, y) => x + y),
      )
      assert.deepEqual(
        run(subtractWords),
        each((x, y) => x - y),
      )
      assert.deepEqual(
        run(smallerWords),
        each((x, y) => Math.min(x, y)),
      )
      const [small, tiny] = [65_535, 255].map((most) =>
        [a, b].map((all) => all.map((value) => value & most)),
      )
      const packed = evaluate(packWords, octetsOf(small[0]), octetsOf(small[1]))
      assert.deepEqual([...new Uint16Array(packed.buffer)], [...small[0], ...small[1]])
      const halves = tiny.map((all) => new Uint8Array(Uint16Array.of(...all, ...all).buffer))
      assert.deepEqual(
        [...evaluate(packHalves, halves[0], halves[1])],
        tiny.flatMap((all) => [...all, ...all]),
      )
    }),
    { seed: 3, numRuns: 30 },
  )
})

test('operations on doubles are those of IEEE 754', () => {
  const pair = fc.tuple(fc.double({ noNaN: true }), fc.double({ noNaN: true }))
  fc.assert(
    fc.property(pair, pair, fc.double({ noNaN: true }), (a, b, value) => {
      const run = (how: (x: Expression<'v128'>, y: Expression<'v128'>) => Expression<'v128'>) => {
        const [x, y] = [a, b].map((one) => new Uint8Array(Float64Array.from(one).buffer))
        return [...new Float64Array(evaluate(how, x, y).buffer)]
      }
      assert.deepEqual(
        run(add),
        a.map((x, at) => x + b[at]),
      )
      assert.deepEqual(
        run(subtract),
        a.map((x, at) => x - b[at]),
      )
      assert.deepEqual(
        run(multiply),
        a.map((x, at) => x * b[at]),
      )
      assert.deepEqual(
        run((x) => add(x, doubles(value))),
        a.map((x) => x + value),
      )
    }),
    { seed: 2, numRuns: 20 },
  )
})

test('addresses of every size are written so that the engine reads them back', () => {
  const copy = (offset: number, at: number, factor: number): Uint8Array => {
    const kernel = made(
      assembled([
        {
          name: 'copy',
          parameters: 1,
          write: (body, base) => {
            const from = plus(times(base, constant(factor)), constant(at))
            body.store(constant(0), 0, load(from, offset))
          },
        },
      ])(2 ** 21),
    )
    new Uint8Array(kernel.memory, 7 * factor + at + offset, 16).fill(9)
    kernel.call.copy(7)
    return new Uint8Array(kernel.memory, 0, 16).slice()
  }
  for (const size of [63, 64, 127, 128, 8191, 8192, 16_383, 16_384, 300_000]) {
    assert.deepEqual(copy(size, 32, 1), new Uint8Array(16).fill(9), `offset ${size}`)
    assert.deepEqual(copy(32, size, 1), new Uint8Array(16).fill(9), `constant ${size}`)
    assert.deepEqual(copy(64, -size, size), new Uint8Array(16).fill(9), `constant −${size}`)
  }
})

test('a loop runs to its end, variables are kept apart, functions call earlier ones', () => {
  const kernel = made(
    assembled([
      {
        name: 'increase',
        parameters: 1,
        write: (body, at) => body.store(at, 0, add(load(at), doubles(1))),
      },
      {
        name: 'all',
        parameters: 2,
        write: (body, from, to) => {
          const at = body.keep(from)
          const first = body.keep(load(from))
          body.repeat(at, 16, to, () => {
            body.call('increase', at)
          })
          body.store(to, 0, first)
        },
      },
    ])(128),
  )
  kernel.call.all(16, 64)
  const expected = [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
  assert.deepEqual([...new Float64Array(kernel.memory, 0, 10)], expected)
  assert.throws(
    () => assembled([{ name: 'x', parameters: 0, write: (body) => body.call('y') }])(16),
    { name: 'AssertionFailure' },
  )
})

test('instances of a kernel have memory of their own', () => {
  const make = assembled([
    {
      name: 'fill',
      parameters: 0,
      write: (body) => body.store(constant(0), 0, octets(1)),
    },
  ])
  const [one, other] = [made(make(16)), made(make(70_000))]
  one.call.fill()
  assert.equal(new Uint8Array(one.memory)[0], 1)
  assert.equal(new Uint8Array(other.memory)[0], 0)
  assert.equal(other.memory.byteLength, 131_072)
})

test('what the engine does not have or does not take gives no kernel, and no error', () => {
  const nothing = { name: 'f', parameters: 0, write: () => undefined }
  assert.equal(assembled([nothing, nothing])(16), undefined, 'a name twice')
  assert.equal(assembled([nothing])(2 ** 45), undefined, 'more memory than there is')
  assert(assembled([nothing])(16) !== undefined)
  const globals = globalThis as { WebAssembly?: unknown }
  const held = globals.WebAssembly
  try {
    delete globals.WebAssembly
    assert.equal(assembled([nothing])(16), undefined, 'no WebAssembly')
  } finally {
    Object.defineProperty(globals, 'WebAssembly', {
      value: held,
      writable: true,
      enumerable: false,
      configurable: true,
    })
  }
})
