/**
 * The blocks of a link: one row each, and the chosen one with every intermediate value of its bound.
 *
 * @module
 */

import { Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { BlockEntry, ExplanationView } from '#contract'
import { ApiRefusal, ask } from '../api.ts'
import { grouped, percent, timeOf, tiny } from '../format.ts'
import { linkTexts } from '../texts-links.ts'
import { filled } from '../texts.ts'
import { AnchorLink } from './anchor-link.tsx'
import { Answer } from './answer.tsx'
import { Growing } from './growing.tsx'
import { Figure, Wide } from './wide.tsx'

const words = linkTexts.link

/** @param blocks   oldest first */
export function BlockLog(about: {
  readonly link: string
  readonly blocks: readonly BlockEntry[]
  readonly chosen: string | undefined
}) {
  const { link, blocks, chosen } = about
  if (blocks.length === 0) return <Text c="dimmed">{words.blockNone}</Text>
  return (
    <Growing of={blocks.toReversed()}>
      {(shown) => (
        <Wide least={760}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.blockName}</Table.Th>
              <Table.Th>{words.ended}</Table.Th>
              <Table.Th>{words.outcome}</Table.Th>
              <Table.Th ta="right">QBER</Table.Th>
              <Table.Th ta="right">{words.sifted}</Table.Th>
              <Table.Th ta="right">{words.leak}</Table.Th>
              <Table.Th ta="right">f</Table.Th>
              <Table.Th ta="right">{words.secret}</Table.Th>
              <Table.Th ta="right">ε</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map((block) => (
              <Row key={nameOf(block)} link={link} block={block} chosen={chosen} />
            ))}
          </Table.Tbody>
        </Wide>
      )}
    </Growing>
  )
}

function Row(about: {
  readonly link: string
  readonly block: BlockEntry
  readonly chosen: string | undefined
}) {
  const { link, block, chosen } = about
  const name = nameOf(block)
  const qber = block.keyErrorRate ?? block.testErrorRate
  return (
    <Table.Tr aria-current={name === chosen ? 'true' : undefined}>
      <Table.Td className="figure">
        <AnchorLink
          to="/links/$link"
          params={{ link }}
          search={{ block: name }}
          resetScroll={false}
        >
          {name}
        </AnchorLink>
      </Table.Td>
      <Table.Td className="figure">{timeOf(block.at)}</Table.Td>
      <Table.Td>
        {block.outcome === 'distilled'
          ? `● ${block.outcome}`
          : `▲ ${block.outcome}: ${block.cause}`}
      </Table.Td>
      <Figure>{percent(qber)}</Figure>
      <Figure>{grouped(block.siftedBits)}</Figure>
      <Figure>{grouped(block.leakBits)}</Figure>
      <Figure>{block.efficiency?.toFixed(3) ?? '–'}</Figure>
      <Figure>{grouped(block.secretBits)}</Figure>
      <Figure>{tiny(block.epsilon)}</Figure>
    </Table.Tr>
  )
}

const nameOf = ({ epoch, sequence }: BlockEntry): string => `${String(epoch)}/${String(sequence)}`

/**
 * A block in full. @param ended   how many blocks have ended: with another one, the last is asked for anew
 */
export function BlockExplained(about: {
  readonly link: string
  readonly chosen: string | undefined
  readonly ended: number
}) {
  const { link, chosen, ended } = about
  const block = useQuery({
    queryKey: ['explanation', link, chosen ?? ended],
    queryFn: () =>
      ask('explainLink', { link, ...(chosen !== undefined && { block: chosen }) }, null),
    placeholderData: (before, query) => (query?.queryKey[1] === link ? before : undefined),
    retry: false,
  })
  const isPending = block.error instanceof ApiRefusal && block.error.code === 'BLOCK_PENDING'
  return (
    <section>
      <Title order={2} size="h4">
        {chosen === undefined ? words.block : filled(words.blockChosen, { name: chosen })}
      </Title>
      {isPending ? (
        <Text c="dimmed">{words.blockNone}</Text>
      ) : (
        <Answer to={block}>{(view) => <Explanation view={view} />}</Answer>
      )}
      {chosen !== undefined && (
        <AnchorLink to="/links/$link" params={{ link }} search={{}} resetScroll={false}>
          {words.newest}
        </AnchorLink>
      )}
    </section>
  )
}

export function Explanation({ view }: { readonly view: ExplanationView }) {
  return (
    <Stack gap="xs">
      <Text>
        {view.bound} · {view.verdict}: {grouped(view.secretBits)} bit. {view.why}
      </Text>
      {view.sections.map(({ title, terms }) => (
        <details key={title}>
          <summary>{title}</summary>
          <Wide least={560}>
            <Table.Tbody>
              {terms.map(({ name, value, meaning }) => (
                <Table.Tr key={name}>
                  <Table.Th scope="row">{name}</Table.Th>
                  <Figure>{Number.isInteger(value) ? grouped(value) : value.toPrecision(6)}</Figure>
                  <Table.Td>{meaning}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Wide>
        </details>
      ))}
    </Stack>
  )
}
