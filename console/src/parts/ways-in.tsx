/**
 * How a person comes in: second factors, and who that is at providers outside. For whoever
 * administers users.
 *
 * @module
 */

import { Button, Group, Select, Stack, Table, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { PersonView } from '#contract'
import { ask } from '../api.ts'
import { timeOf } from '../format.ts'
import { useMay } from '../session.ts'
import { signInTexts } from '../texts-sign-in.ts'
import { Refused } from './answer.tsx'
import { useMeans } from './second-factor.tsx'
import { Wide } from './wide.tsx'

const words = signInTexts.waysIn

export function WaysIn({ view }: { readonly view: PersonView }) {
  const may = useMay()
  const client = useQueryClient()
  const { person } = view
  const settled = { onSuccess: () => client.invalidateQueries({ queryKey: ['people'] }) }
  const remove = useMutation({
    mutationFn: (factor: string) => ask('removeFactor', { person, factor }, null, true),
    ...settled,
  })
  const unbind = useMutation({
    mutationFn: (provider: string) => ask('unbindPerson', { person, provider }, null, true),
    ...settled,
  })
  const error = remove.error ?? unbind.error
  return (
    <section>
      <Title order={2} size="h4">
        {words.title}
      </Title>
      <Stack gap="xs">
        {view.factors.length + view.bindings.length === 0 && <Text c="dimmed">{words.none}</Text>}
        <Wide least={480}>
          <Table.Tbody>
            {view.factors.map(({ factor, kind, place, proven, since }) => (
              <Table.Tr key={factor}>
                <Table.Td>{signInTexts.account.kinds[kind]}</Table.Td>
                <Table.Td>{proven ? place : words.unproven}</Table.Td>
                <Table.Td className="figure">{timeOf(since)}</Table.Td>
                <Table.Td>
                  {may('removeFactor') && <Away onClick={() => remove.mutate(factor)} />}
                </Table.Td>
              </Table.Tr>
            ))}
            {view.bindings.map(({ issuer, subject, since }) => (
              <Table.Tr key={issuer}>
                <Table.Td>{issuer}</Table.Td>
                <Table.Td>{subject}</Table.Td>
                <Table.Td className="figure">{timeOf(since)}</Table.Td>
                <Table.Td>
                  {may('unbindPerson') && <Away onClick={() => unbind.mutate(issuer)} />}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Wide>
        {error !== null && <Refused error={error} />}
        {may('bindPerson') && <Bind person={person} />}
      </Stack>
    </section>
  )
}

const Away = ({ onClick }: { readonly onClick: () => void }) => (
  <Button variant="default" size="xs" onClick={onClick}>
    {signInTexts.account.remove}
  </Button>
)

/** Says who a person is at a provider; nothing where the site has none. */
function Bind({ person }: { readonly person: string }) {
  const { data: means } = useMeans()
  const client = useQueryClient()
  const [provider, setProvider] = useState<string | null>(null)
  const [subject, setSubject] = useState('')
  const bind = useMutation({
    mutationFn: () =>
      ask('bindPerson', { person }, { provider: provider ?? '', subject: subject.trim() }, true),
    onSuccess: () => client.invalidateQueries({ queryKey: ['people'] }),
  })
  if (means === undefined || means.providers.length === 0) return null
  const data = means.providers.map(({ name, title }) => ({ value: name, label: title }))
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        bind.mutate()
      }}
    >
      <Group align="flex-end">
        <Select
          {...{ label: words.provider, data, value: provider, onChange: setProvider }}
          comboboxProps={{ withinPortal: false }}
        />
        <TextInput
          label={words.subject}
          value={subject}
          onChange={({ currentTarget }) => setSubject(currentTarget.value)}
          required
        />
        <Button type="submit" disabled={provider === null} loading={bind.isPending}>
          {words.bind}
        </Button>
      </Group>
      {bind.error !== null && <Refused error={bind.error} />}
    </form>
  )
}
