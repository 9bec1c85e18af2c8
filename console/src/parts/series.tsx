/**
 * Figures of the last minutes, drawn as they come.
 *
 * @module
 */

import 'uplot/dist/uPlot.min.css'
import { useComputedColorScheme } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { timeOf } from '../format.ts'

export interface Line {
  readonly label: string
  readonly values: readonly (number | null)[]
}

export function Series(about: {
  readonly title: string
  /** Seconds since the epoch, one for each value. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  readonly height?: number
  /** Shows every point and the range of the values, and days: few values over a long time. */
  readonly isWhole?: boolean
}) {
  const { title, times, lines, format, height = 160, isWhole = false } = about
  const { ref, width } = useElementSize()
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const scheme = useComputedColorScheme('light')
  const labels = lines.map(({ label }) => label).join('\n')

  useEffect(() => {
    if (holder.current === null || width === 0) return
    const names = labels.split('\n')
    const look = { width, height, scheme, names, format, isWhole }
    const drawn = new uPlot(lookOf(look), [[], ...names.map(() => [])], holder.current)
    plot.current = drawn
    return () => {
      plot.current = undefined
      drawn.destroy()
    }
  }, [width, height, scheme, labels, format, isWhole])

  useEffect(() => {
    plot.current?.setData([[...times], ...lines.map(({ values }) => [...values])])
  })

  const newest = lines.map(({ label, values }) => {
    const value = values.at(-1)
    return `${label} ${value === undefined || value === null ? '–' : format(value)}`
  })
  return (
    <div ref={ref} role="img" aria-label={`${title}: ${newest.join(', ')}`}>
      <div ref={holder} />
    </div>
  )
}

function lookOf(about: {
  readonly width: number
  readonly height: number
  readonly scheme: 'light' | 'dark'
  readonly names: readonly string[]
  readonly format: (value: number) => string
  readonly isWhole: boolean
}): uPlot.Options {
  const { width, height, scheme, names, format, isWhole } = about
  const clockOf = isWhole ? dayOf : secondOf
  const ink = scheme === 'dark' ? '#c9c9c9' : '#495057'
  const grid = { stroke: scheme === 'dark' ? '#424242' : '#e9ecef', width: 1 }
  const axis = { stroke: ink, grid, ticks: grid }
  return {
    width,
    height,
    series: [
      { label: '', value: (_plot: uPlot, at: number | null) => (at === null ? '' : clockOf(at)) },
      ...names.map((label, at) => ({
        label,
        stroke: STROKES[scheme][at % 2] ?? ink,
        width: 2,
        dash: DASHES[at % 2] ?? [],
        points: { show: isWhole },
        spanGaps: isWhole,
        value: (_plot: uPlot, value: number | null) => (value === null ? '–' : format(value)),
      })),
    ],
    axes: [
      { ...axis, space: 90, values: (_plot, splits) => splits.map(clockOf) },
      { ...axis, size: 98, values: (_plot, splits) => splits.map(format) },
    ],
    scales: { y: { range: isWhole ? around : fromNothing } },
    cursor: { drag: { x: false, y: false } },
  }
}

const secondOf = (seconds: number): string => timeOf(seconds * 1000)
const dayOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10)

const fromNothing = (_plot: uPlot, _min: number, max: number): uPlot.Range.MinMax => [
  0,
  Math.max(max * 1.1, 1e-6),
]

/** All values, with some air. */
function around(_plot: uPlot, min: number, max: number): uPlot.Range.MinMax {
  const air = (max - min) * 0.15 || Math.abs(max) * 0.1 || 1
  return [Math.max(0, min - air), max + air]
}

const STROKES = {
  light: ['#0b7285', '#a8590a'],
  dark: ['#3bc9db', '#ffa94d'],
} as const
const DASHES = [[], [6, 4]]
