/**
 * Error rate and rates of a link, over the last minutes.
 *
 * @module
 */

import { Paper, SimpleGrid, Title } from '@mantine/core'
import { useMemo, type ComponentProps } from 'react'
import { percent, scaled } from '../format.ts'
import type { Sample } from '../live.ts'
import { linkTexts } from '../texts-links.ts'
import { Series } from './series.tsx'

const words = linkTexts.link

const perSecond = (value: number): string => scaled(value, 'b/s')

export function LinkCharts({
  samples,
  cols = 2,
}: {
  readonly samples: readonly Sample[]
  readonly cols?: number
}) {
  const times = useMemo(() => samples.map(({ at }) => at / 1000), [samples])
  return (
    <SimpleGrid cols={{ base: 1, md: cols }}>
      <Chart
        title={words.qber}
        times={times}
        lines={[{ label: 'QBER', values: samples.map(({ qber }) => qber) }]}
        format={percent}
      />
      <Chart
        title={words.rates}
        times={times}
        lines={[
          { label: words.sifted, values: samples.map(({ sifted }) => sifted) },
          { label: words.secret, values: samples.map(({ secret }) => secret) },
        ]}
        format={perSecond}
      />
    </SimpleGrid>
  )
}

function Chart(about: ComponentProps<typeof Series>) {
  return (
    <Paper withBorder p="sm">
      <Title order={2} size="h5">
        {about.title}
      </Title>
      <Series {...about} />
    </Paper>
  )
}
