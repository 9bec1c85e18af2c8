/**
 * Assembler for kernels that need vector instructions: TypeScript that writes WebAssembly.
 *
 * A kernel is assembled when it is first needed, from its source in this repository: there is no
 * build step, no compiled file to trust and no compiler to install. Expressions are typed, so that
 * most faults are found by the type checker; the rest by the engine, which validates every module.
 *
 * Where the engine has no WebAssembly, or not the instructions used, `assembled` says so and the
 * caller takes its plain version, which every kernel keeps and is tested against.
 *
 * @see WebAssembly Core Specification 3.0, §5 (binary format)
 * @module
 */

import { assert } from './assert.ts'

/** Types of values: addresses and counts, numbers, and 128 bits in lanes. */
export type WasmType = 'i32' | 'v128'

/** Instructions that leave one value. Used twice, they are worked out twice: see `Body.keep`. */
export interface Expression<T extends WasmType> {
  readonly type: T
  readonly code: readonly number[]
}

/** A variable of a function; as an expression, its value. */
export interface Variable<T extends WasmType> extends Expression<T> {
  readonly index: number
}

/** Something that is exported: a function that takes addresses and counts. */
export interface KernelFunction {
  readonly name: string
  readonly parameters: number
  /** Writes the body; called once. Parameters come in order. */
  readonly write: (body: Body, ...parameters: Variable<'i32'>[]) => void
}

/** An instance of a kernel with memory of its own. */
export interface Kernel<Name extends string> {
  readonly memory: ArrayBuffer
  readonly call: Readonly<Record<Name, (...values: number[]) => void>>
}

/** What a kernel's memory can be had for; `undefined` where the engine will not have it. */
export type KernelMaker<Name extends string> = (octets: number) => Kernel<Name> | undefined

/**
 * A kernel of these functions; later ones may call earlier ones.
 *
 * Compiled when first made. Made with memory for at least so many octets, all zero.
 */
export function assembled<const F extends readonly KernelFunction[]>(
  functions: F,
): KernelMaker<F[number]['name']> {
  let compiled: object | 'refused' | undefined
  return (octets) => {
    const engine = (globalThis as { readonly WebAssembly?: Engine }).WebAssembly
    if (engine === undefined) return undefined
    if (compiled === undefined) {
      const binary = moduleOf(functions)
      compiled = engine.validate(binary) ? new engine.Module(binary) : 'refused'
    }
    if (compiled === 'refused') return undefined
    try {
      const memory = new engine.Memory({ initial: Math.ceil(octets / PAGE_OCTETS) })
      const { exports } = new engine.Instance(compiled, { kernel: { memory } })
      return { memory: memory.buffer, call: exports as Kernel<F[number]['name']>['call'] }
    } catch (error) {
      // No room for the memory; anything else would be a fault of ours.
      if (error instanceof RangeError) return undefined
      throw error
    }
  }
}

/** The binary module: one memory comes in, all functions go out under their names. */
export function moduleOf(functions: readonly KernelFunction[]): Uint8Array {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...vector(Array.from({ length: parameters }, () => [TYPE.i32])),
    ...unsigned(0),
  ])
  const exports = functions.map(({ name }, at) => [...text(name), 0x00, ...unsigned(at)])
  const bodies = functions.map((one, at) => {
    const body = new Body(one.parameters, functions.slice(0, at))
    one.write(body, ...body.parameters)
    const code = body.finish()
    return [...unsigned(code.length), ...code]
  })
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([[...text('kernel'), ...text('memory'), 0x02, 0x00, ...unsigned(0)]])),
    ...section(3, vector(functions.map((_, at) => unsigned(at)))),
    ...section(7, vector(exports)),
    ...section(10, vector(bodies)),
  ])
}

/** A function being written: its statements in order. */
export class Body {
  readonly parameters: readonly Variable<'i32'>[]
  readonly #earlier: readonly KernelFunction[]
  readonly #types: number[] = []
  readonly #code: number[] = []

  constructor(parameters: number, earlier: readonly KernelFunction[]) {
    this.parameters = Array.from({ length: parameters }, (_, index) => variable('i32', index))
    this.#earlier = earlier
  }

  /** A new variable that holds the value of an expression. */
  keep<T extends WasmType>(value: Expression<T>): Variable<T> {
    const kept = variable(value.type, this.parameters.length + this.#types.length)
    this.#types.push(TYPE[value.type])
    this.set(kept, value)
    return kept
  }

  /** Gives a variable a new value. */
  set<T extends WasmType>(target: Variable<T>, value: Expression<T>): void {
    append(this.#code, [...value.code, 0x21, ...unsigned(target.index)])
  }

  /** Puts 16 octets at an address and an offset known now. */
  store(address: Expression<'i32'>, offset: number, value: Expression<'v128'>): void {
    append(this.#code, [...address.code, ...value.code, 0xfd, 0x0b, ...place(offset)])
  }

  /** Calls an earlier function. */
  call(name: string, ...values: readonly Expression<'i32'>[]): void {
    const at = this.#earlier.findIndex((one) => one.name === name)
    assert(at >= 0, 'a kernel calls functions that stand before')
    append(this.#code, [...values.flatMap(({ code }) => code), 0x10, ...unsigned(at)])
  }

  /** Repeats with `variable` going up by `step` while it is below `end`: at least once. */
  repeat(variable: Variable<'i32'>, step: number, end: Expression<'i32'>, write: () => void): void {
    append(this.#code, [0x03, 0x40])
    write()
    this.set(variable, plus(variable, constant(step)))
    append(this.#code, [...variable.code, ...end.code, 0x49, 0x0d, 0x00, 0x0b])
  }

  /** The code with its variables declared. */
  finish(): number[] {
    const declared = vector(this.#types.map((type) => [...unsigned(1), type]))
    return [...declared, ...this.#code, 0x0b]
  }
}

/** A number known now. */
export const constant = (value: number): Expression<'i32'> => ({
  type: 'i32',
  code: [0x41, ...signed(value)],
})

/** The sum of two addresses. */
export const plus = (a: Expression<'i32'>, b: Expression<'i32'>): Expression<'i32'> => ({
  type: 'i32',
  code: [...a.code, ...b.code, 0x6a],
})

/** The product of an address and a number. */
export const times = (a: Expression<'i32'>, b: Expression<'i32'>): Expression<'i32'> => ({
  type: 'i32',
  code: [...a.code, ...b.code, 0x6c],
})

/** 16 octets from an address and an offset known now. */
export const load = (address: Expression<'i32'>, offset = 0): Expression<'v128'> => ({
  type: 'v128',
  code: [...address.code, 0xfd, 0x00, ...place(offset)],
})

/** The same octet 16 times. */
export const octets = (value: number): Expression<'v128'> => ({
  type: 'v128',
  code: [0xfd, 0x0c, ...Array.from({ length: 16 }, () => value)],
})

/** The same number in double precision, twice. */
export const doubles = (value: number): Expression<'v128'> => {
  const lane = [...new Uint8Array(Float64Array.of(value).buffer)]
  return { type: 'v128', code: [0xfd, 0x0c, ...lane, ...lane] }
}

/** Octets of a (0 to 15) and b (16 to 31), as listed. */
export const shuffle = (
  a: Expression<'v128'>,
  b: Expression<'v128'>,
  lanes: readonly number[],
): Expression<'v128'> => ({ type: 'v128', code: [...a.code, ...b.code, 0xfd, 0x0d, ...lanes] })

/** Every octet shifted towards its low end. */
export const octetsRight = (a: Expression<'v128'>, bits: number): Expression<'v128'> => ({
  type: 'v128',
  code: [...a.code, ...constant(bits).code, 0xfd, 0x6d],
})

/** Four words: in each, bit i tells whether octet i is above 127. */
export const highBits = (a: Expression<'v128'>): Expression<'v128'> => ({
  type: 'v128',
  code: [...a.code, 0xfd, ...unsigned(0x64), 0xfd, 0x11],
})

type Binary = (a: Expression<'v128'>, b: Expression<'v128'>) => Expression<'v128'>

const binary =
  (operation: number): Binary =>
  (a, b) => ({ type: 'v128', code: [...a.code, ...b.code, 0xfd, ...unsigned(operation)] })

export const and: Binary = binary(0x4e)
export const or: Binary = binary(0x50)
export const xor: Binary = binary(0x51)
/** Octet i of the result is octet number bᵢ of a. Only for numbers below 16. */
export const swizzle: Binary = binary(0x100)
/** 255 where octets are equal, 0 elsewhere. */
export const equalOctets: Binary = binary(0x23)
/** Four sums of 32 bits. */
export const addWords: Binary = binary(0xae)
/** Four differences of 32 bits. */
export const subtractWords: Binary = binary(0xb1)
/** The smaller ones of four pairs of words without sign. */
export const smallerWords: Binary = binary(0xb7)
/** Words of a, then of b, as 16 bits each; none may be larger than that. */
export const packWords: Binary = binary(0x86)
/** Numbers of 16 bits of a, then of b, as octets; none may be larger than that. */
export const packHalves: Binary = binary(0x66)
/** Two sums in double precision. */
export const add: Binary = binary(0xf0)
/** Two differences in double precision. */
export const subtract: Binary = binary(0xf1)
/** Two products in double precision. */
export const multiply: Binary = binary(0xf2)

/** What of the global of this name is used; its types belong to browsers. */
interface Engine {
  readonly validate: (binary: Uint8Array) => boolean
  readonly Module: new (binary: Uint8Array) => object
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, object>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> }
}

const variable = <T extends WasmType>(type: T, index: number): Variable<T> => ({
  type,
  index,
  code: [0x20, ...unsigned(index)],
})

function unsigned(value: number): number[] {
  const out: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...out, rest]
    out.push((rest & 0x7f) | 0x80)
  }
}

function signed(value: number): number[] {
  const out: number[] = []
  for (let rest = value; ; rest >>= 7) {
    if (rest >= -0x40 && rest < 0x40) return [...out, rest & 0x7f]
    out.push((rest & 0x7f) | 0x80)
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
]

const section = (id: number, content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
]

const text = (name: string): number[] =>
  vector(Array.from(name, (letter) => [letter.charCodeAt(0)]))

/** No alignment is promised. */
const place = (offset: number): number[] => [0, ...unsigned(offset)]

function append(code: number[], more: readonly number[]): void {
  for (const octet of more) code.push(octet)
}

const TYPE: Readonly<Record<WasmType, number>> = { i32: 0x7f, v128: 0x7b }
const PAGE_OCTETS = 65_536
