/**
 * How long a stock of keys lasts, in words.
 *
 * @module
 */

import { durationOf } from '../format.ts'
import { forecastOf } from '../network-model.ts'
import { filled, texts } from '../texts.ts'

const words = texts.forecast

export function Forecast({
  bits,
  growth,
}: {
  readonly bits: number | null
  readonly growth: number | null
}) {
  const forecast = forecastOf(bits, growth)
  if (forecast === null) return <>–</>
  if (forecast === 'empty') return <>▲ {words.empty}</>
  if (forecast === 'grows') return <>{words.grows}</>
  const sign = forecast < SOON_SECONDS ? '◆ ' : ''
  return <>{sign + filled(words.left, { time: durationOf(forecast) })}</>
}

/** An hour. */
const SOON_SECONDS = 3600
