/**
 * What the patient has agreed to and refused; the patient, or who speaks for one, changes it here.
 *
 * @module
 */

import { Badge, Button, Group, NativeSelect, Paper, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { askFhir } from '../api.ts'
import { Refused } from '../parts/answer.tsx'
import { Empty } from '../parts/page.tsx'
import { isPatient, useSession } from '../session.ts'
import { recordTexts } from '../texts-records.ts'
import type { Chart, ChartEntry } from './chart-model.ts'
import { consentFor, consentWords, type ConsentWish } from './consent-model.ts'
import { textIn } from './fhir.ts'
import { dayOf } from './timeline.tsx'

const words = recordTexts.consent

export function Consents({ id, chart }: { readonly id: string; readonly chart: Chart }) {
  const { data: session } = useSession()
  const isOwn = session !== undefined && isPatient(session)
  const consents = chart.entries.filter(({ kind }) => kind === 'consent')
  const standing = consents.filter(({ resource }) => resource['status'] === 'active')
  return (
    <Stack gap="md">
      <Text>{isOwn ? words.own : words.staff}</Text>
      {isOwn && <ConsentForm id={id} names={chart.names} />}
      {consents.length === 0 && <Empty text={words.none} how={words.noneHow} />}
      {[...standing, ...consents.filter((one) => !standing.includes(one))].map((entry) => (
        <ConsentOne key={entry.name} entry={entry} names={chart.names} isOwn={isOwn} />
      ))}
    </Stack>
  )
}

function ConsentForm({ id, names }: { readonly id: string; readonly names: Chart['names'] }) {
  const people = [...names].filter(([name]) => name.startsWith('Practitioner/'))
  const [about, setAbout] = useState<ConsentWish['about']>('research')
  const [says, setSays] = useState<ConsentWish['says']>('deny')
  const [who, setWho] = useState(people[0]?.[0] ?? '')
  const { save, error, isPending } = useSaving()
  const choices = Object.entries(words.abouts).filter(
    ([value]) => value !== 'person' || people.length > 0,
  )
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Title order={2} size="h4">
          {words.say}
        </Title>
        <Group align="flex-end">
          <NativeSelect
            label={words.about}
            data={choices.map(([value, label]) => ({ value, label }))}
            value={about}
            onChange={({ currentTarget: { value } }) => setAbout(value as typeof about)}
          />
          {about === 'person' && (
            <NativeSelect
              label={words.whom}
              data={people.map(([value, label]) => ({ value, label }))}
              value={who}
              onChange={({ currentTarget: { value } }) => setWho(value)}
            />
          )}
          <NativeSelect
            label={words.answer}
            data={[
              { value: 'deny', label: words.deny },
              { value: 'permit', label: words.permit },
            ]}
            value={says}
            onChange={({ currentTarget: { value } }) => setSays(value as typeof says)}
          />
          <Button
            loading={isPending}
            onClick={() =>
              save({
                method: 'POST',
                url: 'Consent',
                resource: consentFor(id, { about, says, who }, new Date()),
              })
            }
          >
            {words.record}
          </Button>
        </Group>
        <Text c="dimmed">{words.effects[about]}</Text>
        {error !== null && <Refused error={error} />}
      </Stack>
    </Paper>
  )
}

function ConsentOne(about: {
  readonly entry: ChartEntry
  readonly names: Chart['names']
  readonly isOwn: boolean
}) {
  const { entry, names, isOwn } = about
  const { resource, date, name } = entry
  const { save, error, isPending } = useSaving()
  const stands = resource['status'] === 'active'
  return (
    <Paper withBorder p="md">
      <Group justify="space-between">
        <div>
          <Text fw={600}>{consentWords(resource, names, words)}</Text>
          <Text c="dimmed" className="figure">
            {dayOf(date)}
          </Text>
        </div>
        <Group>
          <Badge variant="outline" color="gray" tt="none">
            {stands ? words.stands : (textIn(resource['status']) ?? '–')}
          </Badge>
          {isOwn && stands && (
            <Button
              variant="default"
              size="xs"
              loading={isPending}
              onClick={() =>
                save({ method: 'PUT', url: name, resource: { ...resource, status: 'inactive' } })
              }
            >
              {words.withdraw}
            </Button>
          )}
        </Group>
      </Group>
      {error !== null && <Refused error={error} />}
    </Paper>
  )
}

/** Writes a Consent, and reads the record anew. */
function useSaving() {
  const client = useQueryClient()
  const { mutate, error, isPending } = useMutation({
    mutationFn: (asked: Parameters<typeof askFhir>[0]) => askFhir(asked),
    onSuccess: () => client.invalidateQueries({ queryKey: ['chart'] }),
  })
  return { save: mutate, error, isPending }
}
