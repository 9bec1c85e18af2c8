/**
 * Alarms: those that stand, or all.
 *
 * @module
 */

import { Badge, SegmentedControl, Table } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { AlarmView } from '#contract'
import { ask } from '../api.ts'
import { timeOf } from '../format.ts'
import { useQuestion } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { texts } from '../texts.ts'
import { Wide } from '../parts/wide.tsx'

const words = texts.alarms
const COLOURS = { notice: 'gray.7', warning: '#8f4a00', critical: 'red.9' } as const
const SIGNS = { notice: 'ⓘ', warning: '◆', critical: '▲' } as const

export function Alarms(): ReactNode {
  const { show } = useQuestion()
  const navigate = useNavigate()
  const alarms = useQuery({
    queryKey: ['alarms'],
    queryFn: () => ask('alarms', { limit: '500' }, null),
    refetchInterval: 2000,
  })
  return (
    <Page title={words.title} below={words.below} command="photonward alarm list">
      <SegmentedControl
        w="fit-content"
        value={show === 'all' ? 'all' : 'standing'}
        data={[
          { value: 'standing', label: words.standing },
          { value: 'all', label: words.all },
        ]}
        onChange={(value) =>
          void navigate({ to: '/alarms', search: value === 'all' ? { show: 'all' } : {} })
        }
      />
      <Answer to={alarms}>
        {(all) => {
          const shown = show === 'all' ? all : all.filter(({ clearedAt }) => clearedAt === null)
          return shown.length === 0 ? <Empty text={words.none} /> : <List alarms={shown} />
        }}
      </Answer>
    </Page>
  )
}

function List({ alarms }: { readonly alarms: readonly AlarmView[] }) {
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
