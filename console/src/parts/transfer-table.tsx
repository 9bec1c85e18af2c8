/**
 * Transfers with what protected them; each key leads to its own screen.
 *
 * @module
 */

import { Table } from '@mantine/core'
import type { TransferView } from '#contract'
import { grouped, scaled, timeOf } from '../format.ts'
import { texts } from '../texts.ts'
import { AnchorLink } from './anchor-link.tsx'
import { State } from './state.tsx'
import { Figure, Wide } from './wide.tsx'

const words = texts.transfers

export function TransferTable({ transfers }: { readonly transfers: readonly TransferView[] }) {
  return (
    <Wide least={860}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.began}</Table.Th>
          <Table.Th>{texts.network.peer}</Table.Th>
          <Table.Th>{texts.network.state}</Table.Th>
          <Table.Th ta="right">{words.items}</Table.Th>
          <Table.Th ta="right">{words.size}</Table.Th>
          <Table.Th>{words.mode}</Table.Th>
          <Table.Th>{words.used}</Table.Th>
          <Table.Th>{words.keys}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {transfers.map((one) => (
          <Row key={one.transfer} {...one} />
        ))}
      </Table.Tbody>
    </Wide>
  )
}

function Row(one: TransferView) {
  const { protection } = one
  return (
    <Table.Tr>
      <Table.Td className="figure">{timeOf(one.createdAt)}</Table.Td>
      <Table.Td>
        {words.direction[one.direction]} {one.peer}
      </Table.Td>
      <Table.Td>
        <State state={one.state} reason={one.reason} />
      </Table.Td>
      <Figure>
        {grouped(one.itemsDone)} / {grouped(one.items)}
      </Figure>
      <Figure>{scaled(one.octets, 'B')}</Figure>
      <Table.Td>{one.mode}</Table.Td>
      <Table.Td>
        {protection === null ? '–' : `${protection.used}, ${protection.keySource}`}
      </Table.Td>
      <Table.Td>
        {protection?.keyIds.map((key) => (
          <AnchorLink key={key} to="/keys/$key" params={{ key }} mr="xs">
            {key.slice(0, 8)}
          </AnchorLink>
        )) ?? '–'}
      </Table.Td>
    </Table.Tr>
  )
}
