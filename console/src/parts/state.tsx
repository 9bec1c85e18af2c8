/**
 * The state of a link or a transfer: a word, a sign, and only then a colour.
 *
 * @module
 */

import { Badge } from '@mantine/core'
import { memo } from 'react'

type Tone = 'good' | 'busy' | 'bad' | 'quiet'

const TONES: Readonly<Record<string, Tone>> = {
  running: 'good',
  active: 'good',
  delivered: 'good',
  imported: 'good',
  full: 'good',
  starting: 'busy',
  calibrating: 'busy',
  recovering: 'busy',
  degraded: 'busy',
  sending: 'busy',
  receiving: 'busy',
  waiting: 'busy',
  opening: 'busy',
  relaying: 'busy',
  pending: 'busy',
  passive: 'busy',
  open: 'busy',
  overdue: 'bad',
  reviewed: 'good',
  suspended: 'bad',
  down: 'bad',
  refused: 'bad',
}
const SIGNS: Readonly<Record<Tone, string>> = { good: '●', busy: '◐', bad: '▲', quiet: '○' }
const COLOURS: Readonly<Record<Tone, string>> = {
  good: 'teal.9',
  busy: '#8f4a00',
  bad: 'red.9',
  quiet: 'gray.7',
}

interface Standing {
  readonly state: string
  readonly reason?: string
}

export const State = memo(({ state, reason }: Standing) => {
  const tone = TONES[state] ?? 'quiet'
  return (
    <Badge
      variant="filled"
      color={COLOURS[tone]}
      tt="none"
      title={reason}
      autoContrast={false}
      c="white"
      miw="max-content"
    >
      {SIGNS[tone]} {state}
      {reason === undefined || reason === '' ? '' : ` · ${reason}`}
    </Badge>
  )
})
State.displayName = 'State'
