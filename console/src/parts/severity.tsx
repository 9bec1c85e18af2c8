/**
 * How bad an alarm is: a sign, a word, and only then a colour.
 *
 * @module
 */

import { Badge } from '@mantine/core'
import type { AlarmView } from '#contract'
import { texts } from '../texts.ts'

const COLOURS = { notice: 'gray.7', warning: '#8f4a00', critical: 'red.9' } as const
const SIGNS = { notice: 'ⓘ', warning: '◆', critical: '▲' } as const

export const Severity = ({ of: severity }: { readonly of: AlarmView['severity'] }) => (
  <Badge color={COLOURS[severity]} variant="filled" tt="none" c="white" miw="max-content">
    {SIGNS[severity]} {texts.severity[severity]}
  </Badge>
)
