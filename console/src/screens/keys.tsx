/**
 * What is shared with each site: how much for whom, how it flows, how long it lasts; and the way from
 * a key to what it protected.
 *
 * @module
 */

import { Button, Group, Paper, SimpleGrid, Table, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import type { PoolView } from '#contract'
import { ask } from '../api.ts'
import { durationOf, grouped, scaled } from '../format.ts'
import { useLive, type Sample } from '../live.ts'
import { outflowOf } from '../network-model.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Forecast } from '../parts/forecast.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { Figure, Wide } from '../parts/wide.tsx'
import { noteLevel, poolOf, stockGrowth } from '../pool-levels.ts'
import { filled, texts } from '../texts.ts'

const words = texts.keys

export function Keys(): ReactNode {
  const pools = useQuery({
    queryKey: ['pools'],
    queryFn: async () => {
      const all = await ask('pools', {}, null)
      for (const { peer, availableBits } of all) noteLevel(poolOf(peer), availableBits)
      return all
    },
    refetchInterval: 1000,
  })
  return (
    <Page title={words.title} below={words.below} command="photonward status">
      <Answer to={pools}>
        {(all) =>
          all.length === 0 ? (
            <Empty text={words.none} />
          ) : (
            <>
              {all.map((pool) => (
                <Pool key={pool.peer} pool={pool} />
              ))}
            </>
          )
        }
      </Answer>
      <Finder />
    </Page>
  )
}

function Pool({ pool }: { readonly pool: PoolView }) {
  const { peer, serving, ready, heldBlocks, waitingKeys, pendingVoids, peerBits, links } = pool
  const { links: live, series } = useLive()
  const over = live.filter((link) => link.peer === peer)
  // Half of every block is this end's to give out.
  const inflow = over.reduce((sum, { link }) => sum + meanRate(series.get(link) ?? []) / 2, 0)
  const growth = stockGrowth(poolOf(peer))
  const outflow = over.length === 0 ? null : outflowOf(inflow, growth)
  return (
    <Paper withBorder p="sm" component="section" aria-label={`${words.peer} ${peer}`}>
      <Group justify="space-between">
        <Title order={2} size="h4">
          {peer}
        </Title>
        <Text>{serving ? words.serving : words.waiting}</Text>
      </Group>
      {over.length > 0 && (
        <Text title={words.inflowHow}>
          {filled(words.flow, {
            inflow: scaled(inflow, 'b/s'),
            outflow: outflow === null ? words.unknown : scaled(outflow, 'b/s'),
          })}
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Uses ready={ready} growth={growth} outflow={outflow} />
        <Facts
          of={[
            [words.reserved, grouped(waitingKeys)],
            [words.voids, grouped(pendingVoids)],
            [words.peerMay, scaled(peerBits, 'b')],
            [words.held, grouped(heldBlocks)],
            [words.byLink, links.map(linkText).join('; ') || words.unknown],
          ]}
        />
      </SimpleGrid>
    </Paper>
  )
}

/** Bits a second that a link has grown, on the average of what the page has seen. */
const meanRate = (samples: readonly Sample[]): number =>
  samples.reduce((sum, { secret }) => sum + secret, 0) / Math.max(1, samples.length)

const linkText = ({ link, availableBits, quarantine }: PoolView['links'][number]): string =>
  `${link} ${scaled(availableBits, 'b')}` +
  (quarantine === null ? '' : ` ▲ ${filled(words.quarantine, { cause: quarantine })}`)

/** How much there is for whom, and for how long. */
function Uses(about: {
  readonly ready: PoolView['ready']
  readonly growth: number | null
  readonly outflow: number | null
}) {
  const { ready, growth, outflow } = about
  return (
    <Wide least={480}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.use}</Table.Th>
          <Table.Th ta="right">{words.keysReady}</Table.Th>
          <Table.Th>{words.pace}</Table.Th>
          <Table.Th>{words.without}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {(['application', 'emergency', 'own'] as const).map((use) => (
          <Table.Tr key={use}>
            <Table.Th scope="row">{words.uses[use]}</Table.Th>
            <Figure>{grouped(ready[use])}</Figure>
            <Table.Td className="figure">
              <Forecast bits={ready[use] * KEY_BITS} growth={growth} />
            </Table.Td>
            <Table.Td className="figure">
              {outflow === null || outflow <= 0
                ? words.unknown
                : durationOf((ready[use] * KEY_BITS) / outflow)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Wide>
  )
}

function Finder() {
  const [key, setKey] = useState('')
  const navigate = useNavigate()
  return (
    <section>
      <Title order={2} size="h4">
        {words.find}
      </Title>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (key.trim() !== '') void navigate({ to: '/keys/$key', params: { key: key.trim() } })
        }}
      >
        <Group align="flex-end">
          <TextInput
            label={words.findLabel}
            description={words.findHow}
            value={key}
            onChange={({ currentTarget }) => setKey(currentTarget.value)}
            miw={{ base: 0, xs: 340 }}
          />
          <Button type="submit" variant="default">
            {words.find}
          </Button>
        </Group>
      </form>
    </section>
  )
}

/** The default size of GS QKD 014, in which the site counts keys. */
const KEY_BITS = 256
