/**
 * What one more fibre, or one more node on a bottleneck, would bring.
 *
 * Tries every fibre that does not exist yet, as long as streets usually make it, and a trusted node
 * half-way on every link that is used up. First what gives pairs a further way, then what gives most to
 * the pair that has least. Says nothing of what digging costs.
 *
 * @module
 */

import { linkNameOf, type Extension, type NetworkFile } from '#contract'
import { newFibre, straightKm, withNodeOn } from './changes.ts'
import { joins, ratedNetwork, type RateCache, type RatedNetwork } from './rated-network.ts'

/** The best extensions of a network, fibres before nodes. */
export function extensionsOf(
  file: NetworkFile,
  base: RatedNetwork,
  cache: RateCache,
): readonly Extension[] {
  const before = standingOf(base)
  const judged = (kind: Extension['kind'], what: string, length: Lengths, more: NetworkFile) => {
    const after = standingOf(ratedNetwork(more, cache))
    return {
      ...{ kind, what, ...length, waysGained: after.ways - before.ways },
      least: { before: before.least, after: after.least },
      total: { before: before.total, after: after.total },
    }
  }
  const fibres = candidates(file).map(({ a, b, lengthKm }) => {
    const link = newFibre(a, b, lengthKm)
    const what = `${linkNameOf(link)}:${String(lengthKm)}`
    const more = { ...file, links: [...file.links, link] }
    return judged('fibre', what, { lengthKm, lossDb: link.lossDb.value }, more)
  })
  const nodes = base.links
    .filter(({ link, ...rest }) => link.medium === 'fibre' && isFull(rest))
    .map(({ link }) => {
      const length = { lengthKm: link.lengthKm.value, lossDb: link.lossDb.value }
      return judged('node', linkNameOf(link), length, withNodeOn(file, link))
    })
  return [...best(fibres), ...best(nodes)]
}

type Lengths = Pick<Extension, 'lengthKm' | 'lossDb'>

/** What networks are compared by. */
const standingOf = ({ pairs }: RatedNetwork) => ({
  ways: pairs.reduce((sum, { ways, isDirect, pair }) => {
    // Nobody stands on a link of their own, so it is worth as many ways as were asked for.
    return sum + (isDirect ? pair.shares : ways.length)
  }, 0),
  least: Math.min(...pairs.map(({ rate }) => rate)),
  total: pairs.reduce((sum, { rate }) => sum + rate, 0),
})

/** Fibres that are not there, the shortest first. */
function candidates({ nodes, links }: NetworkFile) {
  const found = nodes.flatMap((one, at) =>
    nodes.slice(at + 1).flatMap((other) => {
      if (links.some((link) => joins(link, one.site, other.site))) return []
      const lengthKm = Number(Math.max(0.1, DETOUR * straightKm(one, other)).toFixed(1))
      return lengthKm > LENGTH_KM_MAX ? [] : [{ a: one.site, b: other.site, lengthKm }]
    }),
  )
  return found.toSorted((one, other) => one.lengthKm - other.lengthKm).slice(0, CANDIDATES_MAX)
}

const isFull = ({
  rate,
  usedBitsPerSecond,
}: Omit<RatedNetwork['links'][number], 'link'>): boolean =>
  usedBitsPerSecond > 0 && usedBitsPerSecond >= rate.secretBitsPerSecond * (1 - 1e-9)

/** Those that bring something: ways first, as long as nobody pays too much for them, then rates. */
function best(extensions: readonly Extension[]): readonly Extension[] {
  const byRate = (one: Extension, other: Extension): number =>
    other.least.after - one.least.after ||
    other.total.after - one.total.after ||
    one.lengthKm - other.lengthKm
  const ways = extensions
    .filter(({ waysGained, least }) => waysGained > 0 && least.after >= least.before * BEARABLE)
    .toSorted((one, other) => other.waysGained - one.waysGained || byRate(one, other))
  const rates = extensions
    .filter(({ waysGained, least }) => waysGained === 0 && least.after > least.before * WORTHWHILE)
    .toSorted(byRate)
  return [...ways.slice(0, SHOWN_MAX), ...rates.slice(0, SHOWN_MAX)]
}

/** Fibre over straight line: 410 km and 125 km of the two published routes are 1.6 of theirs. */
const DETOUR = 1.6
/** Beyond, a link of these devices gives next to nothing. */
const LENGTH_KM_MAX = 130
const CANDIDATES_MAX = 500
const SHOWN_MAX = 3
/** A second way over a poor link slows the pair down: what is left of the least rate at least. */
const BEARABLE = 0.5
const WORTHWHILE = 1.01
