/**
 * The attack lab: Eve on a simulated fibre, and what the link notices.
 *
 * @module
 */

import { Button, Group, NativeSelect, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useState, type ReactNode } from 'react'
import { attackTexts, type AttackKind } from '#contract/attacks'
import type { AttackView, FibreView } from '#contract'
import { ask } from '../api.ts'
import { grouped, percent } from '../format.ts'
import { attackBy, commandOf, firstLevers, leversOf } from '../lab-model.ts'
import { useLive } from '../live.ts'
import { endedOf } from '../network-model.ts'
import { useQuestion } from '../parts/address.ts'
import { AlarmList } from '../parts/alarm-list.tsx'
import { Answer, Refused } from '../parts/answer.tsx'
import { BlockReacts } from '../parts/block-reacts.tsx'
import { Facts } from '../parts/facts.tsx'
import { Came } from '../parts/lab-came.tsx'
import { LeverSlider } from '../parts/lever-slider.tsx'
import { LinkCharts } from '../parts/link-charts.tsx'
import { Command, Empty, Page } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { texts } from '../texts.ts'
import { linkTexts } from '../texts-links.ts'

const words = linkTexts.lab
const KINDS = Object.keys(attackTexts) as readonly AttackKind[]
const Comparison = lazy(() =>
  import('../parts/lab-comparison.tsx').then((file) => ({ default: file.Comparison })),
)

export function Lab(): ReactNode {
  const fibres = useQuery({
    queryKey: ['fibres'],
    queryFn: () => ask('fibres', {}, null),
    refetchInterval: 1000,
  })
  return (
    <Page title={words.title} below={words.below} command="photonward attack list">
      <Paper withBorder p="xs" className="notice">
        <Text fw={600}>{words.simulation}</Text>
      </Paper>
      <div className="watermark" data-mark={words.watermark} />
      <Answer to={fibres}>
        {(all) =>
          all.length === 0 ? (
            <Empty text={words.none} how={words.noneHow} />
          ) : (
            <>
              <Bench fibres={all} />
              <Suspense>
                <Comparison />
              </Suspense>
            </>
          )
        }
      </Answer>
    </Page>
  )
}

function Bench({ fibres }: { readonly fibres: readonly FibreView[] }) {
  const { link: asked, attack } = useQuestion()
  const navigate = useNavigate()
  const fibre = fibres.find(({ link }) => link === asked) ?? fibres[0]
  const kind = KINDS.find((one) => one === attack) ?? 'intercept-resend'
  const go = (search: { readonly link?: string; readonly attack?: string }): void =>
    void navigate({ to: '/lab', search: { link: fibre.link, attack: kind, ...search } })
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Stack>
        <NativeSelect
          label={words.link}
          value={fibre.link}
          data={fibres.map(({ link }) => link)}
          onChange={({ currentTarget }) => go({ link: currentTarget.value })}
        />
        <NativeSelect
          label={words.attack}
          value={kind}
          data={[...KINDS]}
          onChange={({ currentTarget }) => go({ attack: currentTarget.value })}
        />
        <Told kind={kind} />
        <Switch fibre={fibre} kind={kind} />
      </Stack>
      <Seen fibre={fibre} />
    </SimpleGrid>
  )
}

/** What the attack does, and what catches it. */
function Told({ kind }: { readonly kind: AttackKind }) {
  const { does, shows, alarms, key } = attackTexts[kind]
  return (
    <Facts
      of={[
        [words.does, does],
        [words.shows, shows],
        [words.alarms, alarms],
        [words.key, key],
      ]}
    />
  )
}

/** Sliders, and the way in and out. */
function Switch({ fibre, kind }: { readonly fibre: FibreView; readonly kind: AttackKind }) {
  const [levers, setLevers] = useState(firstLevers)
  const client = useQueryClient()
  const attack = useMutation({
    mutationFn: (body: AttackView) => ask('attackFibre', { link: fibre.link }, body, true),
    onSuccess: () => client.invalidateQueries({ queryKey: ['fibres'] }),
  })
  const wanted = attackBy(kind, levers)
  const isOn = fibre.attack.kind !== 'none'
  return (
    <Stack gap="xs">
      {leversOf[kind].map((lever) => (
        <LeverSlider
          key={lever}
          lever={lever}
          value={levers[lever]}
          onValue={(value) => setLevers((before) => ({ ...before, [lever]: value }))}
        />
      ))}
      <Command line={commandOf(wanted)} />
      <Group>
        <Button color="red.9" onClick={() => attack.mutate(wanted)} loading={attack.isPending}>
          {fibre.attack.kind === kind ? words.change : words.begin}
        </Button>
        <Button
          variant="default"
          disabled={!isOn}
          onClick={() => attack.mutate({ kind: 'none', fraction: 0 })}
        >
          {words.end}
        </Button>
      </Group>
      {attack.error !== null && <Refused error={attack.error} />}
    </Stack>
  )
}

/** What the link notices, and what only a simulation can tell. */
function Seen({ fibre }: { readonly fibre: FibreView }) {
  const { links, series } = useLive()
  const view = links.find(({ link }) => link === fibre.link)
  const alarms = useQuery({
    queryKey: ['alarms'],
    queryFn: () => ask('alarms', { limit: '500' }, null),
    refetchInterval: 2000,
  })
  const { siftedBits, knownBits } = fibre.eve
  return (
    <Stack>
      <Group>
        {view !== undefined && <State state={view.state} reason={view.reason} />}
        <Text>
          {fibre.attack.kind === 'none' ? words.quiet : `${words.under} ${fibre.attack.kind}`}
        </Text>
      </Group>
      <LinkCharts samples={series.get(fibre.link) ?? []} cols={1} />
      <BlockReacts fibre={fibre} ended={view === undefined ? 0 : endedOf(view)} />
      <Text>
        {words.eve}:{' '}
        {siftedBits === 0 ? '–' : `${grouped(knownBits)} (${percent(knownBits / siftedBits)})`}
      </Text>
      {view !== undefined && <Came fibre={fibre} view={view} />}
      <Title order={2} size="h4">
        {texts.alarms.standing}
      </Title>
      <Answer to={alarms}>
        {(all) => {
          const standing = all.filter(
            ({ subject, clearedAt }) => subject === fibre.link && clearedAt === null,
          )
          return standing.length === 0 ? (
            <Text c="dimmed">{texts.alarms.noneStands}</Text>
          ) : (
            <AlarmList alarms={standing} />
          )
        }}
      </Answer>
    </Stack>
  )
}
