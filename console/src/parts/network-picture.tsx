/**
 * Links and sites drawn: who touches whom, how each link stands, and a way that is looked at.
 *
 * @module
 */

import { useMatches } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Edge } from '../network-model.ts'
import { percent, scaled } from '../format.ts'
import { texts } from '../texts.ts'

export type Point = readonly [number, number]
/** Width and height of a picture, in units of about a pixel. */
export const usePictureSize = (): Point => useMatches({ base: PHONE, sm: DESK })
const PHONE: Point = [400, 300]
const DESK: Point = [760, 380]

export function NetworkPicture(about: {
  readonly site: string
  readonly edges: readonly Edge[]
  readonly points: ReadonlyMap<string, Point>
  readonly titleOf: (site: string) => string
  readonly isTrustedNode: (site: string) => boolean
  /** Ways to be seen among the links. */
  readonly ways?: readonly (readonly string[])[]
  readonly children?: ReactNode
}) {
  const { site, edges, points, titleOf, isTrustedNode, ways = [], children } = about
  const marked = new Set(ways.flatMap((way) => way.slice(1).map((to, at) => pairOf(way[at], to))))
  const [width, height] = usePictureSize()
  return (
    <svg
      viewBox={`0 0 ${String(width)} ${String(height)}`}
      width="100%"
      role="img"
      aria-label={`${texts.network.map}: ${edges.map(toldOf).join('; ')}`}
      className="picture"
    >
      {children}
      {edges.map((edge) => (
        <EdgeLine
          key={edge.link}
          edge={edge}
          ends={[points.get(edge.a), points.get(edge.b)]}
          isMarked={marked.has(pairOf(edge.a, edge.b))}
        />
      ))}
      {[...points].map(([name, [x, y]]) => (
        <g key={name}>
          {isTrustedNode(name) ? (
            <rect x={x - 8} y={y - 8} width={16} height={16} rx={3} className="node" />
          ) : (
            <circle
              cx={x}
              cy={y}
              r={name === site ? 12 : 9}
              className={name === site ? 'own node' : 'node'}
            />
          )}
          <text x={x} y={y + 27} textAnchor="middle" fontSize={14} className="label">
            {titleOf(name)}
          </text>
        </g>
      ))}
    </svg>
  )
}

function EdgeLine(about: {
  readonly edge: Edge
  readonly ends: readonly [Point | undefined, Point | undefined]
  readonly isMarked: boolean
}) {
  const { edge, ends, isMarked } = about
  const [from, to] = ends
  if (from === undefined || to === undefined) return null
  const [middleX, middleY] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]
  const [across, down] = [Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])]
  const isSteep = down > 0.6 * across
  const isShort = isSteep ? down < STEEP_LEAST : across < FLAT_LEAST
  const look = `edge ${edge.isStale ? 'old' : edge.tone}`
  return (
    <g>
      {isMarked && <line x1={from[0]} y1={from[1]} x2={to[0]} y2={to[1]} className="edge marked" />}
      <line x1={from[0]} y1={from[1]} x2={to[0]} y2={to[1]} className={look} />
      <text
        x={isSteep ? middleX + 10 : middleX}
        y={isSteep ? middleY + 4 : middleY - 9}
        textAnchor={isSteep ? 'start' : 'middle'}
        fontSize={12}
        className="label"
      >
        {isShort ? '' : labelOf(edge)}
      </text>
    </g>
  )
}

/** Shorter lines have no place for a figure; the tables have them all. */
const STEEP_LEAST = 60
const FLAT_LEAST = 165

/** What the picture says of a link, where nobody sees its colour. */
function labelOf({ qber, secretBitsPerSecond, isStale, tone, state }: Edge): string {
  if (isStale) return `○ ${texts.network.silent}`
  if (tone !== 'well') return `${tone === 'ill' ? '▲' : '◐'} ${state}`
  return `${qber === null ? '–' : percent(qber)} · ${scaled(secretBitsPerSecond, 'b/s')}`
}

const toldOf = (edge: Edge): string => `${edge.link} ${labelOf(edge)}`

const pairOf = (a: string, b: string): string => [a, b].toSorted().join(' ')

/** Two sites stand side by side; more stand on an ellipse. */
export function circleOf(
  sites: readonly string[],
  [width, height]: Point,
): ReadonlyMap<string, Point> {
  return new Map(
    sites.map((site, at): [string, Point] => {
      if (sites.length <= 2) return [site, [width * (0.25 + 0.5 * at), height / 2]]
      const angle = Math.PI + (2 * Math.PI * at) / sites.length
      const [x, y] = [Math.cos(angle), Math.sin(angle)]
      return [site, [width * (0.5 + 0.36 * x), height * (0.48 + 0.36 * y)]]
    }),
  )
}
