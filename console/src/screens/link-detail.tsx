/**
 * One link: the last minutes, the last block in full, and what has happened.
 *
 * @module
 */

import { Group, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { ExplanationView, HistoryEntry, LinkView } from '#contract'
import { ApiRefusal, ask } from '../api.ts'
import { grouped, percent, scaled, timeOf, tiny } from '../format.ts'
import { useLive, type Sample } from '../live.ts'
import { useParameter } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { LinkCharts } from '../parts/link-charts.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { RangePicker, useRangeMs } from '../parts/range.tsx'
import { State } from '../parts/state.tsx'
import { Figure } from '../parts/wide.tsx'
import { texts } from '../texts.ts'

const words = texts.link

export function LinkDetail(): ReactNode {
  const link = useParameter('link')
  const { links, series, heardAt } = useLive()
  const view = links.find((one) => one.link === link)
  if (view === undefined) {
    return <Page title={link}>{heardAt === 0 ? null : <Empty text={words.unknown} />}</Page>
  }
  return (
    <Page
      title={link}
      below={`${view.role} · ${view.peer}`}
      command={`photonward link show ${link}`}
    >
      <Group justify="space-between">
        <Group>
          <State state={view.state} reason={view.reason} />
          <Text c="dimmed">
            {words.since} {timeOf(view.since)}
          </Text>
        </Group>
        <RangePicker />
      </Group>
      <Charts link={link} live={series.get(link) ?? []} />
      <Facts of={factsOf(view)} />
      <Block link={link} sequence={view.blocksDistilled} />
      <History link={link} />
    </Page>
  )
}

/** Live samples, or the blocks of the range that is looked at. */
function Charts({ link, live }: { readonly link: string; readonly live: readonly Sample[] }) {
  const history = useHistory(link)
  const isLive = useRangeMs() === undefined
  return <LinkCharts samples={isLive ? live : blocksIn(history.data?.entries ?? [])} />
}

const blocksIn = (entries: readonly HistoryEntry[]): readonly Sample[] =>
  entries.flatMap((entry) => {
    if (entry.kind !== 'block') return []
    const { at, keyErrorRate, testErrorRate, siftedBits, secretBits, seconds } = entry
    const each = Math.max(seconds, 1e-3)
    const qber = keyErrorRate ?? testErrorRate
    return [{ at, qber, sifted: siftedBits / each, secret: secretBits / each }]
  })

function factsOf(view: LinkView): readonly (readonly [string, string])[] {
  const discarded = Object.entries(view.blocksDiscarded)
  return [
    [words.protocol, view.protocol],
    [words.clock, scaled(view.clockHz, 'Hz')],
    [words.efficiency, view.efficiency?.toFixed(3) ?? '–'],
    [words.distilled, grouped(view.blocksDistilled)],
    [words.why, discarded.map(([cause, count]) => `${cause} ${String(count)}`).join(', ') || '–'],
    [words.epsilon, tiny(view.epsilonSpent)],
    [words.authentication, view.authenticationSource],
    [words.pads, grouped(view.padsLeft)],
    ...(view.chsh === null ? [] : [[words.chsh, view.chsh.toFixed(3)] as const]),
  ]
}

function Block({ link, sequence }: { readonly link: string; readonly sequence: number }) {
  const block = useQuery({
    queryKey: ['explanation', link, sequence],
    queryFn: () => ask('explainLink', { link }, null),
    placeholderData: (before) => before,
  })
  const isPending = block.error instanceof ApiRefusal && block.error.code === 'BLOCK_PENDING'
  return (
    <section>
      <Title order={2} size="h4">
        {words.block}
      </Title>
      {isPending ? (
        <Text c="dimmed">{words.blockNone}</Text>
      ) : (
        <Answer to={block}>{(view) => <Explanation view={view} />}</Answer>
      )}
    </section>
  )
}

function Explanation({ view }: { readonly view: ExplanationView }) {
  return (
    <Stack gap="xs">
      <Text>
        {view.bound} · {view.verdict}: {grouped(view.secretBits)} bit. {view.why}
      </Text>
      {view.sections.map(({ title, terms }) => (
        <details key={title}>
          <summary>{title}</summary>
          <Table>
            <Table.Tbody>
              {terms.map(({ name, value, meaning }) => (
                <Table.Tr key={name}>
                  <Table.Th scope="row">{name}</Table.Th>
                  <Figure>{Number.isInteger(value) ? grouped(value) : value.toPrecision(6)}</Figure>
                  <Table.Td>{meaning}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </details>
      ))}
    </Stack>
  )
}

/** What the link has done in the range that is looked at. */
function useHistory(link: string) {
  const rangeMs = useRangeMs()
  return useQuery({
    queryKey: ['history', link, rangeMs],
    queryFn: () =>
      ask(
        'linkHistory',
        {
          link,
          limit: String(rangeMs === undefined ? LIVE_ENTRIES : RANGE_ENTRIES),
          ...(rangeMs !== undefined && { since: String(Date.now() - rangeMs) }),
        },
        null,
      ),
    refetchInterval: rangeMs === undefined ? 5000 : 30_000,
  })
}

function History({ link }: { readonly link: string }) {
  const history = useHistory(link)
  return (
    <section>
      <Title order={2} size="h4">
        {words.history}
      </Title>
      <Answer to={history}>
        {({ entries }) =>
          entries.length === 0 ? (
            <Text c="dimmed">{words.historyNone}</Text>
          ) : (
            <Table>
              <Table.Tbody>
                {entries
                  .toReversed()
                  .slice(0, SHOWN_MAX)
                  .map((entry, at) => (
                    <Table.Tr key={entries.length - at}>
                      <Table.Td className="figure">{timeOf(entry.at)}</Table.Td>
                      <Table.Td>{entry.kind}</Table.Td>
                      <Table.Td>{storyOf(entry)}</Table.Td>
                    </Table.Tr>
                  ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Answer>
    </section>
  )
}

function storyOf(entry: HistoryEntry): string {
  switch (entry.kind) {
    case 'block': {
      const name = `${String(entry.epoch)}/${String(entry.sequence)}`
      const { outcome, cause, secretBits, testErrorRate } = entry
      const end = outcome === 'distilled' ? `${grouped(secretBits)} bit` : cause
      return `${name} ${outcome}: ${end}, QBER ${percent(testErrorRate)}`
    }
    case 'alarm':
      return `${entry.alarm} ${entry.change}`
    case 'alignment':
      return `${entry.cause}: ${entry.outcome}`
    case 'state':
      return `${entry.state}${entry.reason === '' ? '' : ` (${entry.reason})`}`
  }
}

const LIVE_ENTRIES = 40
/** As many as a site keeps of a link. */
const RANGE_ENTRIES = 10_000
/** Rows of a list that a person reads. */
const SHOWN_MAX = 200
