/**
 * Sites on a circle, links between them: who touches whom, and how each link stands.
 *
 * @module
 */

import type { LinkView, NetworkView } from '#contract'
import { percent, scaled } from '../format.ts'
import { texts } from '../texts.ts'

type Other = NetworkView['links'][number]

interface Edge {
  readonly link: string
  readonly a: string
  readonly b: string
  readonly isWell: boolean
  readonly label: string
}

export function Schematic(about: {
  readonly site: string
  readonly links: readonly LinkView[]
  readonly others: readonly Other[]
}) {
  const edges = edgesOf(about)
  const sites = [...new Set([about.site, ...edges.flatMap(({ a, b }) => [a, b])])]
  const places = new Map(sites.map((site, at) => [site, placeOf(at, sites.length)]))
  return (
    <svg viewBox="0 0 640 240" width="100%" height="220" role="img" aria-label={texts.network.map}>
      <title>{texts.network.map}</title>
      {edges.map((edge) => {
        const [from, to] = [places.get(edge.a), places.get(edge.b)]
        if (from === undefined || to === undefined) return null
        return (
          <g key={edge.link}>
            <line
              x1={from.x}
              y1={from.y}
              x2={to.x}
              y2={to.y}
              stroke={edge.isWell ? 'var(--mantine-color-teal-7)' : 'var(--mantine-color-red-7)'}
              strokeWidth={3}
              strokeDasharray={edge.isWell ? undefined : '8 6'}
            />
            <text
              x={(from.x + to.x) / 2}
              y={(from.y + to.y) / 2 - 10}
              textAnchor="middle"
              fontSize={12}
              fill="currentColor"
            >
              {edge.label}
            </text>
          </g>
        )
      })}
      {sites.map((site) => {
        const { x, y } = places.get(site) ?? { x: 0, y: 0 }
        return (
          <g key={site}>
            <circle
              cx={x}
              cy={y}
              r={site === about.site ? 13 : 10}
              fill={
                site === about.site ? 'var(--mantine-color-teal-8)' : 'var(--mantine-color-gray-7)'
              }
            />
            <text x={x} y={y + 30} textAnchor="middle" fontSize={14} fill="currentColor">
              {site}
            </text>
          </g>
        )
      })}
    </svg>
  )
}

/** Links of this site as it sees them, and of others as they say. */
function edgesOf(about: {
  readonly site: string
  readonly links: readonly LinkView[]
  readonly others: readonly Other[]
}): readonly Edge[] {
  const own = about.links.map(({ link, peer, state, qber, secretBitsPerSecond }) => ({
    link,
    a: about.site,
    b: peer,
    isWell: state === 'running' || state === 'recovering',
    label: labelOf(qber, secretBitsPerSecond),
  }))
  const names = new Set(own.map(({ link }) => link))
  const far = about.others
    .filter(({ link }) => !names.has(link))
    .map(({ link, a, b, suspect, status, qber, secretBitsPerSecond }) => ({
      link,
      a,
      b,
      isWell: status === 'active' && !suspect,
      label: labelOf(qber, secretBitsPerSecond),
    }))
  return [...own, ...far]
}

const labelOf = (qber: number | null, rate: number): string =>
  `${qber === null ? '–' : percent(qber)} · ${scaled(rate, 'b/s')}`

/** Two sites stand side by side; more stand on an ellipse. */
function placeOf(at: number, count: number): { readonly x: number; readonly y: number } {
  if (count <= 2) return { x: 140 + 360 * at, y: 110 }
  const angle = Math.PI + (2 * Math.PI * at) / count
  return { x: 320 + 230 * Math.cos(angle), y: 105 + 80 * Math.sin(angle) }
}
