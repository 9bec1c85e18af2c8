/**
 * How the devices of a link were aligned, and of simulated ones what they were made with.
 *
 * @module
 */

import { Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { HistoryEntry, LinkView } from '#contract'
import { ask } from '../api.ts'
import { percent, timeOf } from '../format.ts'
import { useMay } from '../session.ts'
import { linkTexts } from '../texts-links.ts'
import { Answer } from './answer.tsx'
import { Command } from './page.tsx'
import { Figure, Wide } from './wide.tsx'

const words = linkTexts.link

type AlignmentEntry = Extract<HistoryEntry, { readonly kind: 'alignment' }>

export function Calibration(about: {
  readonly view: LinkView
  readonly entries: readonly HistoryEntry[]
}) {
  const { view, entries } = about
  const alignments = entries.filter((one): one is AlignmentEntry => one.kind === 'alignment')
  return (
    <section>
      <Title order={2} size="h4">
        {words.calibration}
      </Title>
      <Stack gap="xs">
        <Text c="dimmed">{words.calibrationHow}</Text>
        {alignments.length === 0 ? (
          <Text>{words.alignedNever}</Text>
        ) : (
          <Wide least={480}>
            <Table.Tbody>
              {alignments.toReversed().map(({ at, cause, outcome, before, after }) => (
                <Table.Tr key={at}>
                  <Table.Td className="figure">{timeOf(at)}</Table.Td>
                  <Table.Td>
                    {cause}: {outcome}
                  </Table.Td>
                  <Table.Td className="figure">
                    {shareOf(before)} → {shareOf(after)}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Wide>
        )}
        {view.role === 'receiver' ? (
          <Command line={`photonward link align ${view.link}`} />
        ) : (
          <Text c="dimmed">{words.alignedThere}</Text>
        )}
        {view.simulated && <Made link={view.link} />}
      </Stack>
    </section>
  )
}

const shareOf = (rate: number | null): string => (rate === null ? '–' : percent(rate))

/** The figures of the simulation, for whoever may see the lab and where that fibre is in it. */
function Made({ link }: { readonly link: string }) {
  const may = useMay()('fibres')
  const fibres = useQuery({
    queryKey: ['fibres'],
    queryFn: () => ask('fibres', {}, null),
    enabled: may,
  })
  const isThere = fibres.data?.some((fibre) => fibre.link === link) ?? false
  const figures = useQuery({
    queryKey: ['figures', link],
    queryFn: () => ask('fibreFigures', { link }, null),
    enabled: isThere,
    staleTime: Infinity,
  })
  if (!isThere) return null
  return (
    <details>
      <summary>{words.made}</summary>
      <Text c="dimmed">{words.madeHow}</Text>
      <Answer to={figures}>
        {(all) => (
          <Wide least={640}>
            <Table.Tbody>
              {all.map(({ path, value, source }) => (
                <Table.Tr key={path}>
                  <Table.Th scope="row">{path}</Table.Th>
                  <Figure>{value < 1e-3 || value >= 1e6 ? value.toExponential(2) : value}</Figure>
                  <Table.Td>{source}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Wide>
        )}
      </Answer>
    </details>
  )
}
