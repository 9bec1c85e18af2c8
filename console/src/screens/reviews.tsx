/**
 * Broken glass that waits for somebody who looks at it: who, why, what was read, and what was found.
 *
 * @module
 */

import {
  Button,
  Group,
  NativeSelect,
  Paper,
  SegmentedControl,
  Stack,
  Table,
  Text,
  Textarea,
} from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { GlassView } from '#contract'
import { ask } from '../api.ts'
import { timeOf } from '../format.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { Wide } from '../parts/wide.tsx'
import { RefusedOrStepUp } from '../records/step-up.tsx'
import { useMay } from '../session.ts'
import { recordTexts } from '../texts-records.ts'

const words = recordTexts.reviews

export function Reviews(): ReactNode {
  const [which, setWhich] = useState<'waiting' | 'all'>('waiting')
  const glasses = useQuery({
    queryKey: ['glasses', which],
    queryFn: () => ask('glasses', { which }, null),
    refetchInterval: 5000,
  })
  return (
    <Page title={words.title} below={words.below} command="photonward break-glass list">
      <SegmentedControl
        w="fit-content"
        aria-label={words.title}
        value={which}
        data={[
          { value: 'waiting', label: words.waiting },
          { value: 'all', label: words.all },
        ]}
        onChange={(value) => setWhich(value === 'all' ? 'all' : 'waiting')}
      />
      <Answer to={glasses}>
        {({ glasses: all }) =>
          all.length === 0 ? (
            <Empty text={words.none} how={words.noneHow} />
          ) : (
            all.map((glass) => <Glass key={glass.grant} glass={glass} />)
          )
        }
      </Answer>
    </Page>
  )
}

function Glass({ glass }: { readonly glass: GlassView }) {
  const [isLooked, setLooked] = useState(false)
  const { by, state, review } = glass
  return (
    <Paper withBorder p="md" role="group" aria-label={by.name ?? by.person}>
      <Stack gap="sm">
        <Group justify="space-between">
          <Text fw={600}>{by.name ?? by.person}</Text>
          <State state={state} />
        </Group>
        <Facts of={factsOf(glass)} />
        {review !== null && (
          <Text>
            {review.by.name ?? review.by.person}: {words.findings[review.finding]}. {review.note}
          </Text>
        )}
        {isLooked ? (
          <Accesses grant={glass.grant} />
        ) : (
          <Button variant="default" size="xs" w="fit-content" onClick={() => setLooked(true)}>
            {words.look}
          </Button>
        )}
        {review === null && <Judgement glass={glass} />}
      </Stack>
    </Paper>
  )
}

const factsOf = (glass: GlassView): readonly (readonly [string, string])[] => [
  [words.patient, glass.patient],
  [words.reason, `${recordTexts.glass.reasons[glass.reason] ?? glass.reason}: ${glass.text}`],
  [words.opened, timeOf(glass.openedAt)],
  [words.ended, timeOf(glass.closedAt ?? glass.expiresAt)],
  [words.due, timeOf(glass.reviewDueAt)],
]

/** What was read under a grant. Looking is an access, and logged, so nobody does it by accident. */
function Accesses({ grant }: { readonly grant: string }) {
  const found = useQuery({
    queryKey: ['glasses', 'accesses', grant],
    queryFn: () => ask('glass', { grant }, null, true),
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  })
  return (
    <Answer to={found}>
      {({ accesses }) =>
        accesses.length === 0 ? (
          <Text>{words.nothing}</Text>
        ) : (
          <Wide least={480}>
            <Table.Tbody>
              {accesses.map(({ index, at, act, outcome, data }) => (
                <Table.Tr key={index}>
                  <Table.Td className="figure">{timeOf(at)}</Table.Td>
                  <Table.Td>{act}</Table.Td>
                  <Table.Td>{outcome}</Table.Td>
                  <Table.Td>{data.join(' ')}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Wide>
        )
      }
    </Answer>
  )
}

/** Ends what is open; says what was found of what is over. */
function Judgement({ glass: { grant, state } }: { readonly glass: GlassView }) {
  const [finding, setFinding] = useState<'justified' | 'misuse'>('justified')
  const [note, setNote] = useState('')
  const may = useMay()
  const client = useQueryClient()
  const onSuccess = () => client.invalidateQueries({ queryKey: ['glasses'] })
  const close = useMutation({
    mutationFn: () => ask('closeGlass', { grant }, {}, true),
    onSuccess,
  })
  const judge = useMutation({
    mutationFn: () => ask('reviewGlass', { grant }, { finding, note }, true),
    onSuccess,
  })
  if (!may('reviewGlass')) return null
  if (state === 'open') {
    return (
      <Stack gap="xs">
        <Text c="dimmed">{words.open}</Text>
        <Button
          {...{ variant: 'default', size: 'xs', w: 'fit-content', loading: close.isPending }}
          onClick={() => close.mutate()}
        >
          {words.close}
        </Button>
        <RefusedOrStepUp error={close.error} onShown={() => close.mutate()} />
      </Stack>
    )
  }
  return (
    <Stack gap="xs" maw={560}>
      <NativeSelect
        label={words.finding}
        data={[
          { value: 'justified', label: words.findings.justified },
          { value: 'misuse', label: words.findings.misuse },
        ]}
        value={finding}
        onChange={({ currentTarget: { value } }) =>
          setFinding(value === 'misuse' ? 'misuse' : 'justified')
        }
      />
      <Textarea
        {...{ label: words.note, minLength: 10, maxLength: 2000, required: true }}
        value={note}
        onChange={({ currentTarget: { value } }) => setNote(value)}
      />
      <Button w="fit-content" loading={judge.isPending} onClick={() => judge.mutate()}>
        {words.judge}
      </Button>
      <RefusedOrStepUp error={judge.error} onShown={() => judge.mutate()} />
    </Stack>
  )
}
