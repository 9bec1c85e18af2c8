/**
 * Who looked at the record, and who tried: what the log of the site says of it.
 *
 * @module
 */

import { Stack, Table, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { askFhir } from '../api.ts'
import { timeOf } from '../format.ts'
import { Answer } from '../parts/answer.tsx'
import { Empty } from '../parts/page.tsx'
import { Wide } from '../parts/wide.tsx'
import { recordTexts } from '../texts-records.ts'
import { calledBy, namesOf, unnamedStaff, type Chart } from './chart-model.ts'
import {
  conceptText,
  fieldsIn,
  fieldsOf,
  nextPageIn,
  resourcesIn,
  textIn,
  type Resource,
} from './fhir.ts'

const words = recordTexts.looked

export function Looked({ id, names }: { readonly id: string; readonly names: Chart['names'] }) {
  const asked = new URLSearchParams({ patient: `Patient/${id}`, _count: String(SHOWN) })
  const events = useQuery({
    queryKey: ['looked', id],
    queryFn: () => askFhir({ method: 'GET', url: `AuditEvent?${asked.toString()}` }),
    refetchOnWindowFocus: false,
  })
  const staff = useStaff(resourcesIn(events.data), names)
  const called = new Map([...names, ...staff])
  return (
    <Stack gap="sm">
      <Text>{words.how}</Text>
      <Answer to={events}>
        {(bundle) => {
          const all = resourcesIn(bundle)
          if (all.length === 0) return <Empty text={words.none} />
          return (
            <>
              <Wide least={640}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{words.when}</Table.Th>
                    <Table.Th>{words.who}</Table.Th>
                    <Table.Th>{words.what}</Table.Th>
                    <Table.Th>{words.purpose}</Table.Th>
                    <Table.Th>{words.outcome}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {all.map((event) => (
                    <Row key={event.id} event={event} names={called} />
                  ))}
                </Table.Tbody>
              </Wide>
              {nextPageIn(bundle) !== undefined && <Text c="dimmed">{words.more}</Text>}
            </>
          )
        }}
      </Answer>
    </Stack>
  )
}

/** Names of staff whom the chart does not name, as far as the staff list of the site is open to whoever asks. */
function useStaff(events: readonly Resource[], names: Chart['names']): Chart['names'] {
  const unnamed = unnamedStaff(events, names).join(',')
  const asked = new URLSearchParams({ _id: unnamed, _count: String(SHOWN) })
  const staff = useQuery({
    queryKey: ['staff', unnamed],
    queryFn: () => askFhir({ method: 'GET', url: `Practitioner?${asked.toString()}` }),
    enabled: unnamed !== '',
    staleTime: Infinity,
    retry: false,
  })
  return namesOf(resourcesIn(staff.data))
}

function Row({ event, names }: { readonly event: Resource; readonly names: Chart['names'] }) {
  const purposes = fieldsIn(event['purposeOfEvent']).flatMap((one) => conceptText(one) ?? [])
  return (
    <Table.Tr>
      <Table.Td className="figure">{timeOf(Date.parse(textIn(event['recorded']) ?? ''))}</Table.Td>
      <Table.Td>{whoIn(event, names)}</Table.Td>
      <Table.Td>{conceptText(event['subtype']) ?? conceptText(event['type'])}</Table.Td>
      <Table.Td>{purposes.map((code) => words.purposes[code] ?? code).join(', ')}</Table.Td>
      <Table.Td>{event['outcome'] === '0' ? words.seen : words.refused}</Table.Td>
    </Table.Tr>
  )
}

/** Whoever asked, as far as the event says. */
function whoIn(event: Resource, names: Chart['names']): string {
  const agents = fieldsIn(event['agent'])
  const asking = agents.filter(({ requestor }) => requestor === true)
  const told = (asking.length > 0 ? asking : agents).flatMap(({ who, name }) => {
    const { identifier } = fieldsOf(who)
    return calledBy(names, who) ?? textIn(name) ?? textIn(fieldsOf(identifier)['value']) ?? []
  })
  return [...new Set(told)].join(', ')
}

const SHOWN = 100
