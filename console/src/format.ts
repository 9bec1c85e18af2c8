/**
 * Figures and times as people read them.
 *
 * @module
 */

const PREFIXES = ['', 'k', 'M', 'G', 'T'] as const

/** A figure with its unit: `2.58 Mb/s`. */
export function scaled(value: number, unit: string): string {
  const step = Math.min(PREFIXES.length - 1, Math.max(0, Math.floor(Math.log10(value || 1) / 3)))
  const shown = value / 1000 ** step
  const digits = shown >= 100 || Number.isInteger(shown) ? 0 : shown >= 10 ? 1 : 2
  return `${shown.toFixed(digits)} ${PREFIXES[step]}${unit}`
}

/** A share in per cent: `1.61 %`. */
export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`

/** A whole number with thin spaces between thousands. */
export const grouped = (value: number): string =>
  Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, '\u202f')

/** A time of the day of this browser, with the date where it is not today. */
export function timeOf(at: number, now = Date.now()): string {
  const time = new Date(at)
  const clock = time.toLocaleTimeString('en-GB')
  const isToday = new Date(now).toDateString() === time.toDateString()
  return isToday ? clock : `${time.toISOString().slice(0, 10)} ${clock}`
}

/** A small probability: `3.1e-10`. */
export const tiny = (value: number): string => (value === 0 ? '0' : value.toExponential(1))

/** A span of time in its largest unit: `3.2 h`. */
export function durationOf(seconds: number): string {
  const [unit, length] = SPANS.find(([, most]) => seconds >= most) ?? (['s', 1] as const)
  const count = seconds / length
  return `${count >= 10 || unit === 's' ? count.toFixed(0) : count.toFixed(1)} ${unit}`
}

const SPANS = [
  ['days', 86_400],
  ['h', 3600],
  ['min', 60],
] as const
