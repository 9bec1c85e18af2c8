/**
 * Plots as SVG: lines and points over linear or logarithmic axes. No dependency.
 *
 * One look for every study: light background, one hue for each subject, a line for what we
 * compute, points for what was published.
 *
 * @module
 */

import { axisTicks, placeOn, type Axis, type Range } from './axis.ts'

export interface Series {
  readonly name: string
  /** x and y; points that a logarithmic axis cannot show are left out, and break a line. */
  readonly points: readonly (readonly [number, number])[]
  /** `points` are markers without a line. */
  readonly style: 'line' | 'dashed' | 'dotted' | 'points'
  /** Series of one subject share a hue; the default is the place in the list. */
  readonly hue?: number
  /** Words beside the marks, one for each point; empty for none. */
  readonly labels?: readonly string[]
}

export interface Plot {
  readonly title: string
  /** What the reader has to know to read the plot: parameters, what is assumed. */
  readonly subtitle?: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}

/** Draws a plot as one self-contained SVG document. */
export function drawPlot(plot: Plot): string {
  const frame = frameOf(plot)
  const x = { ...placeOn(plot.x, valuesOf(plot, 0)), from: frame.left, to: frame.right }
  const y = { ...placeOn(plot.y, valuesOf(plot, 1)), from: frame.bottom, to: frame.top }
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${frame.height}"` +
      ` viewBox="0 0 ${WIDTH} ${frame.height}" font-family="${FONT}" font-size="12">`,
    `<rect width="${WIDTH}" height="${frame.height}" fill="#ffffff"/>`,
    text(plot.title, { x: 24, y: 32, size: 17, weight: 600, fill: INK }),
    ...subtitleLines(plot).map((line, at) =>
      text(line, { x: 24, y: 54 + at * 17, size: 12.5, fill: QUIET }),
    ),
    ...grid(plot, frame, x, y),
    `<clipPath id="area"><rect x="${frame.left}" y="${frame.top - 2}"` +
      ` width="${frame.right - frame.left + 2}" height="${frame.bottom - frame.top + 2}"/></clipPath>`,
    ...plot.series.map((series, at) => drawSeries(series, colourOf(series, at), x, y)),
    ...legend(plot, frame),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

interface Frame {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly height: number
}

/** An axis with the pixels that its ends lie at. */
type Scale = Range & { readonly from: number; readonly to: number }

const pixel = (scale: Scale, value: number): number => {
  const share = scale.share(value)
  return Number((scale.from + share * (scale.to - scale.from)).toFixed(2))
}

function frameOf(plot: Plot): Frame {
  const top = 66 + subtitleLines(plot).length * 17
  const bottom = top + AREA_HEIGHT
  const legendRows = plot.series.length
  const height = Math.max(bottom + 62, top + legendRows * LEGEND_ROW + 20)
  return { left: 82, right: WIDTH - LEGEND_WIDTH - 24, top, bottom, height }
}

function subtitleLines({ subtitle = '' }: Plot): readonly string[] {
  const lines: string[] = []
  for (const word of subtitle.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < SUBTITLE_COLUMNS) {
      lines[lines.length - 1] = `${last} ${word}`
    } else if (word !== '') lines.push(word)
  }
  return lines
}

const valuesOf = ({ series }: Plot, at: 0 | 1): readonly number[] =>
  series.flatMap(({ points }) => points.map((point) => point[at]))

function grid(plot: Plot, frame: Frame, x: Scale, y: Scale): readonly string[] {
  const { left, right, top, bottom } = frame
  const line = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" stroke-width="1"/>`
  const parts: string[] = []
  for (const { value, label } of axisTicks(plot.y, y)) {
    const at = pixel(y, value)
    parts.push(line(left, at, right, at, label === '' ? FAINT : GRID))
    if (label !== '')
      parts.push(text(label, { x: left - 8, y: at + 4, anchor: 'end', fill: QUIET }))
  }
  for (const { value, label } of axisTicks(plot.x, x)) {
    const at = pixel(x, value)
    parts.push(line(at, top, at, bottom, label === '' ? FAINT : GRID))
    const fill = QUIET
    if (label !== '') parts.push(text(label, { x: at, y: bottom + 18, anchor: 'middle', fill }))
  }
  parts.push(line(left, bottom, right, bottom, AXIS), line(left, top, left, bottom, AXIS))
  const middle = (top + bottom) / 2
  parts.push(
    text(plot.x.label, { x: (left + right) / 2, y: bottom + 42, anchor: 'middle', fill: INK }),
    `<g transform="rotate(-90 22 ${middle})">` +
      `${text(plot.y.label, { x: 22, y: middle + 4, anchor: 'middle', fill: INK })}</g>`,
  )
  return parts
}

function drawSeries(series: Series, colour: string, x: Scale, y: Scale): string {
  const runs: (readonly [number, number])[][] = [[]]
  for (const [px, py] of series.points) {
    if (x.shows(px) && y.shows(py)) runs.at(-1)?.push([pixel(x, px), pixel(y, py)])
    else if (runs.at(-1)?.length !== 0) runs.push([])
  }
  if (series.style === 'points') return markers(series, colour, x, y)
  const paths = runs
    .filter((run) => run.length > 0)
    .map((run) => `M${run.map(([px, py]) => `${px} ${py}`).join('L')}`)
  return (
    `<path d="${paths.join('')}" fill="none" stroke="${colour}" stroke-width="2"` +
    ` stroke-linejoin="round"${dashes(series.style)} clip-path="url(#area)"/>`
  )
}

function markers(series: Series, colour: string, x: Scale, y: Scale): string {
  const parts = series.points.map(([px, py], at) => {
    if (!x.shows(px) || !y.shows(py)) return ''
    const [cx, cy] = [pixel(x, px), pixel(y, py)]
    const label = series.labels?.[at] ?? ''
    // Near the right edge the words go to the left of the mark.
    const flip = cx > x.to - label.length * 6.2
    const beside = { x: flip ? cx - 9 : cx + 9, y: cy + 4, size: 11, fill: QUIET }
    const words = label === '' ? '' : text(label, { ...beside, anchor: flip ? 'end' : 'start' })
    return marker(cx, cy, colour) + words
  })
  return parts.join('')
}

const marker = (cx: number, cy: number, colour: string): string =>
  `<circle cx="${cx}" cy="${cy}" r="4.5" fill="#ffffff" stroke="${colour}" stroke-width="2.2"/>`

function legend(plot: Plot, frame: Frame): readonly string[] {
  const left = frame.right + 22
  return plot.series.map((series, at) => {
    const y = frame.top + 10 + at * LEGEND_ROW
    const colour = colourOf(series, at)
    const sample =
      series.style === 'points'
        ? marker(left + 12, y, colour)
        : `<line x1="${left}" y1="${y}" x2="${left + 24}" y2="${y}" stroke="${colour}"` +
          ` stroke-width="2"${dashes(series.style)}/>`
    return sample + text(series.name, { x: left + 32, y: y + 4, fill: INK })
  })
}

const dashes = (style: Series['style']): string =>
  style === 'dashed'
    ? ' stroke-dasharray="7 5"'
    : style === 'dotted'
      ? ' stroke-dasharray="2 4"'
      : ''

const colourOf = (series: Series, at: number): string => HUES[(series.hue ?? at) % HUES.length]

interface TextLook {
  readonly x: number
  readonly y: number
  readonly fill: string
  readonly size?: number
  readonly weight?: number
  readonly anchor?: 'start' | 'middle' | 'end'
}

function text(words: string, look: TextLook): string {
  const size = look.size === undefined ? '' : ` font-size="${look.size}"`
  const weight = look.weight === undefined ? '' : ` font-weight="${look.weight}"`
  const anchor = look.anchor === undefined ? '' : ` text-anchor="${look.anchor}"`
  const at = `x="${look.x}" y="${look.y}" fill="${look.fill}"`
  return `<text ${at}${size}${weight}${anchor}>${escaped(words)}</text>`
}

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const WIDTH = 980
const AREA_HEIGHT = 400
const LEGEND_WIDTH = 250
const LEGEND_ROW = 21
const SUBTITLE_COLUMNS = 140
const FONT = 'system-ui, Segoe UI, Helvetica, Arial, sans-serif'
const INK = '#1f2328'
const QUIET = '#59636e'
const AXIS = '#818b98'
const GRID = '#dfe3e8'
const FAINT = '#f1f3f5'
/** Distinct for most kinds of colour vision (Okabe and Ito, darkened for a white background). */
const HUES = [
  '#0072b2',
  '#d55e00',
  '#00855f',
  '#b0508f',
  '#8a6d00',
  '#3a9bd1',
  '#555555',
  '#a03030',
]
