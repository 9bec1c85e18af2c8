/**
 * One person: what is known, a change of roles with its difference before it is made, and history.
 *
 * @module
 */

import { Button, Group, Paper, Stack, Table, TagsInput, Text, Title } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { PersonLineView, PersonView } from '#contract'
import { ask } from '../api.ts'
import { timeOf } from '../format.ts'
import { useParameter } from '../parts/address.ts'
import { Answer, Refused } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Page } from '../parts/page.tsx'
import { WaysIn } from '../parts/ways-in.tsx'
import { Wide } from '../parts/wide.tsx'
import { differenceOf, roleChange } from '../role-change.ts'
import { texts } from '../texts.ts'

const words = texts.people

export function Person(): ReactNode {
  const person = useParameter('person')
  const answer = useQuery({
    queryKey: ['people', person],
    queryFn: () => ask('person', { person }, null),
  })
  return (
    <Answer to={answer}>
      {({ person: view, history }) => (
        <Page title={view.login} below={view.name} command={`photonward person show ${view.login}`}>
          <Facts of={factsOf(view)} />
          <Roles key={JSON.stringify([view.roles, view.clearances])} view={view} />
          <Standing view={view} />
          <WaysIn view={view} />
          <History lines={history} />
        </Page>
      )}
    </Answer>
  )
}

function factsOf(view: PersonView): readonly (readonly [string, string])[] {
  const proven = view.factors.filter((one) => one.proven).map(({ kind }) => kind)
  return [
    [words.kind, view.kind],
    [words.employment, view.employment],
    [words.department, view.department ?? '–'],
    [words.roles, view.roles.join(', ') || '–'],
    [words.clearances, view.clearances.join(', ') || '–'],
    [words.factors, proven.join(', ') || words.noFactor],
    [words.since, timeOf(view.since)],
  ]
}

/** Roles as they shall be; what that changes is shown before it is asked for. */
function Roles({ view }: { readonly view: PersonView }) {
  const [roles, setRoles] = useState([...view.roles])
  const [clearances, setClearances] = useState([...view.clearances])
  const client = useQueryClient()
  const difference = roleChange(view, { roles, clearances })
  const told = differenceOf(difference)
  const change = useMutation({
    mutationFn: () => {
      const { add, remove, clear, unclear } = difference
      const lists = { add: [...add], remove: [...remove], clear: [...clear], unclear: [...unclear] }
      return ask('changeRoles', { person: view.person }, lists, true)
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['people'] }),
  })
  const outcome = change.data?.outcome
  return (
    <section>
      <Title order={2} size="h4">
        {words.change}
      </Title>
      <Stack gap="xs" maw={640}>
        <TagsInput
          label={words.roles}
          value={roles}
          onChange={setRoles}
          data={[...ROLES]}
          withScrollArea={false}
          comboboxProps={{ withinPortal: false }}
        />
        <TagsInput
          label={words.clearances}
          description={words.clearancesHow}
          value={clearances}
          onChange={setClearances}
        />
        <Paper withBorder p="sm" aria-label={words.difference} role="group">
          {told.length === 0 ? (
            <Text c="dimmed">{words.noDifference}</Text>
          ) : (
            told.map((line) => <Text key={line}>{line}</Text>)
          )}
        </Paper>
        <Group>
          <Button
            disabled={told.length === 0}
            loading={change.isPending}
            onClick={() => change.mutate()}
          >
            {words.ask}
          </Button>
          {outcome !== undefined && (
            <Text role="status">{outcome === 'asked' ? words.asked : words.changed}</Text>
          )}
        </Group>
        {change.error !== null && <Refused error={change.error} />}
      </Stack>
    </section>
  )
}

function Standing({ view }: { readonly view: PersonView }) {
  const client = useQueryClient()
  const isActive = view.employment === 'active'
  const set = useMutation({
    mutationFn: () =>
      ask(
        'setPersonState',
        { person: view.person },
        { state: isActive ? 'suspended' : 'active' },
        true,
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ['people'] }),
  })
  if (view.employment === 'none' || view.employment === 'ended') return null
  return (
    <section>
      <Group>
        <Button variant="default" loading={set.isPending} onClick={() => set.mutate()}>
          {isActive ? words.suspend : words.resume}
        </Button>
        {isActive && <Text c="dimmed">{words.suspendHow}</Text>}
      </Group>
      {set.error !== null && <Refused error={set.error} />}
    </section>
  )
}

function History({ lines }: { readonly lines: readonly PersonLineView[] }) {
  return (
    <section>
      <Title order={2} size="h4">
        {words.history}
      </Title>
      <Wide least={480}>
        <Table.Tbody>
          {lines.map(({ at, by, what, detail }) => (
            <Table.Tr key={`${String(at)} ${what} ${detail}`}>
              <Table.Td className="figure">{timeOf(at)}</Table.Td>
              <Table.Td>{by}</Table.Td>
              <Table.Td>{what}</Table.Td>
              <Table.Td>{detail}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Wide>
    </section>
  )
}

/** Proposals; the site knows which roles there are, and refuses others. */
const ROLES = [
  ...['attending', 'resident', 'ed-clinician', 'nurse', 'allied', 'pharmacist', 'radiologist'],
  ...['laboratory', 'telehealth', 'registration', 'billing', 'researcher', 'privacy-officer'],
] as const
