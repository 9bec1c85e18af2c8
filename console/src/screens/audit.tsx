/**
 * The log: its entries, how far it is signed, who has cosigned; each entry leads to its proof.
 *
 * @module
 */

import { Autocomplete, Button, Group, Table, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import type { EntryView } from '#contract'
import { ask } from '../api.ts'
import { grouped, timeOf } from '../format.ts'
import { useQuestion } from '../parts/address.ts'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { RangePicker, useRangeMs } from '../parts/range.tsx'
import { Wide } from '../parts/wide.tsx'
import { useStatus } from '../shell.tsx'
import { filled } from '../texts.ts'
import { proofTexts } from '../texts-proofs.ts'

const words = proofTexts.audit

export function Audit(): ReactNode {
  const { before, kind } = useQuestion()
  const rangeMs = useRangeMs()
  const navigate = useNavigate()
  const entries = useQuery({
    queryKey: ['entries', before, kind, rangeMs],
    queryFn: () =>
      ask(
        'entries',
        {
          ...{ limit: String(PAGE), order: 'newest' },
          ...(typeof before === 'number' && { before: String(before) }),
          ...(typeof kind === 'string' && { kind }),
          ...(rangeMs !== undefined && { since: String(Date.now() - rangeMs) }),
        },
        null,
      ),
    // What is older does not change.
    refetchInterval: before === undefined ? 3000 : false,
    placeholderData: (known) => known,
  })
  const go = (search: { readonly before?: number; readonly kind?: string }): void =>
    void navigate({ to: '/audit', search })
  const filter = typeof kind === 'string' ? { kind } : {}
  const oldest = entries.data?.at(-1)?.index
  const hasMore = entries.data?.length === PAGE && oldest !== undefined
  return (
    <Page title={words.title} below={words.below} command="photonward audit tail">
      <Signed />
      <Group align="flex-end">
        <KindFilter key={String(kind)} kind={filter.kind ?? ''} onKind={go} />
        <RangePicker />
        <Button
          variant="default"
          size="xs"
          disabled={before === undefined}
          onClick={() => go(filter)}
        >
          {words.newest}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={!hasMore}
          onClick={() => go({ ...filter, ...(oldest !== undefined && { before: oldest }) })}
        >
          {words.older}
        </Button>
      </Group>
      <Answer to={entries}>
        {(page) => (page.length === 0 ? <Empty text={words.none} /> : <Entries page={page} />)}
      </Answer>
    </Page>
  )
}

/** How far the log is signed and cosigned. */
function Signed() {
  const status = useStatus()
  return (
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
  )
}

/** A kind, or the beginning of some. */
function KindFilter(about: {
  readonly kind: string
  readonly onKind: (search: { readonly kind?: string }) => void
}) {
  const { kind, onKind } = about
  const [text, setText] = useState(kind)
  const set = (value: string): void => onKind(value === '' ? {} : { kind: value })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        set(text.trim())
      }}
    >
      <Autocomplete
        label={words.filter}
        description={words.filterHow}
        value={text}
        onChange={setText}
        onOptionSubmit={set}
        data={[...KINDS]}
        w={280}
      />
    </form>
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
        {page.map(({ index, at, kind, actor, facts }) => (
          <Table.Tr key={index}>
            <Table.Td className="figure">
              <AnchorLink to="/audit/$index" params={{ index: String(index) }}>
                {index}
              </AnchorLink>
            </Table.Td>
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
/** First words of kinds that are often looked for. */
const KINDS = [
  'alarm',
  'break-glass',
  'key',
  'link',
  'network',
  'people',
  'transfer',
  'vault',
] as const
