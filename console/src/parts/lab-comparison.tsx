/**
 * Two simulated links under photon-number splitting, of which one has no decoys: it stays green.
 *
 * @module
 */

import { Button, Paper, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { ComparisonView } from '#contract'
import { ask } from '../api.ts'
import { grouped, percent, scaled } from '../format.ts'
import { linkTexts } from '../texts-links.ts'
import { filled } from '../texts.ts'
import { Refused } from './answer.tsx'
import { PlainSlider } from './lever-slider.tsx'
import { Command } from './page.tsx'
import { Figure, Wide } from './wide.tsx'

const words = linkTexts.comparison

export function Comparison() {
  const [wish, setWish] = useState({ lengthKm: 50, share: 100, stealth: 100 })
  const { lengthKm, share, stealth } = wish
  const comparing = useMutation({
    mutationFn: () =>
      ask('compareDecoys', {}, { lengthKm, fraction: share / 100, stealth: stealth / 100 }, true),
  })
  const set = (name: keyof typeof wish) => (value: number) =>
    setWish((before) => ({ ...before, [name]: value }))
  return (
    <section>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {words.title}
        </Title>
        <Text c="dimmed">{words.how}</Text>
        <SimpleGrid cols={{ base: 1, md: 3 }}>
          <PlainSlider
            name={words.length}
            told={`${String(lengthKm)} km`}
            value={lengthKm}
            range={{ least: 0, most: 120, step: 5 }}
            onValue={set('lengthKm')}
          />
          <PlainSlider
            name={linkTexts.lab.levers.share}
            told={`${String(share)} %`}
            value={share}
            range={{ least: 0, most: 100, step: 5 }}
            onValue={set('share')}
          />
          <PlainSlider
            name={linkTexts.lab.levers.stealth}
            told={`${String(stealth)} %`}
            value={stealth}
            range={{ least: 0, most: 100, step: 5 }}
            onValue={set('stealth')}
          />
        </SimpleGrid>
        <Command line={`photonward study ${STUDY}`} />
        <Button w="fit-content" loading={comparing.isPending} onClick={() => comparing.mutate()}>
          {words.compare}
        </Button>
        {comparing.error !== null && <Refused error={comparing.error} />}
        {comparing.data !== undefined && <Compared view={comparing.data} />}
      </Stack>
    </section>
  )
}

function Compared({ view }: { readonly view: ComparisonView }) {
  const { withDecoys, withoutDecoys, slots, lengthKm, lossDb } = view
  return (
    <>
      <Text c="dimmed">
        {filled(words.drawn, {
          km: lengthKm,
          db: lossDb.toFixed(1),
          pulses: grouped(slots),
        })}
      </Text>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <One title={words.without} link={withoutDecoys} />
        <One title={words.with} link={withDecoys} />
      </SimpleGrid>
    </>
  )
}

type ComparedLink = ComparisonView['withDecoys']

function One({ title, link }: { readonly title: string; readonly link: ComparedLink }) {
  const { honest, attacked, sifted, knownToEve, decoysAlarm } = link
  const gains = (at: 0 | 1): readonly [string, string] => [
    toldOf(honest.pulses.at(at)?.gain),
    toldOf(attacked.pulses.at(at)?.gain),
  ]
  const rows: readonly (readonly [string, string, string])[] = [
    [words.gain, ...gains(0)],
    [words.decoyGain, ...gains(1)],
    ['QBER', percent(honest.qber), percent(attacked.qber)],
    [
      words.rate,
      scaled(honest.secretBitsPerSecond, 'b/s'),
      scaled(attacked.secretBitsPerSecond, 'b/s'),
    ],
  ]
  return (
    <Paper withBorder p="sm" role="group" aria-label={title}>
      <Stack gap="xs">
        <Title order={3} size="h5">
          {title}
        </Title>
        <Text fw={600}>{verdictOf(link)}</Text>
        <Wide least={380}>
          <Table.Thead>
            <Table.Tr>
              <Table.Td />
              <Table.Th ta="right">{words.honest}</Table.Th>
              <Table.Th ta="right">{words.attacked}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(([name, before, after]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row">{name}</Table.Th>
                <Figure>{before}</Figure>
                <Figure>{after}</Figure>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Wide>
        <Text>
          {filled(words.knows, {
            share: sifted === 0 ? '–' : percent(knownToEve / sifted),
            bits: grouped(sifted),
          })}{' '}
          {decoysAlarm ? words.alarm : words.noAlarm}
        </Text>
      </Stack>
    </Paper>
  )
}

const toldOf = (gain: number | undefined): string =>
  gain === undefined ? '–' : gain.toExponential(2)

/** What the link would say of itself, against what only the simulation can tell. */
function verdictOf({ attacked, sifted, knownToEve, decoysAlarm }: ComparedLink): string {
  const isBroken = sifted > 0 && knownToEve / sifted > BROKEN_SHARE
  if (attacked.secretBitsPerSecond > 0 && !decoysAlarm)
    return isBroken ? words.greenBroken : words.green
  return decoysAlarm ? words.caught : words.noKey
}

const STUDY = 'photon-number-splitting'
/** Of what Eve knows so much, a formula that grants her nothing gives key away. */
const BROKEN_SHARE = 0.1
