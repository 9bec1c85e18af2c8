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
}) {
  const { title, times, lines, format, height = 160 } = about
  const { ref, width } = useElementSize()
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const scheme = useComputedColorScheme('light')
  const labels = lines.map(({ label }) => label).join(' ')

  useEffect(() => {
    if (holder.current === null || width === 0) return
    const names = labels.split(' ')
    const look = { width, height, scheme, names, format }
    const drawn = new uPlot(lookOf(look), [[], ...names.map(() => [])], holder.current)
    plot.current = drawn
    return () => {
      plot.current = undefined
      drawn.destroy()
    }
  }, [width, height, scheme, labels, format])

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
}): uPlot.Options {
  const { width, height, scheme, names, format } = about
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
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? '–' : format(value)),
      })),
    ],
    axes: [
      { ...axis, space: 90, values: (_plot, splits) => splits.map(clockOf) },
      { ...axis, size: 82, values: (_plot, splits) => splits.map(format) },
    ],
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1e-6)] } },
    cursor: { drag: { x: false, y: false } },
  }
}

const clockOf = (seconds: number): string => timeOf(seconds * 1000)

const STROKES = {
  light: ['#0b7285', '#a8590a'],
  dark: ['#3bc9db', '#ffa94d'],
} as const
const DASHES = [[], [6, 4]]
