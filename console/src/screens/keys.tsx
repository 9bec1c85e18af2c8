/**
 * Pools shared with each site, and the way from a key to what it protected.
 *
 * @module
 */

import { Button, Group, Table, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { ask } from '../api.ts'
import { grouped } from '../format.ts'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { Figure } from '../parts/wide.tsx'
import { texts } from '../texts.ts'

const words = texts.keys

export function Keys(): ReactNode {
  const pools = useQuery({
    queryKey: ['pools'],
    queryFn: () => ask('pools', {}, null),
    refetchInterval: 1000,
  })
  return (
    <Page title={words.title} below={words.below} command="photonward status">
      <Answer to={pools}>
        {(all) =>
          all.length === 0 ? (
            <Empty text={words.none} />
          ) : (
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{words.peer}</Table.Th>
                  <Table.Th ta="right">{words.ready}</Table.Th>
                  <Table.Th ta="right">{words.held}</Table.Th>
                  <Table.Th>{texts.network.state}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {all.map(({ peer, availableKeys, heldBlocks, serving }) => (
                  <Table.Tr key={peer}>
                    <Table.Td>{peer}</Table.Td>
                    <Figure>{grouped(availableKeys)}</Figure>
                    <Figure>{grouped(heldBlocks)}</Figure>
                    <Table.Td>{serving ? words.serving : words.waiting}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Answer>
      <Finder />
    </Page>
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
            miw={340}
          />
          <Button type="submit" variant="default">
            {words.find}
          </Button>
        </Group>
      </form>
    </section>
  )
}
