/**
 * One link: the last minutes, its blocks in full, what its devices know, and what has happened.
 *
 * @module
 */

import { Group, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { BlockEntry, HistoryEntry, LinkView } from '#contract'
import { ask } from '../api.ts'
import { grouped, scaled, timeOf, tiny } from '../format.ts'
import { useLive, type Sample } from '../live.ts'
import { endedOf } from '../network-model.ts'
import { useParameter, useQuestion } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { BlockExplained, BlockLog } from '../parts/block-log.tsx'
import { Calibration } from '../parts/calibration.tsx'
import { Facts } from '../parts/facts.tsx'
import { LinkCharts } from '../parts/link-charts.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { RangePicker, useRangeMs } from '../parts/range.tsx'
import { State } from '../parts/state.tsx'
import { Wide } from '../parts/wide.tsx'
import { linkTexts } from '../texts-links.ts'

const words = linkTexts.link

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
      <Happened view={view} live={series.get(link) ?? []} />
    </Page>
  )
}

/** What the link does now, and has done in the range that is looked at. */
function Happened({ view, live }: { readonly view: LinkView; readonly live: readonly Sample[] }) {
  const { link } = view
  const history = useHistory(link)
  const isLive = useRangeMs() === undefined
  const { block } = useQuestion()
  const chosen = typeof block === 'string' ? block : undefined
  return (
    <>
      <LinkCharts samples={isLive ? live : samplesOf(history.data?.entries ?? [])} />
      <Facts of={factsOf(view)} />
      <section>
        <Title order={2} size="h4">
          {words.authenticated}
        </Title>
        <Facts of={budgetOf(view)} />
      </section>
      <section>
        <Title order={2} size="h4">
          {words.blocks}
        </Title>
        <Answer to={history}>
          {({ entries }) => <BlockLog link={link} blocks={blocksIn(entries)} chosen={chosen} />}
        </Answer>
      </section>
      <BlockExplained link={link} chosen={chosen} ended={endedOf(view)} />
      <Calibration view={view} entries={history.data?.entries ?? []} />
      <section>
        <Title order={2} size="h4">
          {words.history}
        </Title>
        <Answer to={history}>{({ entries }) => <Turns entries={entries} />}</Answer>
      </section>
    </>
  )
}

const blocksIn = (entries: readonly HistoryEntry[]): readonly BlockEntry[] =>
  entries.filter((one): one is BlockEntry => one.kind === 'block')

const samplesOf = (entries: readonly HistoryEntry[]): readonly Sample[] =>
  blocksIn(entries).map(({ at, keyErrorRate, testErrorRate, siftedBits, secretBits, seconds }) => {
    const each = Math.max(seconds, 1e-3)
    const qber = keyErrorRate ?? testErrorRate
    return { at, qber, sifted: siftedBits / each, secret: secretBits / each }
  })

type Rows = readonly (readonly [string, string])[]

function factsOf(view: LinkView): Rows {
  const discarded = Object.entries(view.blocksDiscarded)
  return [
    [words.protocol, view.protocol],
    [words.clock, scaled(view.clockHz, 'Hz')],
    [words.efficiency, view.efficiency?.toFixed(3) ?? '–'],
    [words.distilled, grouped(view.blocksDistilled)],
    [words.why, discarded.map(([cause, count]) => `${cause} ${String(count)}`).join(', ') || '–'],
    [words.lost, grouped(view.batchesLost)],
    ...(view.chsh === null ? [] : [[words.chsh, view.chsh.toFixed(3)] as const]),
  ]
}

/** What the tags of the link may still cost, and have cost. */
const budgetOf = (view: LinkView): Rows => [
  [words.authentication, view.authenticationSource],
  [words.pads, grouped(view.padsLeft)],
  [words.bootstrap, words.bootstraps[view.bootstrap]],
  ...(view.preSharedSessions === null
    ? []
    : [[words.preShared, grouped(view.preSharedSessions)] as const]),
  [words.epsilon, tiny(view.epsilonSpent)],
]

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

type Turn = Exclude<HistoryEntry, BlockEntry>

/** All but the blocks, newest first. */
function Turns({ entries }: { readonly entries: readonly HistoryEntry[] }) {
  const turns = entries.filter((one): one is Turn => one.kind !== 'block')
  if (turns.length === 0) return <Text c="dimmed">{words.historyNone}</Text>
  return (
    <Wide least={400}>
      <Table.Tbody>
        {turns
          .toReversed()
          .slice(0, SHOWN_MAX)
          .map((entry, at) => (
            <Table.Tr key={turns.length - at}>
              <Table.Td className="figure">{timeOf(entry.at)}</Table.Td>
              <Table.Td>{entry.kind}</Table.Td>
              <Table.Td>{storyOf(entry)}</Table.Td>
            </Table.Tr>
          ))}
      </Table.Tbody>
    </Wide>
  )
}

function storyOf(entry: Turn): string {
  switch (entry.kind) {
    case 'alarm':
      return `${entry.alarm} ${entry.change}`
    case 'alignment':
      return `${entry.cause}: ${entry.outcome}`
    case 'state':
      return `${entry.state}${entry.reason === '' ? '' : ` (${entry.reason})`}`
  }
}

const LIVE_ENTRIES = 100
/** As many as a site keeps of a link. */
const RANGE_ENTRIES = 10_000
/** Rows of a list that a person reads. */
const SHOWN_MAX = 200
