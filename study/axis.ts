/**
 * Axes: which values they show, where, and where their ticks stand.
 *
 * @module
 */

export interface Axis {
  readonly label: string
  readonly log?: boolean
  /** Ends; by default those of the values, rounded outward. */
  readonly min?: number
  readonly max?: number
}

/** The values that an axis shows. */
export interface Range {
  readonly min: number
  readonly max: number
  /** Where a value lies, 0 at the least and 1 at the most. */
  readonly share: (value: number) => number
  readonly shows: (value: number) => boolean
}

/** Works out the range of an axis from the values that it has to show. */
export function placeOn(axis: Axis, values: readonly number[]): Range {
  const usable = values.filter((value) => Number.isFinite(value) && (!isLog(axis) || value > 0))
  const least = axis.min ?? Math.min(...usable)
  const most = axis.max ?? Math.max(...usable)
  if (!(least < Infinity && most > -Infinity)) throw new RangeError('A plot has no values to show')
  const [min, max] = isLog(axis) ? decades(axis, least, most) : rounded(axis, least, most)
  const on = (value: number): number => (isLog(axis) ? Math.log10(value) : value)
  const span = on(max) - on(min)
  return {
    min,
    max,
    share: (value) => (on(value) - on(min)) / span,
    // A line may leave the plot; what a logarithm cannot show it cannot draw either.
    shows: (value) => Number.isFinite(value) && (!isLog(axis) || value > 0),
  }
}

/** A tick; those without a label are fainter lines between. */
export interface Tick {
  readonly value: number
  readonly label: string
}

export function axisTicks(axis: Axis, { min, max }: Range): readonly Tick[] {
  if (!isLog(axis)) {
    const step = niceStep(max - min)
    const first = Math.ceil(min / step - 1e-9)
    const count = Math.floor(max / step + 1e-9) - first + 1
    return Array.from({ length: count }, (_, at) => {
      const value = (first + at) * step
      return { value, label: plain(value) }
    })
  }
  const [low, high] = [Math.ceil(Math.log10(min) - 1e-9), Math.floor(Math.log10(max) + 1e-9)]
  const stride = Math.ceil((high - low + 1) / LOG_LABELS_MAX)
  return Array.from({ length: high - low + 1 }, (_, at) => ({
    value: 10 ** (low + at),
    label: at % stride === 0 ? powerOfTen(low + at) : '',
  }))
}

const isLog = ({ log = false }: Axis): boolean => log

function decades(axis: Axis, least: number, most: number): readonly [number, number] {
  const min = axis.min ?? 10 ** Math.floor(Math.log10(least) + 1e-9)
  const max = axis.max ?? 10 ** Math.ceil(Math.log10(most) - 1e-9)
  return min < max ? [min, max] : [min, min * 10]
}

function rounded(axis: Axis, least: number, most: number): readonly [number, number] {
  const step = niceStep(most > least ? most - least : 1)
  const min = axis.min ?? Math.floor(least / step + 1e-9) * step
  const max = axis.max ?? Math.ceil(most / step - 1e-9) * step
  return min < max ? [min, max] : [min, min + step]
}

/** 1, 2 or 5 times a power of ten, so that a span has five to ten of them. */
function niceStep(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span / 5))
  const ratio = span / 5 / power
  return power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10)
}

const plain = (value: number): string => String(Number(value.toPrecision(10)))

function powerOfTen(power: number): string {
  if (power === 0) return '1'
  if (power === 1) return '10'
  return `10${superscript(power)}`
}

/** A whole number as it stands in an exponent. */
export const superscript = (value: number): string =>
  String(value).replaceAll(/[-\d]/g, (one) => (one === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(one)]))

const LOG_LABELS_MAX = 12
