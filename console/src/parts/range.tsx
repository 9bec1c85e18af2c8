/**
 * The span of time that panels look at: one for all of them, in the address.
 *
 * @module
 */

import { SegmentedControl } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { texts } from '../texts.ts'
import { useQuestion } from './address.ts'

const RANGES = { '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000 } as const
export type Range = keyof typeof RANGES

/** A range as the address may name it. */
export const rangeIn = (text: unknown): Range | undefined =>
  typeof text === 'string' && Object.hasOwn(RANGES, text) ? (text as Range) : undefined

/** Milliseconds that are looked back; undefined: live. */
export function useRangeMs(): number | undefined {
  const range = rangeIn(useQuestion()['range'])
  return range && RANGES[range]
}

export function RangePicker() {
  const range = rangeIn(useQuestion()['range'])
  const navigate = useNavigate()
  return (
    <SegmentedControl
      size="xs"
      w="fit-content"
      aria-label={texts.range.title}
      value={range ?? 'live'}
      data={(['live', '1h', '24h', '7d'] as const).map((value) => ({
        value,
        label: texts.range[value],
      }))}
      onChange={(value) =>
        void navigate({
          to: '.',
          search: (before: Readonly<Record<string, unknown>>) => ({
            ...before,
            range: rangeIn(value),
          }),
        })
      }
    />
  )
}
