/**
 * A plan of a network as a map: one self-contained SVG, no dependency.
 *
 * Sites stand where they are, but for those that would cover each other, which are pushed apart.
 * Width and colour of a link tell its rate; a bottleneck is dashed. The coast is drawn through a few
 * headlands, to tell where one is, and is no survey.
 *
 * @module
 */

import type { NetworkPlanView, PlannedLink, PlannedNode } from '#contract'
import { coastWithin } from './coast.ts'
import { placed, projectionOf, type Placed } from './map-places.ts'

/** Draws a plan. */
export function drawNetwork(plan: NetworkPlanView): string {
  const frame = { left: 120, top: 110, right: WIDTH - 80, bottom: 110 + MAP_HEIGHT }
  const projection = projectionOf(plan.nodes, frame)
  const places = placed(plan.nodes, projection, frame)
  const rows = pairRows(plan)
  const height = frame.bottom + 70 + rows.length * ROW + 40
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}"` +
      ` viewBox="0 0 ${WIDTH} ${height}" font-family="${FONT}" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(plan.title, { x: 24, y: 34, size: 17, weight: 600, fill: INK }),
    text(subtitle(plan), { x: 24, y: 56, size: 12.5, fill: QUIET }),
    `<clipPath id="map"><rect x="10" y="76" width="${WIDTH - 20}" height="${MAP_HEIGHT + 68}"/></clipPath>`,
    `<g clip-path="url(#map)">`,
    `<rect x="10" y="76" width="${WIDTH - 20}" height="${MAP_HEIGHT + 68}" fill="${SEA(projection.kmWide)}"/>`,
    ...coastWithin(projection).map((path) => `<path d="${path}" fill="#f7f7f2" stroke="#c9d3da"/>`),
    '</g>',
    ...plan.links.map((link) => drawLink(link, places)),
    ...plan.links.map((link) => labelOf(link, places)),
    ...plan.nodes.map((node) => drawNode(node, at(places, node.site))),
    scaleBar(projection.pixelsPerKm, frame.bottom + 20),
    ...legend(frame.bottom + 20),
    ...rows.map((row, index) => drawRow(row, frame.bottom + 70 + index * ROW)),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

const subtitle = ({ nodes, links, pairs }: NetworkPlanView): string => {
  const km = links.reduce((sum, { lengthKm }) => sum + lengthKm, 0)
  const counted = `${nodes.length} sites, ${links.length} links, ${km.toFixed(1)} km, ${pairs.length} pairs`
  return `${counted}. Planned rates, simulated devices; which figures are assumed stands in the file.`
}

function drawLink(link: PlannedLink, places: ReadonlyMap<string, Placed>): string {
  const [a, b] = [at(places, link.a), at(places, link.b)]
  const { secretBitsPerSecond: rate, usedBitsPerSecond: used, medium } = link
  const isFull = used > 0 && used >= rate * (1 - 1e-9)
  const dashes = medium === 'air' ? ' stroke-dasharray="2 5" stroke-linecap="round"' : ''
  const line = (colour: string, width: number, more: string): string =>
    `<line x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}" stroke="${colour}" stroke-width="${width}"${more}/>`
  const halo = isFull ? line('#f6d9a8', widthOf(rate) + 6, '') : ''
  return halo + line(colourOf(rate), widthOf(rate), dashes)
}

function labelOf(link: PlannedLink, places: ReadonlyMap<string, Placed>): string {
  const [a, b] = [at(places, link.a), at(places, link.b)]
  const x = round((a.x + b.x) / 2)
  const y = round((a.y + b.y) / 2)
  const where = { x, size: 10.5, anchor: 'middle' } as const
  return (
    `<rect x="${round(x - 32)}" y="${round(y - 14)}" width="64" height="28" rx="4" fill="#ffffff" fill-opacity="0.85"/>` +
    text(`${link.lengthKm.toFixed(1)} km`, { ...where, y: y - 3, fill: QUIET }) +
    text(rateText(link.secretBitsPerSecond), { ...where, y: y + 10, fill: INK, weight: 600 })
  )
}

function drawNode({ site, kind, keysPerHour }: PlannedNode, { x, y }: Placed): string {
  const mark =
    kind === 'hospital'
      ? `<circle cx="${x}" cy="${y}" r="9" fill="#ffffff" stroke="${HOSPITAL}" stroke-width="2.5"/>` +
        `<path d="M${x - 4} ${y}h8M${x} ${y - 4}v8" stroke="${HOSPITAL}" stroke-width="2.5"/>`
      : `<rect x="${x - 6}" y="${y - 6}" width="12" height="12" rx="2" fill="#ffffff" stroke="${NODE}" stroke-width="2.5"/>`
  const keys = keysPerHour > 0 ? `${compact(keysPerHour)} keys/h` : ''
  const label = { x, anchor: 'middle', halo: true } as const
  return (
    mark +
    text(site, { ...label, y: y - 15, size: 12, weight: 600, fill: INK }) +
    (keys === '' ? '' : text(keys, { ...label, y: y + 23, size: 10.5, fill: HOSPITAL }))
  )
}

interface Row {
  readonly name: string
  readonly rate: string
  readonly keys: string
  readonly ways: string
  readonly isShort: boolean
}

function pairRows({ pairs }: NetworkPlanView): readonly Row[] {
  return pairs.map(({ a, b, secretBitsPerSecond, keysPerHour, ways, shares, coalition }) => ({
    name: `${a} ↔ ${b}`,
    rate: rateText(secretBitsPerSecond),
    keys: `${keysPerHour.toLocaleString('en-GB')} AES-256 keys/h`,
    ways:
      ways.length === 0
        ? 'no way'
        : coalition === null
          ? 'a link of their own'
          : `${ways.length} of ${shares} ways: ${ways.map((way) => way.slice(1, -1).join(', ')).join(' | ')}`,
    isShort: ways.length < shares,
  }))
}

const drawRow = ({ name, rate, keys, ways, isShort }: Row, y: number): string =>
  text(name, { x: 24, y, size: 12, weight: 600, fill: INK }) +
  text(rate, { x: 270, y, size: 12, fill: INK }) +
  text(keys, { x: 360, y, size: 12, fill: QUIET }) +
  text(ways, { x: 550, y, size: 12, fill: isShort ? WARN : QUIET })

function scaleBar(pixelsPerKm: number, y: number): string {
  const km =
    [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].findLast((one) => one * pixelsPerKm < 150) ?? 0.1
  const width = round(km * pixelsPerKm)
  return (
    `<path d="M24 ${y - 4}v4h${width}v-4" fill="none" stroke="${QUIET}"/>` +
    text(`${km} km`, { x: 30 + width, y, size: 11, fill: QUIET })
  )
}

function legend(y: number): readonly string[] {
  const marks = [
    ...RATES.map(({ least, colour }) => ({ colour, words: `≥ ${rateText(least)}` })),
    { colour: NO_KEY, words: 'no key' },
  ]
  const lines = marks.map(({ colour, words }, index) => {
    const x = 250 + index * 108
    return (
      `<line x1="${x}" y1="${y - 4}" x2="${x + 22}" y2="${y - 4}" stroke="${colour}" stroke-width="4"/>` +
      text(words, { x: x + 28, y, size: 11, fill: QUIET })
    )
  })
  const words =
    'shaded: used up (bottleneck) · dotted: through the air · circle: hospital · square: trusted node'
  return [...lines, text(words, { x: 250, y: y + 18, size: 11, fill: QUIET })]
}

function at(places: ReadonlyMap<string, Placed>, site: string): Placed {
  return places.get(site) ?? { x: 0, y: 0 }
}

interface Words {
  readonly x: number
  readonly y: number
  readonly size: number
  readonly fill: string
  readonly anchor?: 'middle'
  readonly weight?: number
  readonly halo?: boolean
}

function text(words: string, { x, y, size, fill, anchor, weight, halo }: Words): string {
  const style =
    (anchor === undefined ? '' : ` text-anchor="${anchor}"`) +
    (weight === undefined ? '' : ` font-weight="${weight}"`) +
    (halo === true ? ' stroke="#ffffff" stroke-width="3" paint-order="stroke"' : '')
  return `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}"${style}>${escaped(words)}</text>`
}

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function rateText(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toPrecision(3)} Mb/s`
  if (bitsPerSecond >= 1e3) return `${(bitsPerSecond / 1e3).toPrecision(3)} kb/s`
  return `${bitsPerSecond.toFixed(0)} b/s`
}

const compact = (count: number): string =>
  count >= 1e6 ? `${(count / 1e6).toPrecision(3)} M` : count.toLocaleString('en-GB')

const colourOf = (rate: number): string =>
  RATES.find(({ least }) => rate >= least)?.colour ?? NO_KEY
const widthOf = (rate: number): number =>
  Math.max(1.5, Math.min(6, Math.log10(Math.max(rate, 1)) - 1))
const round = (value: number): number => Number(value.toFixed(1))

const RATES = [
  { least: 1e6, colour: '#0b7a4b' },
  { least: 1e5, colour: '#3a9d5d' },
  { least: 1e4, colour: '#c2a300' },
  { least: 1, colour: '#d1701f' },
] as const
const NO_KEY = '#c0392b'
const HOSPITAL = '#1c5fa8'
const NODE = '#6b6f76'
const INK = '#1d2430'
const QUIET = '#5b6470'
const WARN = '#b3541e'
/** Water where a map is large enough to have any. */
const SEA = (kmWide: number): string => (kmWide > COAST_KM ? '#e8f0f5' : '#fbfbf8')
const COAST_KM = 60
const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, sans-serif'
const WIDTH = 1100
const MAP_HEIGHT = 560
const ROW = 20
