/**
 * The network of the demo: who takes part, and which fibres join them.
 *
 * ```
 *   bristol ─── cambridge ─── ipswich
 *       ╲        ╱
 *        london              every fibre as the span of the Cambridge metro network
 * ```
 *
 * @module
 */

/** In this order: Bristol, London, Cambridge, Ipswich. London passes on keys, and has no records. */
export const SITES = [
  { site: 'bristol', kind: 'hospital', place: { latitude: 51.4545, longitude: -2.5879 } },
  { site: 'london', kind: 'trusted-node', place: { latitude: 51.5072, longitude: -0.1276 } },
  { site: 'cambridge', kind: 'hospital', place: { latitude: 52.2053, longitude: 0.1218 } },
  { site: 'ipswich', kind: 'hospital', place: { latitude: 52.0567, longitude: 1.1482 } },
] as const

/** What every link of the demo is like. */
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
}[] = [
  { a: 'bristol', b: 'cambridge' },
  { a: 'bristol', b: 'london', clockHz: 25e6 },
  { a: 'london', b: 'cambridge', clockHz: 25e6 },
  { a: 'cambridge', b: 'ipswich', clockHz: 25e6 },
]

/** Which pair shares relayed keys. So few at a time that the audience sees new ones come. */
export const PAIR = {
  ...{ ends: ['bristol', 'ipswich'], shares: 2, sharesLeast: 1 },
  ...{ blockOctets: 256, targetBits: 2048 },
} as const
