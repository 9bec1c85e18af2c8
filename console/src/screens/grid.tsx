/**
 * Who may do what: the grid that the policies of the site make, role by role, and what other policies
 * would change of it.
 *
 * @module
 */

import { FileInput, NativeSelect, Stack, Table, Text, Title } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { GridCell } from '#contract'
import { ask } from '../api.ts'
import { useQuestion } from '../parts/address.ts'
import { Answer, Refused } from '../parts/answer.tsx'
import { Page } from '../parts/page.tsx'
import { Wide } from '../parts/wide.tsx'
import { gridRows } from '../grid-rows.ts'
import { filled } from '../texts.ts'
import { siteTexts } from '../texts-site.ts'

const words = siteTexts.grid

export function Grid(): ReactNode {
  const { role } = useQuestion()
  const chosen = typeof role === 'string' ? role : 'nurse'
  const grid = useQuery({ queryKey: ['grid'], queryFn: () => ask('accessGrid', {}, null, true) })
  return (
    <Page
      title={words.title}
      below={words.below}
      command={`photonward access grid --role ${chosen}`}
    >
      <Answer to={grid}>
        {({ cells, hash }) => (
          <>
            <Roles cells={cells} chosen={chosen} />
            <Permitted cells={cells.filter((cell) => cell.role === chosen)} />
            <Text c="dimmed">{filled(words.hash, { hash: hash.slice(0, 16) })}</Text>
          </>
        )}
      </Answer>
      <Other />
    </Page>
  )
}

function Roles(about: { readonly cells: readonly GridCell[]; readonly chosen: string }) {
  const { cells, chosen } = about
  const navigate = useNavigate()
  const roles = new Set([chosen, ...cells.map(({ role }) => role)])
  return (
    <NativeSelect
      label={words.role}
      maw={320}
      value={chosen}
      data={[...roles].toSorted()}
      onChange={({ currentTarget }) =>
        void navigate({ to: '/people/grid', search: { role: currentTarget.value } })
      }
    />
  )
}

function Permitted({ cells }: { readonly cells: readonly GridCell[] }) {
  if (cells.length === 0) return <Text>{words.nothing}</Text>
  return (
    <Wide least={640}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.class}</Table.Th>
          <Table.Th>{words.actions}</Table.Th>
          <Table.Th>{words.purposes}</Table.Th>
          <Table.Th>{words.needs}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {gridRows(cells).map(({ kind, actions, purposes, needs }) => (
          <Table.Tr key={`${kind} ${actions.join()} ${purposes.join()} ${needs}`}>
            <Table.Th scope="row">{kind}</Table.Th>
            <Table.Td>{actions.join(', ')}</Table.Td>
            <Table.Td>{purposes.join(', ')}</Table.Td>
            <Table.Td>{needs === '' ? words.needsNothing : needs}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Wide>
  )
}

/** Other policies are tried, never taken: they go into the folder of the site, by its operator. */
function Other() {
  const trial = useMutation({
    mutationFn: async (files: readonly File[]) => {
      const policies = await Promise.all(files.map((file) => file.text()))
      return ask('accessGridDiff', {}, { policies }, true)
    },
  })
  return (
    <section>
      <Title order={2} size="h4">
        {words.other}
      </Title>
      <Stack gap="xs">
        <FileInput
          label={words.files}
          description={words.filesHow}
          accept=".cedar"
          multiple
          maw={480}
          onChange={(files) => {
            if (files.length > 0) trial.mutate(files)
          }}
        />
        {trial.error !== null && <Refused error={trial.error} />}
        {trial.data !== undefined && (
          <div role="status">
            {trial.data.breaches.map((breach) => (
              <Text key={breach} fw={600}>
                ▲ {words.breach}: {breach}
              </Text>
            ))}
            {trial.data.lines.length === 0 ? (
              <Text>{words.same}</Text>
            ) : (
              trial.data.lines.map((line) => <Text key={line}>{line}</Text>)
            )}
          </div>
        )}
      </Stack>
    </section>
  )
}
