/**
 * Alarms, one a row.
 *
 * @module
 */

import { Table } from '@mantine/core'
import type { AlarmView } from '#contract'
import { timeOf } from '../format.ts'
import { texts } from '../texts.ts'
import { Severity } from './severity.tsx'
import { Wide } from './wide.tsx'

const words = texts.alarms
export function AlarmList({ alarms }: { readonly alarms: readonly AlarmView[] }) {
  return (
    <Wide least={480}>
      <Table.Tbody>
        {alarms.map(({ id, at, kind, severity, subject, message, clearedAt }) => (
          <Table.Tr key={id}>
            <Table.Td className="figure">{timeOf(at)}</Table.Td>
            <Table.Td>
              <Severity of={severity} />
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
