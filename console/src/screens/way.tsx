/**
 * How keys come to be shared with another site: each way with its hops, who has its share in clear,
 * and what the key of a session rests on.
 *
 * @module
 */

import { Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { grouped, percent, scaled } from '../format.ts'
import { useLive } from '../live.ts'
import { edgesOf, heldBetween, waysTo, type Edge } from '../network-model.ts'
import { useParameter } from '../parts/address.ts'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { Answer } from '../parts/answer.tsx'
import { Forecast } from '../parts/forecast.tsx'
import { Pictured } from '../parts/network-view.tsx'
import { Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { poolOf, stockGrowth } from '../pool-levels.ts'
import { useStatus } from '../shell.tsx'
import { filled } from '../texts.ts'
import { linkTexts } from '../texts-links.ts'
import { useNetwork } from '../parts/use-network.ts'

const words = linkTexts.way

export function Way(): ReactNode {
  const peer = useParameter('peer')
  const status = useStatus()
  const network = useNetwork()
  const { links } = useLive()
  return (
    <Page
      title={filled(words.title, { peer })}
      below={words.below}
      command="photonward network status"
    >
      <Answer to={status}>
        {({ site, links: known, pools }) => (
          <Answer to={network}>
            {(view) => {
              const own = links.length > 0 ? links : known
              const edges = edgesOf({ site, own, others: view.links })
              const ways = waysTo(peer, { site, edges, pairs: view.pairs })
              const pair = view.pairs.find((one) => one.peer === peer)
              const pool = pools.find((one) => one.peer === peer)
              return (
                <>
                  <Group>
                    {pair !== undefined && <State state={pair.state} reason={pair.reason ?? ''} />}
                    <Text>
                      {filled(words.ready, { keys: grouped(pool?.availableKeys ?? 0) })} ·{' '}
                      <Forecast
                        bits={pool?.availableBits ?? 0}
                        growth={stockGrowth(poolOf(peer))}
                      />
                    </Text>
                  </Group>
                  <Pictured site={site} edges={edges} nodes={view.nodes} ways={ways} />
                  <Shares ways={ways} edges={edges} isRelayed={pair !== undefined} />
                  <Parts isRelayed={pair !== undefined} between={ways.flatMap(heldBetween)} />
                </>
              )
            }}
          </Answer>
        )}
      </Answer>
    </Page>
  )
}

function Shares(about: {
  readonly ways: readonly (readonly string[])[]
  readonly edges: readonly Edge[]
  readonly isRelayed: boolean
}) {
  const { ways, edges, isRelayed } = about
  if (ways.length === 0) {
    return <Text c="dimmed">{isRelayed ? words.notYet : words.none}</Text>
  }
  return (
    <SimpleGrid cols={{ base: 1, md: ways.length > 1 ? 2 : 1 }}>
      {ways.map((way, at) => (
        <Paper key={way.join(' ')} withBorder p="sm">
          <Title order={2} size="h5">
            {isRelayed ? filled(words.share, { share: at + 1, of: ways.length }) : words.direct}
          </Title>
          <ol>
            {way.slice(1).map((to, hop) => (
              <Hop
                key={to}
                edge={between(edges, way[hop] ?? '', to)}
                from={way[hop] ?? ''}
                to={to}
              />
            ))}
          </ol>
          <Text>
            {heldBetween(way).length === 0
              ? words.nobody
              : filled(words.inClear, { nodes: heldBetween(way).join(', ') })}
          </Text>
        </Paper>
      ))}
    </SimpleGrid>
  )
}

function Hop({
  edge,
  from,
  to,
}: {
  readonly edge: Edge | undefined
  readonly from: string
  readonly to: string
}) {
  const ends = `${from} → ${to}`
  return (
    <li>
      {edge?.isOwn === true ? (
        <AnchorLink underline="always" to="/links/$link" params={{ link: edge.link }}>
          {ends}
        </AnchorLink>
      ) : (
        ends
      )}
      {edge !== undefined &&
        ` · ${edge.state} · ${edge.qber === null ? '–' : percent(edge.qber)} · ${scaled(edge.secretBitsPerSecond, 'b/s')}`}
    </li>
  )
}

/** What goes into the key of a session, and who would have to be broken for each part. */
function Parts(about: { readonly isRelayed: boolean; readonly between: readonly string[] }) {
  const nodes = [...new Set(about.between)].join(', ')
  return (
    <section>
      <Title order={2} size="h4">
        {words.parts}
      </Title>
      <Stack gap={4} mt="xs">
        <Text>
          <b>{words.quantum}</b>{' '}
          {about.isRelayed
            ? filled(words.quantumRelayed, { nodes: nodes || '–' })
            : words.quantumDirect}
        </Text>
        <Text>
          <b>ML-KEM-1024.</b> {words.lattice}
        </Text>
        <Text>
          <b>X25519.</b> {words.curve}
        </Text>
        <Text c="dimmed">{words.together}</Text>
      </Stack>
    </section>
  )
}

const between = (edges: readonly Edge[], from: string, to: string): Edge | undefined =>
  edges.find(({ a, b }) => (a === from && b === to) || (a === to && b === from))
