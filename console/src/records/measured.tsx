/**
 * What was measured again and again, each in a small plot of its own.
 *
 * @module
 */

import { Paper, SimpleGrid, Text, Title } from '@mantine/core'
import { useMemo } from 'react'
import { Empty } from '../parts/page.tsx'
import { Series } from '../parts/series.tsx'
import { recordTexts } from '../texts-records.ts'
import { measuredIn, type ChartEntry, type Measured as MeasuredLine } from './chart-model.ts'

const words = recordTexts.chart

export function Measured({ entries }: { readonly entries: readonly ChartEntry[] }) {
  const measured = useMemo(() => measuredIn(entries), [entries])
  if (measured.length === 0) return <Empty text={words.measuredNone} how={words.measuredHow} />
  return (
    <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }}>
      {measured.map((one) => (
        <Paper key={one.title} withBorder p="sm">
          <Title order={2} size="h5">
            {one.title}
          </Title>
          <Text c="dimmed" size="sm">
            {one.newest}
          </Text>
          <Plot of={one} />
        </Paper>
      ))}
    </SimpleGrid>
  )
}

function Plot({ of: { title, unit, lines } }: { readonly of: MeasuredLine }) {
  const times = [...new Set(lines.flatMap(({ points }) => points.map(({ at }) => at)))].toSorted(
    (a, b) => a - b,
  )
  return (
    <Series
      title={title}
      height={140}
      times={times.map((at) => at / 1000)}
      lines={lines.map(({ label, points }) => {
        const values = new Map(points.map(({ at, value }) => [at, value]))
        return { label, values: times.map((at) => values.get(at) ?? null) }
      })}
      format={FORMATS.get(unit) ?? formatFor(unit)}
      isWhole
    />
  )
}

/** The same function for the same unit: another one would draw the plot anew. */
const FORMATS = new Map<string, (value: number) => string>()
function formatFor(unit: string): (value: number) => string {
  const format = (value: number): string => `${String(Math.round(value * 100) / 100)} ${unit}`
  FORMATS.set(unit, format)
  return format
}
