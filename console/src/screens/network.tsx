/**
 * Links of this site as they are now, the sites around it, and keys relayed further.
 *
 * @module
 */

import { Paper, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { LinkView, NetworkView } from '#contract'
import { ask } from '../api.ts'
import { grouped, percent, scaled } from '../format.ts'
import { useLive } from '../live.ts'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { Schematic } from '../parts/schematic.tsx'
import { State } from '../parts/state.tsx'
import { useStatus } from '../shell.tsx'
import { texts } from '../texts.ts'
import { Wide } from '../parts/wide.tsx'

export function Network(): ReactNode {
  const status = useStatus()
  const { links } = useLive()
  const network = useQuery({
    queryKey: ['network'],
    queryFn: () => ask('network', {}, null),
    refetchInterval: 2000,
  })
  return (
    <Page title={texts.network.title} below={texts.network.below} command="photonward link watch">
      <Answer to={status}>
        {({ site, links: known, pools }) => (
          <>
            <Paper withBorder p="sm">
              <Schematic
                site={site}
                links={links.length > 0 ? links : known}
                others={network.data?.links ?? []}
              />
            </Paper>
            <Links links={links.length > 0 ? links : known} pools={pools} />
          </>
        )}
      </Answer>
      <Answer to={network}>{(view) => <Relayed {...view} />}</Answer>
    </Page>
  )
}

function Links(about: {
  readonly links: readonly LinkView[]
  readonly pools: readonly { readonly peer: string; readonly availableKeys: number }[]
}) {
  const { links, pools } = about
  const words = texts.network
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
    <Wide least={640}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.link}</Table.Th>
          <Table.Th>{words.state}</Table.Th>
          <Table.Th ta="right">{words.qber}</Table.Th>
          <Table.Th ta="right">{words.rate}</Table.Th>
          <Table.Th ta="right">{words.pool}</Table.Th>
          <Table.Th ta="right">{words.blocks}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {links.map((one) => (
          <Table.Tr key={one.link}>
            <Table.Td>
              <AnchorLink to="/links/$link" params={{ link: one.link }}>
                {one.link}
              </AnchorLink>
            </Table.Td>
            <Table.Td>
              <State state={one.state} reason={one.reason} />
            </Table.Td>
            <Table.Td ta="right" className="figure">
              {one.qber === null ? '–' : percent(one.qber)}
            </Table.Td>
            <Table.Td ta="right" className="figure">
              {scaled(one.secretBitsPerSecond, 'b/s')}
            </Table.Td>
            <Table.Td ta="right" className="figure">
              {grouped(pools.find(({ peer }) => peer === one.peer)?.availableKeys ?? 0)}
            </Table.Td>
            <Table.Td ta="right" className="figure">
              {grouped(one.blocksDistilled)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Wide>
  )
}

function Relayed({ pairs }: NetworkView) {
  const words = texts.network
  return (
    <section>
      <Title order={2} size="h4">
        {words.relayed}
      </Title>
      {pairs.length === 0 ? (
        <Text c="dimmed">{words.relayedNone}</Text>
      ) : (
        <Table>
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
                <Table.Td>{peer}</Table.Td>
                <Table.Td>
                  <State state={state} reason={reason ?? ''} />
                </Table.Td>
                <Table.Td ta="right" className="figure">
                  {grouped(availableBits / 256)}
                </Table.Td>
                <Table.Td>{ways.map((way) => way.join(' → ')).join('; ')}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </section>
  )
}
