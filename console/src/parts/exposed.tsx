/**
 * What certain sites know between them: keys, transfers and versions, each leading on.
 *
 * @module
 */

import { Table, Text, Title } from '@mantine/core'
import type { ExposureView } from '#contract'
import { grouped, timeOf } from '../format.ts'
import { filled, texts } from '../texts.ts'
import { AnchorLink } from './anchor-link.tsx'
import { Figure, Wide } from './wide.tsx'

const words = texts.exposure
const AMOUNTS = ['nothing', 'shares', 'wrapped', 'key'] as const

export function Exposed({ view }: { readonly view: ExposureView }) {
  const { isolated, sessionKeys } = view
  return (
    <>
      <Sums view={view} />
      {isolated.length > 0 && <Text>▲ {filled(words.cutOff, { sites: isolated.join(', ') })}</Text>}
      {sessionKeys.exposed.length > 0 && (
        <section>
          <Title order={2} size="h4">
            {words.exposedKeys}
          </Title>
          <ul>
            {sessionKeys.exposed.map(({ keyId, at, exposure }) => (
              <li key={keyId}>
                <AnchorLink underline="always" to="/keys/$key" params={{ key: keyId }}>
                  {keyId}
                </AnchorLink>{' '}
                · {timeOf(at)} · {words.amount[exposure]}
              </li>
            ))}
          </ul>
        </section>
      )}
      <Transfers view={view} />
      <Items view={view} />
    </>
  )
}

function Sums({ view }: { readonly view: ExposureView }) {
  const pooled = (amount: (typeof AMOUNTS)[number]): number =>
    view.pools.reduce((sum, { octets }) => sum + octets[amount], 0)
  return (
    <Wide least={520}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{words.keys}</Table.Th>
          <Table.Th ta="right">{words.pools}</Table.Th>
          <Table.Th ta="right">{words.given}</Table.Th>
          <Table.Th ta="right">{words.sessions}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {AMOUNTS.map((amount) => (
          <Table.Tr key={amount}>
            <Table.Th scope="row">{words.amount[amount]}</Table.Th>
            {[pooled(amount), view.given[amount], view.sessionKeys.counts[amount]].map(
              (count, at) => (
                <Figure key={at}>{grouped(count)}</Figure>
              ),
            )}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Wide>
  )
}

function Transfers({ view }: { readonly view: ExposureView }) {
  const { named } = view.transfers
  return (
    <section>
      <Title order={2} size="h4">
        {words.transfers}
      </Title>
      {named.length === 0 ? (
        <Text c="dimmed">{words.transfersNone}</Text>
      ) : (
        <Wide least={560}>
          <Table.Tbody>
            {named.map(({ transfer, direction, peer, standing }) => (
              <Table.Tr key={transfer}>
                <Table.Td>{transfer}</Table.Td>
                <Table.Td>
                  {texts.transfers.direction[direction]} {peer}
                </Table.Td>
                <Table.Td>{words.standing[standing]}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Wide>
      )}
    </section>
  )
}

function Items({ view }: { readonly view: ExposureView }) {
  const { named, unknown } = view.items
  return (
    <section>
      <Title order={2} size="h4">
        {words.items}
      </Title>
      {named.length === 0 ? (
        <Text c="dimmed">{words.itemsNone}</Text>
      ) : (
        <Wide least={560}>
          <Table.Tbody>
            {named.map(({ object, version, origin, standing }) => (
              <Table.Tr key={`${object} ${String(version)}`}>
                <Table.Td>{object}</Table.Td>
                <Table.Td>
                  {words.version} {version}
                </Table.Td>
                <Table.Td>
                  {words.origin} {origin}
                </Table.Td>
                <Table.Td>{words.standing[standing]}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Wide>
      )}
      {unknown > 0 && <Text>{filled(words.itemsUnknown, { count: grouped(unknown) })}</Text>}
    </section>
  )
}
