/**
 * The log: its entries, how far it is signed, and who has cosigned.
 *
 * @module
 */

import { Button, Group, Table, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { EntryView } from '#contract'
import { ask } from '../api.ts'
import { grouped, timeOf } from '../format.ts'
import { useQuestion } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Page } from '../parts/page.tsx'
import { useStatus } from '../shell.tsx'
import { filled, texts } from '../texts.ts'
import { Wide } from '../parts/wide.tsx'

const words = texts.audit

export function Audit(): ReactNode {
  const { after: asked } = useQuestion()
  const after = typeof asked === 'number' ? asked : undefined
  const navigate = useNavigate()
  const status = useStatus()
  const size = status.data?.logEntries ?? 0
  // Entries after an index; the newest page unless another is asked for.
  const from = after ?? Math.max(-1, size - 1 - PAGE)
  const entries = useQuery({
    queryKey: ['entries', from],
    queryFn: () =>
      ask('entries', { limit: String(PAGE), ...(from >= 0 && { after: String(from) }) }, null),
    enabled: status.data !== undefined,
    placeholderData: (before) => before,
  })
  const go = (to: number): void =>
    void navigate({
      to: '/audit',
      search: to >= size - 1 - PAGE ? {} : { after: Math.max(-1, to) },
    })
  return (
    <Page title={words.title} below={words.below} command="photonward audit tail">
      <Answer to={status}>
        {({ logEntries, checkpointSize, witnesses }) => (
          <Text>
            {filled(words.size, { size: grouped(logEntries), signed: grouped(checkpointSize) })}.{' '}
            {witnesses.length === 0
              ? words.noWitness
              : `${words.witnesses} ${witnesses.map((one) => `${one.site} (${grouped(one.size)})`).join(', ')}`}
          </Text>
        )}
      </Answer>
      <Group>
        <Button variant="default" size="xs" disabled={from < 0} onClick={() => go(from - PAGE)}>
          {words.older}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={after === undefined}
          onClick={() => go(from + PAGE)}
        >
          {words.newer}
        </Button>
      </Group>
      <Answer to={entries}>{(page) => <Entries page={page} />}</Answer>
    </Page>
  )
}

function Entries({ page }: { readonly page: readonly EntryView[] }) {
  return (
    <Wide least={640}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.index}</Table.Th>
          <Table.Th>{words.at}</Table.Th>
          <Table.Th>{words.kind}</Table.Th>
          <Table.Th>{words.actor}</Table.Th>
          <Table.Th>{words.facts}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {page.toReversed().map(({ index, at, kind, actor, facts }) => (
          <Table.Tr key={index}>
            <Table.Td className="figure">{index}</Table.Td>
            <Table.Td className="figure">{timeOf(at)}</Table.Td>
            <Table.Td>{kind}</Table.Td>
            <Table.Td>{actor}</Table.Td>
            <Table.Td>
              <Text size="xs" truncate maw={420}>
                {JSON.stringify(facts)}
              </Text>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Wide>
  )
}

const PAGE = 50
