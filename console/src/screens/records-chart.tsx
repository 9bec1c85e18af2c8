/**
 * The record of one patient: what happened, what was measured, who may and who did.
 *
 * @module
 */

import { Badge, Button, Chip, Group, Stack, Tabs, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useMemo, useState, type ReactNode } from 'react'
import { askFhir } from '../api.ts'
import { useParameter, useQuestion } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { RangePicker, useRangeMs } from '../parts/range.tsx'
import { CHART_MAX, useChart, type AskedChart } from '../records/asking.ts'
import { filtered, KINDS, type ChartEntry, type Kind } from '../records/chart-model.ts'
import { Consents } from '../records/consents.tsx'
import { EntryDrawer } from '../records/entry-drawer.tsx'
import { labelsOf, nhsNumberOf, personText, textIn, type Resource } from '../records/fhir.ts'
import { EMERGENCY, useGrants } from '../records/grants.ts'
import { idOf } from '../records/handles.ts'
import { Looked } from '../records/looked.tsx'
import { Sent } from '../records/sent.tsx'
import { RefusedOrStepUp } from '../records/step-up.tsx'
import { Timeline } from '../records/timeline.tsx'
import { CHART_VIEWS, isChartView, type ChartView } from '../records/views.ts'
import { readsAccesses, useSession } from '../session.ts'
import { recordTexts } from '../texts-records.ts'
import { filled } from '../texts.ts'

const words = recordTexts.chart
const Measured = lazy(async () => ({ default: (await import('../records/measured.tsx')).Measured }))

export function RecordsChart(): ReactNode {
  const id = idOf(useParameter('record'))
  if (id !== undefined) return <ChartOf id={id} />
  const { title, missing, missingHow } = recordTexts.search
  return (
    <Page title={title}>
      <Empty text={missing} how={missingHow} />
    </Page>
  )
}

function ChartOf({ id }: { readonly id: string }) {
  const grants = useGrants()
  if (grants === undefined) return null
  // Whoever broke the glass over this patient reads for that.
  const isBroken = grants.some(({ patient }) => patient === `Patient/${id}`)
  return <Opened id={id} purpose={isBroken ? EMERGENCY : undefined} />
}

function Opened({ id, purpose }: { readonly id: string; readonly purpose: string | undefined }) {
  const chart = useChart(id, purpose)
  return <Answer to={chart}>{(asked) => <Whole {...{ id, asked, purpose }} />}</Answer>
}

/** A chart on the screen, and how it was asked for. */
interface Shown {
  readonly id: string
  readonly asked: AskedChart
  readonly purpose: string | undefined
}

function Whole(shown: Shown) {
  const { asked, id } = shown
  const unmasking = useMutation({
    mutationFn: () => askFhir({ method: 'GET', url: `Patient/${id}/$unmask` }),
  })
  const patient = unmasking.data ?? asked.patient
  const { view: named } = useQuestion()
  const navigate = useNavigate()
  const { data: session } = useSession()
  const seesAccesses = session !== undefined && readsAccesses(session)
  const views = CHART_VIEWS.filter((one) => one !== 'looked' || seesAccesses)
  const view = isChartView(named) ? named : 'timeline'
  const choose = (chosen: string | null): void => {
    const next = isChartView(chosen) && chosen !== 'timeline' ? chosen : undefined
    const search = (before: object) => ({ ...before, view: next })
    void navigate({ to: '.', search })
  }
  if (patient === undefined) return <Empty text={words.nobody} />
  return (
    <Page
      title={personText(patient['name']) ?? recordTexts.search.unnamed}
      below={aboutPatient(patient)}
      command="photonward record get <patient>"
    >
      {labelsOf(patient).includes('MASKED') && (
        <Group gap="xs">
          <Badge variant="outline" color="gray" tt="none">
            {recordTexts.search.masked}
          </Badge>
          <Text c="dimmed">{words.maskedNote}</Text>
          <Button
            {...{ variant: 'default', size: 'xs', loading: unmasking.isPending }}
            onClick={() => unmasking.mutate()}
          >
            {words.unmask}
          </Button>
        </Group>
      )}
      {unmasking.data !== undefined && <Text role="status">{words.unmasked}</Text>}
      <RefusedOrStepUp error={unmasking.error} onShown={() => unmasking.mutate()} />
      <Tabs value={view} onChange={choose} keepMounted={false}>
        <Tabs.List aria-label={words.views}>
          {views.map((one) => (
            <Tabs.Tab key={one} value={one}>
              {words.view[one]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={view} pt="md">
          <View view={view} shown={shown} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}

function View({ view, shown }: { readonly view: ChartView; readonly shown: Shown }) {
  const { id, asked } = shown
  if (view === 'consent') return <Consents id={id} chart={asked} />
  if (view === 'looked') return <Looked id={id} names={asked.names} />
  if (view === 'sent') return <Sent id={id} />
  if (view === 'measured') {
    return (
      <Suspense>
        <Measured entries={asked.entries} />
      </Suspense>
    )
  }
  return <TimelineView shown={shown} />
}

/** The timeline with its filters, which stand in the address. */
function TimelineView({ shown: { asked, purpose, id } }: { readonly shown: Shown }) {
  const { entries, names, isCut } = asked
  const [opened, setOpened] = useState<ChartEntry>()
  const { kinds: named } = useQuestion()
  const rangeMs = useRangeMs()
  const navigate = useNavigate()
  const kinds = useMemo(() => kindsIn(named), [named])
  const shown = useMemo(() => {
    const since = rangeMs === undefined ? undefined : Date.now() - rangeMs
    return filtered(entries, { kinds, since })
  }, [entries, kinds, rangeMs])
  const there = KINDS.filter((kind) => entries.some((one) => one.kind === kind))
  const choose = (chosen: string[]): void => {
    const search = (before: object) => ({ ...before, kinds: chosen.join(',') || undefined })
    void navigate({ to: '.', search })
  }
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Chip.Group multiple value={[...kinds]} onChange={choose}>
          <Group gap="xs" role="group" aria-label={words.kinds}>
            {there.map((kind) => (
              <Chip key={kind} value={kind} size="xs" variant="outline">
                {words.kind[kind]}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
        <RangePicker choices={['90d', '1y', '5y']} whole={words.whole} />
      </Group>
      <Text c="dimmed" role="status">
        {filled(words.count, { shown: shown.length, all: entries.length })}. {words.keys}
      </Text>
      {isCut && <Text>{filled(words.more, { count: CHART_MAX })}</Text>}
      {shown.length === 0 ? (
        <Empty text={words.none} how={words.noneHow} />
      ) : (
        <Timeline entries={shown} onOpen={setOpened} />
      )}
      {opened !== undefined && (
        <EntryDrawer
          {...{ entry: opened, names, purpose, patient: id }}
          onClose={() => setOpened(undefined)}
        />
      )}
    </Stack>
  )
}

const kindsIn = (named: unknown): readonly Kind[] => {
  const told = typeof named === 'string' ? named.split(',') : []
  return KINDS.filter((kind) => told.includes(kind))
}

function aboutPatient(patient: Resource): string {
  const born = textIn(patient['birthDate'])
  return [
    ...(born === undefined ? [] : [filled(words.born, { date: born })]),
    ...[nhsNumberOf(patient), textIn(patient['gender'])].flatMap((one) => one ?? []),
    ...(patient['deceasedDateTime'] === undefined && patient['deceasedBoolean'] !== true
      ? []
      : [words.dead]),
  ].join(' · ')
}
