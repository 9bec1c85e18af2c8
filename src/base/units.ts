/**
 * Units and ranges that the compiler can tell apart.
 *
 * @module
 */

declare const unit: unique symbol
type Measured<U extends string> = number & { readonly [unit]: U }

/** Milliseconds since 1970-01-01T00:00:00Z, a whole number. */
export type EpochMs = Measured<'epoch-ms'>
/** Quantum bit error rate, from 0 to 0.5. */
export type Qber = Measured<'qber'>

/** The one way to make an EpochMs. @throws RangeError unless a whole number of 0 or more. */
export function epochMs(value: number): EpochMs {
  if (Number.isSafeInteger(value) && value >= 0) return value as EpochMs
  throw new RangeError(`Epoch milliseconds must be a whole number, got ${value}`)
}

/** The one way to make a Qber. @throws RangeError outside [0, 0.5] or NaN. */
export function qber(value: number): Qber {
  if (value >= 0 && value <= 0.5) return value as Qber
  throw new RangeError(`QBER must lie in [0, 0.5], got ${value}`)
}

/** `2026-11-20T18:49:00.123Z`, for people and for formats that want RFC 3339. */
export function isoTime(at: EpochMs): string {
  const days = Math.floor(at / DAY_MS)
  const { year, month, day } = civilDate(days)
  let rest = at - days * DAY_MS
  const ms = rest % 1000
  rest = (rest - ms) / 1000
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(two).join(':')
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${clock}.${String(ms).padStart(3, '0')}Z`
}

/** Proleptic Gregorian date of a day count since 1970-01-01 (Hinnant, civil_from_days). */
function civilDate(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

const two = (value: number): string => String(value).padStart(2, '0')

export const SECOND_MS = 1000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
