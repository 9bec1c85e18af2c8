/**
 * Benchmarks: claims with their figures, bars and peers, measured on this machine.
 *
 * Each is run several times and the median is quoted. A benchmark measures one thing end to end
 * and returns a figure; it never asserts. Whether a bar is met is said beside it.
 *
 * @module
 */

export interface Benchmark {
  /** Stable name, `group.what`. */
  readonly name: string
  /** What is claimed, in words. */
  readonly claim: string
  readonly unit: string
  /** What we set ourselves, or null where the figure is reported only. */
  readonly bar: number | null
  /** Whether more is better (a rate) or less (a time, an overhead). */
  readonly better: 'more' | 'less'
  /** Published figure of another system, or one measured here beside ours, with its name. */
  readonly peer?: { readonly name: string; readonly value: number | (() => Promise<number>) }
  /** Figures of further systems, measured elsewhere on a machine of this class. */
  readonly others?: readonly { readonly name: string; readonly value: number }[]
  /** Runs to take the median of. */
  readonly runs?: number
  /** Measures once. */
  readonly run: () => number | Promise<number>
}

export interface Group {
  readonly name: string
  /** Makes the benchmarks; may prepare inputs that they share. */
  readonly open: () => Promise<{
    readonly list: readonly Benchmark[]
    readonly close?: () => Promise<void>
  }>
}

/** Another system's figure, and how much better ours is. */
export interface Compared {
  readonly name: string
  readonly value: number
  readonly ratio: number
}

export interface Result {
  readonly name: string
  readonly claim: string
  readonly value: number
  readonly unit: string
  readonly bar: number | null
  readonly met: boolean | null
  readonly peer: Compared | null
  readonly others: readonly Compared[]
  readonly runs: readonly number[]
}

/** Runs one benchmark as often as it asks. */
export async function measure(benchmark: Benchmark): Promise<Result> {
  const { name, claim, unit, bar, better, peer, others = [] } = benchmark
  const runs: number[] = []
  const beside: number[] = []
  for (let run = 0; run < (benchmark.runs ?? RUNS); run++) {
    runs.push(await benchmark.run())
    if (peer !== undefined) beside.push(await figureOf(peer.value))
  }
  const value = median(runs)
  const compared = (system: string, figure: number): Compared => ({
    name: system,
    value: figure,
    ratio: better === 'more' ? value / figure : figure / value,
  })
  return {
    name,
    claim,
    value,
    unit,
    bar,
    met: bar === null ? null : better === 'more' ? value >= bar : value <= bar,
    peer: peer === undefined ? null : compared(peer.name, median(beside)),
    others: others.map((other) => compared(other.name, other.value)),
    runs,
  }
}

const figureOf = (value: number | (() => Promise<number>)): number | Promise<number> =>
  typeof value === 'number' ? value : value()

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Seconds of processor time that `work` takes in this process, all its threads included. */
export async function cpuSeconds(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/** Seconds on the wall that `work` takes. */
export async function wallSeconds(work: () => void | Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return (performance.now() - begun) / 1000
}

const RUNS = 5
