/**
 * The last block beside the last one before Eve: gain, decoys, errors, length.
 *
 * @module
 */

import { Table, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { FibreView } from '#contract'
import { ask } from '../api.ts'
import { grouped, percent } from '../format.ts'
import { figuresOfBlock, type BlockFigures } from '../lab-model.ts'
import { linkTexts } from '../texts-links.ts'
import { Figure, Wide } from './wide.tsx'

const words = linkTexts.lab

/** @param ended   how many blocks have ended: with another one, the last is asked for anew */
export function BlockReacts(about: { readonly fibre: FibreView; readonly ended: number }) {
  const { fibre, ended } = about
  const { link, attack } = fibre
  const [quiet, setQuiet] = useState<BlockFigures | undefined>(undefined)
  const block = useQuery({
    queryKey: ['explanation', link, ended],
    queryFn: () => ask('explainLink', { link }, null),
    placeholderData: (before, query) => (query?.queryKey[1] === link ? before : undefined),
    retry: false,
  })
  const now = block.data && figuresOfBlock(block.data)
  const isQuiet = attack.kind === 'none' && now !== undefined && now.secretBits > 0
  const said = isQuiet ? JSON.stringify(now) : undefined
  useEffect(() => {
    if (said !== undefined) setQuiet(JSON.parse(said) as BlockFigures)
  }, [said])
  useEffect(() => setQuiet(undefined), [link])
  if (now === undefined) return null
  return (
    <section>
      <Title order={2} size="h4">
        {words.reacts}
      </Title>
      <Wide least={420}>
        <Table.Thead>
          <Table.Tr>
            <Table.Td />
            <Table.Th ta="right">{words.before}</Table.Th>
            <Table.Th ta="right">{words.lastBlock}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {ROWS.map(([name, told]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row">{words.figures[name]}</Table.Th>
              <Figure>{quiet === undefined ? '–' : told(quiet)}</Figure>
              <Figure>{told(now)}</Figure>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Wide>
    </section>
  )
}

const share = (value: number | null): string => (value === null ? '–' : percent(value))

const ROWS = [
  ['gain', ({ gain }) => gain.toExponential(2)],
  ['decoys', ({ decoyShare }) => share(decoyShare)],
  ['honest', ({ leastHonest }) => share(leastHonest)],
  ['qber', ({ qber }) => share(qber)],
  ['length', ({ secretBits }) => `${grouped(secretBits)} bit`],
  ['verdict', ({ verdict }) => verdict],
] as const satisfies readonly (readonly [
  keyof typeof words.figures,
  (figures: BlockFigures) => string,
])[]
