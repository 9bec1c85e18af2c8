/**
 * Facts under their names.
 *
 * @module
 */

import { Table } from '@mantine/core'

export function Facts({ of: rows }: { readonly of: readonly (readonly [string, string])[] }) {
  return (
    <Table>
      <Table.Tbody>
        {rows.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th scope="row" w="35%">
              {name}
            </Table.Th>
            <Table.Td>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}
