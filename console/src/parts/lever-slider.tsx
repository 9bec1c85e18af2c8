/**
 * A slider of the attack lab with its value beside its name.
 *
 * @module
 */

import { Slider, Text } from '@mantine/core'
import { scaled } from '../format.ts'
import { leverRanges, type Lever, type LeverRange } from '../lab-model.ts'
import { linkTexts } from '../texts-links.ts'

const words = linkTexts.lab

export function LeverSlider(about: {
  readonly lever: Lever
  readonly value: number
  readonly onValue: (value: number) => void
}) {
  const { lever, value, onValue } = about
  const told = toldOf(lever, value)
  return (
    <PlainSlider
      {...{ name: words.levers[lever], told, value, range: leverRanges[lever], onValue }}
    />
  )
}

/** A slider, and in words where it stands. */
export function PlainSlider(about: {
  readonly name: string
  readonly told: string
  readonly value: number
  readonly range: LeverRange
  readonly onValue: (value: number) => void
}) {
  const { name, told, value, range, onValue } = about
  const { least, most, step } = range
  return (
    <div>
      <Text size="sm">
        {name}: {told}
      </Text>
      <Slider
        value={value}
        onChange={onValue}
        min={least}
        max={most}
        step={step}
        label={null}
        thumbLabel={name}
        thumbProps={{ 'aria-valuetext': told }}
      />
    </div>
  )
}

function toldOf(lever: Lever, value: number): string {
  switch (lever) {
    case 'share':
    case 'stealth':
      return `${String(value)} %`
    case 'loss':
      return value >= leverRanges.loss.most ? words.cut : `${String(value)} dB`
    case 'power':
      return scaledLight(10 ** value)
    case 'shift':
      return `${String(value)} ps`
    case 'turn':
      return `${String(value)} °/min`
  }
}

/** Light that is told in μW, from picowatts to milliwatts. */
const scaledLight = (microwatts: number): string =>
  microwatts >= 1000
    ? `${String(Number((microwatts / 1000).toPrecision(2)))} mW`
    : microwatts >= 1
      ? `${String(Number(microwatts.toPrecision(2)))} μW`
      : scaled(Number((microwatts * 1e6).toPrecision(2)), 'pW').replace('kpW', 'nW')
