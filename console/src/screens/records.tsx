/**
 * Looking for a patient. What is typed stays in this page and in the body of one request.
 *
 * @module
 */

import { Badge, Button, Group, Paper, Stack, Table, Text, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { Navigate } from '@tanstack/react-router'
import { type ReactNode, type SubmitEvent } from 'react'
import { askFhir } from '../api.ts'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { Refused } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { Wide } from '../parts/wide.tsx'
import {
  labelsOf,
  nextPageIn,
  NHS_NUMBER,
  nhsNumberOf,
  personText,
  resourcesIn,
  textIn,
  type Resource,
} from '../records/fhir.ts'
import { GlassForm } from '../records/glass-form.tsx'
import { mayBreakGlass } from '../records/grants.ts'
import { handleFor } from '../records/handles.ts'
import { useSession } from '../session.ts'
import { recordTexts } from '../texts-records.ts'
import { filled } from '../texts.ts'

const words = recordTexts.search

export function Records(): ReactNode {
  const { data: session } = useSession()
  const own = session?.person?.patient?.split('/')[1]
  if (own !== undefined) {
    return <Navigate to="/records/$record" params={{ record: handleFor(own) }} replace />
  }
  return (
    <Page title={words.title} below={words.below} command="photonward record find">
      {session?.kind === 'operator' ? (
        <Empty
          text={words.operator}
          how={words.operatorHow}
          command="photonward console --as <person>"
        />
      ) : (
        <Search />
      )}
    </Page>
  )
}

interface Wanted {
  readonly name: string
  readonly nhs: string
  readonly born: string
}

/** Kept behind a summary: nobody should get there by accident. */
function Emergency() {
  return (
    <details>
      <summary>{recordTexts.glass.title}</summary>
      <GlassForm />
    </details>
  )
}

function Search() {
  const { data: session } = useSession()
  const breaks = session !== undefined && mayBreakGlass(session)
  const search = useMutation({ mutationFn: find })
  const enter = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const typed = new FormData(event.currentTarget)
    const text = (name: string): string => {
      const value = typed.get(name)
      return typeof value === 'string' ? value.trim() : ''
    }
    search.mutate({ name: text('name'), nhs: text('nhs').replaceAll(' ', ''), born: text('born') })
  }
  return (
    <>
      <form onSubmit={enter} autoComplete="off">
        <Group align="flex-end">
          <TextInput name="name" label={words.name} maxLength={128} />
          <TextInput
            {...{ name: 'nhs', label: words.nhs, inputMode: 'numeric' }}
            pattern="[0-9 ]{10,12}"
          />
          <TextInput name="born" label={words.born} type="date" />
          <Button type="submit" loading={search.isPending}>
            {words.find}
          </Button>
          <Button variant="default" onClick={() => search.mutate({ name: '', nhs: '', born: '' })}>
            {words.all}
          </Button>
        </Group>
      </form>
      {search.error !== null && <Refused error={search.error} />}
      {search.data === undefined && search.error === null && (
        <Empty text={words.first} how={words.firstHow} />
      )}
      {search.data !== undefined && <Found bundle={search.data} />}
      {breaks && <Emergency />}
    </>
  )
}

/** Asks by what was typed; by nothing, for all whom the session may see. */
async function find({ name, nhs, born }: Wanted): Promise<Resource | undefined> {
  const asked = new URLSearchParams({ _count: String(FOUND_MAX), _sort: 'family' })
  if (name !== '') asked.set('name', name)
  if (nhs !== '') asked.set('identifier', `${NHS_NUMBER}|${nhs}`)
  if (born !== '') asked.set('birthdate', born)
  return await askFhir({ method: 'GET', url: `Patient?${asked.toString()}` })
}

function Found({ bundle }: { readonly bundle: Resource | undefined }) {
  const patients = resourcesIn(bundle)
  if (patients.length === 0) {
    return (
      <Paper withBorder p="md" role="status">
        <Stack gap="xs">
          <Text fw={600}>{words.nothing}</Text>
          <Text c="dimmed">{words.nothingWhy}</Text>
        </Stack>
      </Paper>
    )
  }
  const count = patients.length
  return (
    <section>
      <Text role="status" c="dimmed">
        {count === 1 ? words.foundOne : filled(words.found, { count })}
      </Text>
      <Wide least={520}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.name}</Table.Th>
            <Table.Th>{words.born}</Table.Th>
            <Table.Th>{words.nhs}</Table.Th>
            <Table.Th>{words.sex}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {patients.map((patient) => (
            <Row key={patient.id} patient={patient} />
          ))}
        </Table.Tbody>
      </Wide>
      {nextPageIn(bundle) !== undefined && <Text c="dimmed">{words.more}</Text>}
    </section>
  )
}

function Row({ patient }: { readonly patient: Resource }) {
  return (
    <Table.Tr>
      <Table.Td>
        <AnchorLink to="/records/$record" params={{ record: handleFor(patient.id ?? '') }}>
          {personText(patient['name']) ?? words.unnamed}
        </AnchorLink>
        {labelsOf(patient).includes('MASKED') && (
          <Badge variant="outline" color="gray" tt="none" ml="xs">
            {words.masked}
          </Badge>
        )}
      </Table.Td>
      <Table.Td className="figure">{textIn(patient['birthDate']) ?? '–'}</Table.Td>
      <Table.Td className="figure">{nhsNumberOf(patient) ?? '–'}</Table.Td>
      <Table.Td>{textIn(patient['gender']) ?? '–'}</Table.Td>
    </Table.Tr>
  )
}

const FOUND_MAX = 50
