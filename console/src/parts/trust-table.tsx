/**
 * Certificates, lists and statements of a site, with their ends; what is refused stands first.
 *
 * @module
 */

import { Table } from '@mantine/core'
import type { AdministrationView } from '#contract'
import { timeOf } from '../format.ts'
import { texts } from '../texts.ts'
import { siteTexts } from '../texts-site.ts'
import { Wide } from './wide.tsx'

const words = siteTexts.site

export const TrustTable = ({ trust }: Pick<AdministrationView, 'trust'>) => (
  <Wide least={560}>
    <Table.Thead>
      <Table.Tr>
        <Table.Th>{words.part}</Table.Th>
        <Table.Th>{texts.network.state}</Table.Th>
        <Table.Th>{words.until}</Table.Th>
        <Table.Th>{words.whatThen}</Table.Th>
      </Table.Tr>
    </Table.Thead>
    <Table.Tbody>
      {trust.map(({ part, state, endsAt, says }) => (
        <Table.Tr key={`${part} ${state}`}>
          <Table.Th scope="row">{part}</Table.Th>
          <Table.Td className="figure">{words.trustState[state]}</Table.Td>
          <Table.Td className="figure">{endsAt === null ? '–' : timeOf(endsAt)}</Table.Td>
          <Table.Td>{says}</Table.Td>
        </Table.Tr>
      ))}
    </Table.Tbody>
  </Wide>
)
