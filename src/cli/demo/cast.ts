/**
 * The network of the demo: who takes part, and which fibres join them.
 *
 * ```
 *                  campus
 *                    │
 *   bristol ─── cambridge ─── ipswich
 *       ╲        ╱
 *        london              every fibre as the span of the Cambridge metro network, but
 *                            that of the campus: a kilometre under the road
 * ```
 *
 * @module
 */

import type { FibrePath } from '#contract'

/**
 * In this order: Bristol, London, Cambridge, Ipswich, and a building of the campus at Cambridge. London
 * passes on keys, and has no records.
 */
export const SITES = [
  {
    site: 'bristol',
    title: 'Bristol',
    kind: 'hospital',
    place: { latitude: 51.4545, longitude: -2.5879 },
  },
  {
    site: 'london',
    title: 'London, trusted node',
    kind: 'trusted-node',
    place: { latitude: 51.5072, longitude: -0.1276 },
  },
  {
    site: 'cambridge',
    title: 'Cambridge',
    kind: 'hospital',
    place: { latitude: 52.2053, longitude: 0.1218 },
  },
  {
    site: 'ipswich',
    title: 'Ipswich',
    kind: 'hospital',
    place: { latitude: 52.0567, longitude: 1.1482 },
  },
  // A kilometre from the place that stands for Cambridge; no building of anybody.
  {
    site: 'campus',
    title: 'Campus, a building at Cambridge',
    kind: 'hospital',
    place: { latitude: 52.1966, longitude: 0.1291 },
  },
] as const

/** The devices of every link of the demo. */
export const PRESET = 'cambridge-metro'

/**
 * The first is the link that the acts are about, as quick as the machine can be. The others grow
 * keys beside it, a block in some seconds.
 */
export const LINKS: readonly {
  readonly a: string
  readonly b: string
  /** Left out: what this machine simulates in real time. */
  readonly clockHz?: number
  /** Left out: that of the preset. */
  readonly path?: FibrePath
}[] = [
  { a: 'bristol', b: 'cambridge' },
  { a: 'bristol', b: 'london', clockHz: 25e6 },
  { a: 'london', b: 'cambridge', clockHz: 25e6 },
  { a: 'cambridge', b: 'ipswich', clockHz: 25e6 },
  // Less loss: as many keys from fewer pulses. Length, loss and stray light are assumed.
  {
    ...{ a: 'cambridge', b: 'campus', clockHz: 10e6 },
    path: { lengthKm: 1.1, lossDb: 0.8, backgroundProbability: 1e-7 },
  },
]

/** Which pair shares relayed keys. So few at a time that the audience sees new ones come. */
export const PAIR = {
  ...{ ends: ['bristol', 'ipswich'], shares: 2, sharesLeast: 1 },
  ...{ blockOctets: 256, targetBits: 2048 },
} as const
