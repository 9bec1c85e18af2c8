/**
 * The span of time that panels look at: one for all of them, in the address.
 *
 * @module
 */

import { SegmentedControl } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { texts } from '../texts.ts'
import { useQuestion } from './address.ts'

const DAY_MS = 86_400_000
const RANGES = {
  ...{ '1h': DAY_MS / 24, '24h': DAY_MS, '7d': 7 * DAY_MS },
  ...{ '90d': 90 * DAY_MS, '1y': 365 * DAY_MS, '5y': 1826 * DAY_MS },
} as const
export type Range = keyof typeof RANGES

/** A range as the address may name it. */
export const rangeIn = (text: unknown): Range | undefined =>
  typeof text === 'string' && Object.hasOwn(RANGES, text) ? (text as Range) : undefined

/** Milliseconds that are looked back; undefined: live. */
export function useRangeMs(): number | undefined {
  const range = rangeIn(useQuestion()['range'])
  return range && RANGES[range]
}

/** Picks a range. @param choices   those that make sense for a panel; without one: `whole` */
export function RangePicker({
  choices = ['1h', '24h', '7d'],
  whole = texts.range.live,
}: {
  readonly choices?: readonly Range[]
  readonly whole?: string
}) {
  const range = rangeIn(useQuestion()['range'])
  const navigate = useNavigate()
  return (
    <SegmentedControl
      size="xs"
      w="fit-content"
      aria-label={texts.range.title}
      value={range ?? 'live'}
      data={[
        { value: 'live', label: whole },
        // One that was picked for other panels holds here as well.
        ...new Set([...choices, ...(range === undefined ? [] : [range])])
          .values()
          .map((value) => ({ value, label: texts.range[value] })),
      ]}
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
