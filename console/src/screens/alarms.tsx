/**
 * Alarms: those that stand, or all.
 *
 * @module
 */

import { Group, SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { ask } from '../api.ts'
import { useQuestion } from '../parts/address.ts'
import { AlarmList } from '../parts/alarm-list.tsx'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { RangePicker, useRangeMs } from '../parts/range.tsx'
import { texts } from '../texts.ts'

const words = texts.alarms

export function Alarms(): ReactNode {
  const { show } = useQuestion()
  const rangeMs = useRangeMs()
  const navigate = useNavigate()
  const alarms = useQuery({
    queryKey: ['alarms'],
    queryFn: () => ask('alarms', { limit: '500' }, null),
    refetchInterval: 2000,
  })
  return (
    <Page title={words.title} below={words.below} command="photonward alarm list">
      <Group>
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
        {show === 'all' && <RangePicker />}
      </Group>
      <Answer to={alarms}>
        {(all) => {
          const since = rangeMs === undefined ? 0 : Date.now() - rangeMs
          const shown =
            show === 'all'
              ? all.filter(({ at }) => at >= since)
              : all.filter(({ clearedAt }) => clearedAt === null)
          return shown.length === 0 ? <Empty text={words.none} /> : <AlarmList alarms={shown} />
        }}
      </Answer>
    </Page>
  )
}
