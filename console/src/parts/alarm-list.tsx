/**
 * Alarms, one a row.
 *
 * @module
 */

import { Badge, Table } from '@mantine/core'
import type { AlarmView } from '#contract'
import { timeOf } from '../format.ts'
import { texts } from '../texts.ts'
import { Wide } from './wide.tsx'

const words = texts.alarms
const COLOURS = { notice: 'gray.7', warning: '#8f4a00', critical: 'red.9' } as const
const SIGNS = { notice: 'ⓘ', warning: '◆', critical: '▲' } as const

export function AlarmList({ alarms }: { readonly alarms: readonly AlarmView[] }) {
  return (
    <Wide least={480}>
      <Table.Tbody>
        {alarms.map(({ id, at, kind, severity, subject, message, clearedAt }) => (
          <Table.Tr key={id}>
            <Table.Td className="figure">{timeOf(at)}</Table.Td>
            <Table.Td>
              <Badge
                color={COLOURS[severity]}
                variant="filled"
                tt="none"
                c="white"
                miw="max-content"
              >
                {SIGNS[severity]} {texts.severity[severity]}
              </Badge>
            </Table.Td>
            <Table.Td>{subject}</Table.Td>
            <Table.Td>
              {kind}: {message}
            </Table.Td>
            <Table.Td className="figure">
              {clearedAt === null ? words.stands : `${words.cleared} ${timeOf(clearedAt)}`}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Wide>
  )
}
