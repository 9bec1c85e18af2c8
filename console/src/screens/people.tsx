/**
 * Who may sign in at this site, and changes of roles that wait for a second person.
 *
 * @module
 */

import {
  Button,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { PersonView, RoleChangeView } from '#contract'
import { ask } from '../api.ts'
import { timeOf } from '../format.ts'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { Wide } from '../parts/wide.tsx'
import { RefusedOrStepUp } from '../records/step-up.tsx'
import { differenceOf } from '../role-change.ts'
import { useSession } from '../session.ts'
import { filled, texts } from '../texts.ts'

const words = texts.people

const usePeople = () =>
  useQuery({
    queryKey: ['people'],
    queryFn: () => ask('people', { limit: '1000' }, null),
    refetchInterval: 10_000,
  })

export function People(): ReactNode {
  const people = usePeople()
  return (
    <Page title={words.title} below={words.below} command="photonward person list">
      <Answer to={people}>
        {(all) =>
          all.length === 0 ? (
            <Empty
              text={words.none}
              how={words.noneHow}
              command="photonward person add <login> --name <name>"
            />
          ) : (
            <Everybody people={all} />
          )
        }
      </Answer>
      <Waiting people={people.data ?? []} />
      <Text>
        <AnchorLink underline="always" to="/people/grid">
          {words.grid}
        </AnchorLink>
      </Text>
    </Page>
  )
}

function Everybody({ people }: { readonly people: readonly PersonView[] }) {
  return (
    <Wide least={760}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.login}</Table.Th>
          <Table.Th>{words.name}</Table.Th>
          <Table.Th>{words.kind}</Table.Th>
          <Table.Th>{words.roles}</Table.Th>
          <Table.Th>{words.employment}</Table.Th>
          <Table.Th>{words.factors}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {people.map(({ person, login, name, kind, roles, employment, factors }) => (
          <Table.Tr key={person}>
            <Table.Td>
              <AnchorLink to="/people/$person" params={{ person }}>
                {login}
              </AnchorLink>
            </Table.Td>
            <Table.Td>{name}</Table.Td>
            <Table.Td>{kind}</Table.Td>
            <Table.Td>{roles.join(', ') || '–'}</Table.Td>
            <Table.Td>{employment}</Table.Td>
            <Table.Td>
              {factors
                .filter(({ proven }) => proven)
                .map((factor) => factor.kind)
                .join(', ') || `◆ ${words.noFactor}`}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Wide>
  )
}

function Waiting({ people }: { readonly people: readonly PersonView[] }) {
  const changes = useQuery({
    queryKey: ['role-changes'],
    queryFn: () => ask('roleChanges', {}, null),
    refetchInterval: 10_000,
  })
  return (
    <section>
      <Title order={2} size="h4">
        {words.waiting}
      </Title>
      <Answer to={changes}>
        {(all) =>
          all.length === 0 ? (
            <Text c="dimmed">{words.waitingNone}</Text>
          ) : (
            <Stack>
              {all.map((change) => (
                <Change
                  key={change.change}
                  change={change}
                  login={people.find(({ person }) => person === change.person)?.login}
                />
              ))}
            </Stack>
          )
        }
      </Answer>
    </section>
  )
}

/** A change that waits: a second person agrees by showing who that is. */
function Change(about: { readonly change: RoleChangeView; readonly login: string | undefined }) {
  const { change, login } = about
  const [proof, setProof] = useState({ login: '', password: '', code: '' })
  const client = useQueryClient()
  const settled = { onSuccess: () => client.invalidateQueries({ queryKey: ['people'] }) }
  const both = () => client.invalidateQueries({ queryKey: ['role-changes'] })
  const { data: session } = useSession()
  // A session of a person says who agrees, with a second factor of now.
  const isPerson = session?.kind === 'person'
  const agree = useMutation({
    mutationFn: () =>
      ask('agreeToChange', { change: change.change }, isPerson ? {} : { as: proof }, true),
    ...settled,
    onSettled: both,
  })
  const refuse = useMutation({
    mutationFn: () => ask('refuseChange', { change: change.change }, null, true),
    onSettled: both,
  })
  const error = agree.error ?? refuse.error
  const when = { when: timeOf(change.askedAt), until: timeOf(change.expiresAt) }
  return (
    <Paper withBorder p="sm">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          agree.mutate()
        }}
      >
        <Text fw={600}>
          {login ?? change.person}: {differenceOf(change).join(', ')}
        </Text>
        <Text c="dimmed">{filled(words.asks, { by: change.askedBy, ...when })}</Text>
        {!isPerson && <Text mt="xs">{words.second}</Text>}
        <Group align="flex-end" mt="xs">
          {!isPerson && <Proof proof={proof} onProof={setProof} />}
          <Button type="submit" loading={agree.isPending}>
            {words.agree}
          </Button>
          <Button variant="default" onClick={() => refuse.mutate()}>
            {words.refuse}
          </Button>
        </Group>
      </form>
      <RefusedOrStepUp error={error} onShown={() => agree.mutate()} />
    </Paper>
  )
}

interface Shown {
  readonly login: string
  readonly password: string
  readonly code: string
}

/** Who the second person is, where the operator's session does not say. */
function Proof(about: { readonly proof: Shown; readonly onProof: (proof: Shown) => void }) {
  const { proof, onProof } = about
  return (
    <>
      <TextInput
        label={words.login}
        value={proof.login}
        onChange={({ currentTarget }) => onProof({ ...proof, login: currentTarget.value })}
      />
      <PasswordInput
        label={words.password}
        miw={200}
        value={proof.password}
        onChange={({ currentTarget }) => onProof({ ...proof, password: currentTarget.value })}
      />
      <TextInput
        label={words.code}
        autoComplete="one-time-code"
        value={proof.code}
        onChange={({ currentTarget }) => onProof({ ...proof, code: currentTarget.value })}
      />
    </>
  )
}
