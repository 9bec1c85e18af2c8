/**
 * Alarms: those that stand, or all; of one kind and thing together, or each by itself.
 *
 * @module
 */

import { Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, type ReactNode } from 'react'
import { groupsOf, merged, type AlarmGroup, type Told } from '../alarm-groups.ts'
import { ask } from '../api.ts'
import { grouped, timeOf } from '../format.ts'
import { useQuestion } from '../parts/address.ts'
import { AlarmList } from '../parts/alarm-list.tsx'
import { Answer } from '../parts/answer.tsx'
import { Growing } from '../parts/growing.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { RangePicker, useRangeMs } from '../parts/range.tsx'
import { Severity } from '../parts/severity.tsx'
import { filled, texts } from '../texts.ts'

const words = texts.alarms

export function Alarms(): ReactNode {
  const { show, list } = useQuestion()
  const isAll = show === 'all'
  const alarms = useAlarms()
  const rangeMs = useRangeMs()
  const since = rangeMs === undefined ? 0 : Date.now() - rangeMs
  return (
    <Page title={words.title} below={words.below} command="photonward alarm list">
      <Group>
        <Choice name="show" value={isAll ? 'all' : 'standing'} from={['standing', 'all']} />
        <Choice name="list" value={list === 'each' ? 'each' : 'groups'} from={['groups', 'each']} />
        {isAll && <RangePicker />}
      </Group>
      <Answer to={alarms.newest}>
        {() => {
          const shown = alarms.all.filter(({ at, clearedAt }) =>
            isAll ? at >= since : clearedAt === null,
          )
          if (shown.length === 0) {
            return <Empty text={isAll ? words.none : words.noneStands} how={words.noneHow} />
          }
          return list === 'each' ? (
            <Growing of={shown} onEnd={alarms.older}>
              {(some) => <AlarmList alarms={some} />}
            </Growing>
          ) : (
            <Growing of={groupsOf(shown)} onEnd={alarms.older}>
              {(some) => <Groups groups={some} among={shown} />}
            </Growing>
          )
        }}
      </Answer>
    </Page>
  )
}

/** The newest, asked every few seconds, and older ones as far as somebody has looked. */
function useAlarms() {
  const newest = useQuery({
    queryKey: ['alarms'],
    queryFn: () => ask('alarms', { limit: String(PAGE) }, null),
    refetchInterval: 2000,
  })
  const further = useInfiniteQuery({
    queryKey: ['alarms', 'older'],
    queryFn: ({ pageParam }) =>
      ask('alarms', { limit: String(PAGE), after: pageParam }, null, true),
    enabled: false,
    initialPageParam: newest.data?.at(-1)?.id ?? '',
    getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.id),
  })
  const { data } = further
  const all = useMemo(
    () => merged(data?.pages.flat() ?? [], newest.data ?? []),
    [data, newest.data],
  )
  const hasMore = data === undefined ? newest.data?.length === PAGE : further.hasNextPage
  return { newest, all, older: hasMore ? () => void further.fetchNextPage() : undefined }
}

/** One of two ways to look at them, in the address. */
function Choice(about: {
  readonly name: 'show' | 'list'
  readonly value: keyof typeof words.choice
  readonly from: readonly [keyof typeof words.choice, keyof typeof words.choice]
}) {
  const { name, value, from } = about
  const navigate = useNavigate()
  return (
    <SegmentedControl
      w="fit-content"
      size="xs"
      value={value}
      data={from.map((one) => ({ value: one, label: words.choice[one] }))}
      onChange={(chosen) =>
        void navigate({
          to: '.',
          search: (before: Readonly<Record<string, unknown>>) => ({
            ...before,
            [name]: chosen === from[0] ? undefined : chosen,
          }),
        })
      }
    />
  )
}

function Groups(about: {
  readonly groups: readonly AlarmGroup[]
  readonly among: readonly Told[]
}) {
  const { groups, among } = about
  return (
    <Stack gap="xs">
      {groups.map((group) =>
        group.count === 1 ? (
          <Line key={group.key} group={group} />
        ) : (
          <details key={group.key} className="group">
            <summary>
              <Line group={group} />
            </summary>
            <Growing of={among.filter(({ kind, subject }) => `${kind} ${subject}` === group.key)}>
              {(some) => <AlarmList alarms={some} />}
            </Growing>
          </details>
        ),
      )}
    </Stack>
  )
}

function Line({ group }: { readonly group: AlarmGroup }) {
  const { newest, count, standing, firstAt } = group
  const { severity, subject, kind, message, at, clearedAt } = newest
  return (
    <div className="line">
      <Group gap="xs">
        <Severity of={severity} />
        <Text fw={600}>{subject}</Text>
        <Text className="figure">{timeOf(at)}</Text>
        <Text>{clearedAt === null ? words.stands : `${words.cleared} ${timeOf(clearedAt)}`}</Text>
        {count > 1 && (
          <Text c="dimmed">
            {filled(words.times, {
              count: grouped(count),
              standing: grouped(standing),
              since: timeOf(firstAt),
            })}
          </Text>
        )}
      </Group>
      <Text>
        {kind}: {message}
      </Text>
    </div>
  )
}

/** As many as the site tells at a time. */
const PAGE = 1000
