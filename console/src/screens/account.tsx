/**
 * The own account: who somebody is here, and the own passkeys.
 *
 * @module
 */

import { Button, Group, Stack, Table, Text, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { timeOf } from '../format.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Page } from '../parts/page.tsx'
import { useHasPasskeys } from '../parts/second-factor.tsx'
import { Wide } from '../parts/wide.tsx'
import { RefusedOrStepUp } from '../records/step-up.tsx'
import { useSession, type Session } from '../session.ts'
import { addPasskey, removePasskey } from '../sign-in.ts'
import { texts } from '../texts.ts'
import { signInTexts } from '../texts-sign-in.ts'

const words = signInTexts.account

type Person = NonNullable<Session['person']>

export function Account(): ReactNode {
  const session = useSession()
  return (
    <Answer to={session}>
      {({ person }) =>
        person === null ? (
          <Page title={words.title} below={words.operator}>
            {null}
          </Page>
        ) : (
          <Page title={words.title} below={person.name}>
            <Facts
              of={[
                [texts.people.login, person.login],
                [texts.people.roles, person.roles.join(', ') || '–'],
              ]}
            />
            <Factors person={person} />
          </Page>
        )
      }
    </Answer>
  )
}

function Factors({ person }: { readonly person: Person }) {
  const client = useQueryClient()
  const hasPasskeys = useHasPasskeys()
  const settled = { onSuccess: () => client.invalidateQueries({ queryKey: ['session'] }) }
  const add = useMutation({ mutationFn: addPasskey, ...settled })
  const remove = useMutation({ mutationFn: removePasskey, ...settled })
  const proven = person.factors.filter((one) => one.proven)
  return (
    <section>
      <Title order={2} size="h4">
        {texts.people.factors}
      </Title>
      <Stack gap="xs">
        <Wide least={420}>
          <Table.Tbody>
            {proven.map(({ factor, kind, place, since }) => (
              <Table.Tr key={factor}>
                <Table.Td>{words.kinds[kind]}</Table.Td>
                <Table.Td>{place}</Table.Td>
                <Table.Td className="figure">{timeOf(since)}</Table.Td>
                <Table.Td>
                  {kind === 'passkey' && proven.length > 1 && (
                    <Button variant="default" size="xs" onClick={() => remove.mutate(factor)}>
                      {words.remove}
                    </Button>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Wide>
        {proven.length === 0 && <Text>{words.noFactor}</Text>}
        {proven.length > 0 && !hasPasskeys && <Text>{words.noPasskeys}</Text>}
        {proven.length > 0 && hasPasskeys && (
          <Group>
            <Button loading={add.isPending} onClick={() => add.mutate()}>
              {words.add}
            </Button>
            {add.isSuccess && <Text role="status">{words.added}</Text>}
          </Group>
        )}
        <RefusedOrStepUp error={add.error} onShown={() => add.mutate()} />
        <RefusedOrStepUp
          error={remove.error}
          onShown={() => remove.variables !== undefined && remove.mutate(remove.variables)}
        />
      </Stack>
    </section>
  )
}
