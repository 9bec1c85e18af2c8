/**
 * Links of this site as they are now, the sites around it, and keys relayed further.
 *
 * @module
 */

import { Paper, Table, Text, Title } from '@mantine/core'
import { memo, type ReactNode } from 'react'
import type { LinkView, NetworkView, PoolView, StatusView } from '#contract'
import { durationOf, grouped, percent, scaled } from '../format.ts'
import { useLive } from '../live.ts'
import { edgesOf, type Edge } from '../network-model.ts'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { Answer } from '../parts/answer.tsx'
import { Forecast } from '../parts/forecast.tsx'
import { Pictured } from '../parts/network-view.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { State } from '../parts/state.tsx'
import { useNetwork } from '../parts/use-network.ts'
import { Figure, Wide } from '../parts/wide.tsx'
import { linkOf, poolOf, stockGrowth } from '../pool-levels.ts'
import { useStatus } from '../shell.tsx'
import { filled, texts } from '../texts.ts'

const words = texts.network

export function Network(): ReactNode {
  const status = useStatus()
  const { links } = useLive()
  const network = useNetwork()
  return (
    <Page title={words.title} below={words.below} command="photonward link watch">
      <Answer to={status}>
        {({ site, links: known, pools, peers }) => {
          const own = links.length > 0 ? links : known
          const edges = edgesOf({ site, own, others: network.data?.links ?? [] })
          return (
            <>
              <Away peers={peers} />
              <Pictured site={site} edges={edges} nodes={network.data?.nodes ?? []} />
              <Links links={own} pools={pools} />
              <Further edges={edges.filter(({ isOwn }) => !isOwn)} />
            </>
          )
        }}
      </Answer>
      <Answer to={network}>{(view) => <Relayed {...view} />}</Answer>
    </Page>
  )
}

/** Sites that are not reached, and what that means. */
function Away({ peers }: Pick<StatusView, 'peers'>) {
  const away = peers.filter(({ connected }) => !connected).map(({ site }) => site)
  if (away.length === 0) return null
  return (
    <Paper withBorder p="sm" role="status" className="notice">
      <Text fw={600}>▲ {filled(words.away, { sites: away.join(', ') })}</Text>
      <Text>{words.awayMeans}</Text>
    </Paper>
  )
}

function Links(about: {
  readonly links: readonly LinkView[]
  readonly pools: readonly PoolView[]
}) {
  const { links, pools } = about
  if (links.length === 0) {
    return (
      <Empty
        text={words.none}
        how={words.noneHow}
        command="photonward site join <folder> <folder> --fibre <folder>"
      />
    )
  }
  return (
    <Wide least={860}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.link}</Table.Th>
          <Table.Th>{words.peer}</Table.Th>
          <Table.Th>{words.state}</Table.Th>
          <Table.Th ta="right">{words.qber}</Table.Th>
          <Table.Th title={words.minutesHow}>{words.minutes}</Table.Th>
          <Table.Th ta="right">{words.rate}</Table.Th>
          <Table.Th ta="right">{words.pool}</Table.Th>
          <Table.Th>{texts.forecast.title}</Table.Th>
          <Table.Th ta="right">{words.blocks}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {links.map((one) => (
          <LinkRow key={one.link} link={one} pool={pools.find(({ peer }) => peer === one.peer)} />
        ))}
      </Table.Tbody>
    </Wide>
  )
}

function LinkRow(about: { readonly link: LinkView; readonly pool: PoolView | undefined }) {
  const { link: one, pool } = about
  return (
    <Table.Tr>
      <Names link={one.link} peer={one.peer} />
      <Table.Td>
        <State state={one.state} reason={one.reason} />
      </Table.Td>
      <Figure>{one.qber === null ? '–' : percent(one.qber)}</Figure>
      <Table.Td>
        <Sparkline link={one.link} />
      </Table.Td>
      <Figure>{scaled(one.secretBitsPerSecond, 'b/s')}</Figure>
      <Figure>{grouped(pool?.availableKeys ?? 0)}</Figure>
      <Table.Td className="figure">
        <Forecast bits={pool?.availableBits ?? 0} growth={stockGrowth(poolOf(one.peer))} />
      </Table.Td>
      <Figure>{grouped(one.blocksDistilled)}</Figure>
    </Table.Tr>
  )
}

/** What stays while figures change. */
const Names = memo(({ link, peer }: { readonly link: string; readonly peer: string }) => (
  <>
    <Table.Td className="figure">
      <AnchorLink to="/links/$link" params={{ link }}>
        {link}
      </AnchorLink>
    </Table.Td>
    <Table.Td>
      <AnchorLink to="/ways/$peer" params={{ peer }}>
        {peer}
      </AnchorLink>
    </Table.Td>
  </>
))
Names.displayName = 'Names'

/** Links that end elsewhere, as their sites say. */
function Further({ edges }: { readonly edges: readonly Edge[] }) {
  if (edges.length === 0) return null
  return (
    <section>
      <Title order={2} size="h4">
        {words.further}
      </Title>
      <Text c="dimmed">{words.furtherHow}</Text>
      <Wide least={720}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.link}</Table.Th>
            <Table.Th>{words.state}</Table.Th>
            <Table.Th ta="right">{words.qber}</Table.Th>
            <Table.Th ta="right">{words.rate}</Table.Th>
            <Table.Th ta="right">{words.free}</Table.Th>
            <Table.Th>{texts.forecast.title}</Table.Th>
            <Table.Th>{words.heard}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {edges.map((one) => (
            <Table.Tr key={one.link} className={one.isStale ? 'old' : undefined}>
              <Table.Td>{one.link}</Table.Td>
              <Table.Td>
                <State state={one.state} />
              </Table.Td>
              <Figure>{one.qber === null ? '–' : percent(one.qber)}</Figure>
              <Figure>{scaled(one.secretBitsPerSecond, 'b/s')}</Figure>
              <Figure>{one.freeBits === null ? '–' : scaled(one.freeBits, 'b')}</Figure>
              <Table.Td className="figure">
                <Forecast bits={one.freeBits} growth={stockGrowth(linkOf(one.link))} />
              </Table.Td>
              <Table.Td className="figure">{heardOf(one)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Wide>
    </section>
  )
}

function heardOf({ ageMs, isStale }: Edge): string {
  if (ageMs === null) return words.unheard
  const ago = filled(words.ago, { time: durationOf(ageMs / 1000) })
  return isStale ? `◆ ${ago}: ${words.old}` : ago
}

function Relayed({ pairs }: NetworkView) {
  return (
    <section>
      <Title order={2} size="h4">
        {words.relayed}
      </Title>
      {pairs.length === 0 ? (
        <Text c="dimmed">{words.relayedNone}</Text>
      ) : (
        <Wide least={560}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.peer}</Table.Th>
              <Table.Th>{words.state}</Table.Th>
              <Table.Th ta="right">{words.pool}</Table.Th>
              <Table.Th>{words.way}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {pairs.map(({ peer, state, reason, availableBits, ways }) => (
              <Table.Tr key={peer}>
                <Table.Td>
                  <AnchorLink to="/ways/$peer" params={{ peer }}>
                    {peer}
                  </AnchorLink>
                </Table.Td>
                <Table.Td>
                  <State state={state} reason={reason ?? ''} />
                </Table.Td>
                <Figure>{grouped(availableBits / 256)}</Figure>
                <Table.Td>{ways.map((way) => way.join(' → ')).join('; ') || '–'}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Wide>
      )}
    </section>
  )
}
