/**
 * What single sites would learn of the keys of pairs, by the rules of the relay room.
 *
 * Each way becomes the provenance that a key relayed over it would have. The processes of simulated
 * fibres, which know every key of their links, are left out: they stand for glass.
 *
 * @module
 */

import { linkId, siteId } from '#base'
import { linkNameOf, type PlannedExposure } from '#contract'
import type { ProvenancePart } from '#keystore'
import { exposureOf, smallestCoalition } from '#relay'
import type { RatedPair } from './rated-network.ts'

/** What each site, compromised alone, would learn. */
export function exposures(
  sites: readonly string[],
  pairs: readonly RatedPair[],
): readonly PlannedExposure[] {
  const supplied = pairs.filter(({ ways }) => ways.length > 0)
  return sites.map((site) => {
    const learnt = supplied.map((pair) => {
      const adversary = { compromised: new Set([site]), breaksWrap: false }
      const { exposure } = exposureOf({ parts: [partOf(pair)] }, adversary)
      return { name: linkNameOf(pair.pair), exposure }
    })
    const of = (wanted: string): readonly string[] =>
      learnt.filter(({ exposure }) => exposure === wanted).map(({ name }) => name)
    return {
      site,
      own: of('key').length,
      wrapped: of('wrapped'),
      shares: of('shares'),
      nothing: of('nothing').length,
    }
  })
}

/** Fewest sites that must work together until only the wrap is left; null where none stands between. */
export function coalitionOf(pair: RatedPair): number | null {
  if (pair.isDirect || pair.ways.length === 0) return null
  return smallestCoalition(partOf(pair))?.length ?? null
}

/** What the ends would note of a key of the pair. */
function partOf({ pair, ways, isDirect }: RatedPair): ProvenancePart {
  const ends = [pair.a, pair.b].toSorted()
  return {
    ...{ source: 'simulated', randomness: 'operating-system', authentication: 'relay-wrap' },
    ...{ assumptions: [], epsilon: 0, seenBy: ends },
    ...{ link: linkId(linkNameOf(pair)), epoch: 0, sequence: 0, offset: 0, octets: 32 },
    ...{ from: siteId(pair.a), to: siteId(pair.b) },
    ...(isDirect
      ? {}
      : {
          shares: ways.map((way) => ({
            ...{ way: [...way], heldBy: [...way] },
            ...{ source: 'simulated' as const, epsilon: 0 },
          })),
        }),
  }
}
