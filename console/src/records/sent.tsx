/**
 * Where a record went, under which keys, to the receipt; and sending it to another site.
 *
 * @module
 */

import {
  Button,
  Code,
  Group,
  NativeSelect,
  Paper,
  Progress,
  Stack,
  Text,
  Title,
} from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { askFhir } from '../api.ts'
import { timeOf } from '../format.ts'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { Answer } from '../parts/answer.tsx'
import { Command, Empty } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { useMay, useSession } from '../session.ts'
import { recordTexts } from '../texts-records.ts'
import { filled } from '../texts.ts'
import { fieldsIn, parametersIn, textIn, type Resource } from './fhir.ts'
import { RefusedOrStepUp } from './step-up.tsx'

const words = recordTexts.sent

/** A transfer, as `$transfers` tells it. */
interface SentView {
  readonly id: string
  readonly to: string
  readonly mode: string
  readonly state: string
  readonly reason: string | undefined
  readonly items: number
  readonly itemsDone: number
  readonly begun: string
  readonly ended: string | undefined
  readonly used: string | undefined
  readonly keySource: string | undefined
  readonly keys: readonly string[]
  readonly entry: number | undefined
}

/** The transfers of a record; asked again while one is under way. */
export const useSent = (id: string) =>
  useQuery({
    queryKey: ['sent', id],
    queryFn: () => askFhir({ method: 'GET', url: `Patient/${id}/$transfers` }),
    staleTime: 10_000,
    refetchOnWindowFocus: false,
    refetchInterval: ({ state }) =>
      sentIn(state.data).some((one) => !ENDED.includes(one.state)) && FOLLOW_MS,
  })

export function Sent({ id }: { readonly id: string }) {
  const sent = useSent(id)
  const { data: session } = useSession()
  const sends = session?.person?.roles.includes('attending') === true
  return (
    <Stack gap="md">
      <Answer to={sent}>
        {(answer) => {
          const all = sentIn(answer)
          const sites = parametersIn(answer, 'site').flatMap(
            ({ valueString }) => textIn(valueString) ?? [],
          )
          return (
            <>
              {sends && sites.length > 0 && <SendForm id={id} sites={sites} />}
              {all.length === 0 ? (
                <Empty text={words.none} how={sends ? words.noneHow : words.noneWho} />
              ) : (
                all.map((one) => <SentOne key={one.id} one={one} />)
              )}
            </>
          )
        }}
      </Answer>
    </Stack>
  )
}

function SendForm({ id, sites }: { readonly id: string; readonly sites: readonly string[] }) {
  const [to, setTo] = useState(sites[0] ?? '')
  const [mode, setMode] = useState<keyof typeof words.modes>('require-quantum')
  const client = useQueryClient()
  const send = useMutation({
    mutationFn: () => {
      const parameter = [
        { name: 'to', valueString: to },
        { name: 'mode', valueCode: mode },
      ]
      const resource = { resourceType: 'Parameters', parameter }
      return askFhir({ method: 'POST', url: `Patient/${id}/$send`, resource })
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['sent', id] }),
  })
  const modes = Object.entries(words.modes).map(([value, label]) => ({ value, label }))
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Title order={2} size="h4">
          {words.send}
        </Title>
        <Text c="dimmed">{words.sendHow}</Text>
        <Group align="flex-end">
          <NativeSelect
            label={words.to}
            data={[...sites]}
            value={to}
            onChange={({ currentTarget: { value } }) => setTo(value)}
          />
          <NativeSelect
            label={words.mode}
            data={modes}
            value={mode}
            onChange={({ currentTarget: { value } }) => setMode(value as typeof mode)}
          />
          <Button loading={send.isPending} onClick={() => send.mutate()}>
            {words.go}
          </Button>
        </Group>
        <RefusedOrStepUp error={send.error} onShown={() => send.mutate()} />
        <Command line={`photonward record send <patient> --to ${to} --mode ${mode}`} />
      </Stack>
    </Paper>
  )
}

export function SentOne({ one }: { readonly one: SentView }) {
  const may = useMay()
  const { id, to, mode, state, reason, items, itemsDone, begun, used, keySource, keys } = one
  const share = items === 0 ? 0 : (itemsDone / items) * 100
  return (
    <Paper withBorder p="md" role="group" aria-label={filled(words.toSite, { site: to })}>
      <Stack gap="xs">
        <Group justify="space-between">
          <Text fw={600}>{filled(words.toSite, { site: to })}</Text>
          <State state={state} {...(reason !== undefined && { reason })} />
        </Group>
        <Progress
          value={share}
          aria-label={filled(words.progress, { done: itemsDone, items })}
          color="teal.9"
        />
        <Text c="dimmed" className="figure">
          {timeOf(Date.parse(begun))} · {filled(words.progress, { done: itemsDone, items })} ·{' '}
          {mode}
        </Text>
        {used !== undefined && (
          <Text>{filled(words.protected, { used, source: keySource ?? '–' })}</Text>
        )}
        {keys.length > 0 && (
          <Text>
            {words.keys}{' '}
            {keys.map((key) =>
              may('keyOrigin') ? (
                <AnchorLink key={key} to="/keys/$key" params={{ key }} mr="xs">
                  {key.slice(0, 8)}
                </AnchorLink>
              ) : (
                <Code key={key} mr="xs" title={key}>
                  {key.slice(0, 8)}
                </Code>
              ),
            )}
          </Text>
        )}
        {one.entry !== undefined && <Proof entry={one.entry} transfer={id} />}
      </Stack>
    </Paper>
  )
}

/** Where the delivery is proven. */
function Proof({ entry, transfer }: { readonly entry: number; readonly transfer: string }) {
  const may = useMay()
  const text = filled(words.receipt, { entry })
  return (
    <Group gap="xs">
      {may('proof') ? (
        <AnchorLink to="/audit/$index" params={{ index: String(entry) }}>
          {text}
        </AnchorLink>
      ) : (
        <Text>{text}</Text>
      )}
      <Command line={`photonward transfer show ${transfer}`} />
      <Command line={`photonward audit prove ${String(entry)}`} />
    </Group>
  )
}

/** The transfers in an answer, newest first. */
export const sentIn = (answer: Resource | undefined): readonly SentView[] =>
  parametersIn(answer, 'transfer').map(({ part }) => {
    const parts = fieldsIn(part)
    const text = (name: string): string | undefined => {
      const one = parts.find((each) => each['name'] === name) ?? {}
      const value = one['valueString'] ?? one['valueInstant'] ?? one['valueUuid']
      return textIn(value)?.replace('urn:uuid:', '')
    }
    const whole = (name: string): number | undefined => {
      const value = parts.find((each) => each['name'] === name)?.['valueInteger']
      return typeof value === 'number' ? value : undefined
    }
    return {
      ...{ id: text('id') ?? '', to: text('to') ?? '', mode: text('mode') ?? '' },
      ...{ state: text('state') ?? '', reason: text('reason'), begun: text('begun') ?? '' },
      ...{ items: whole('items') ?? 0, itemsDone: whole('itemsDone') ?? 0 },
      ...{ ended: text('ended'), used: text('used'), keySource: text('keySource') },
      keys: parts.flatMap(({ name, valueUuid }) =>
        name === 'key' ? (textIn(valueUuid)?.replace('urn:uuid:', '') ?? []) : [],
      ),
      entry: whole('entry'),
    }
  })

const ENDED: readonly string[] = ['delivered', 'refused']
/** Each look is an access, and logged. */
const FOLLOW_MS = 2000
