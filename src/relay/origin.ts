/**
 * What is noted of a relayed block: the same at both ends, from how its shares came.
 *
 * The bits of shares are random octets of the sending site; what the links add is that nobody
 * between two neighbours sees them. So a share is worth what its weakest pad is worth, a block what
 * its weakest share is, and the ε of all pads add.
 *
 * @module
 */

import { assert, weakestSource, type SiteId } from '#base'
import type { Origin } from '#keystore'
import type { RelayOptions } from './context.ts'
import type { ShareStory } from './messages.ts'
import { RelayRefusal } from './refusal.ts'

/** The origin of a block that came like this, from the first to the last site of each way. */
export function originOf(story: readonly ShareStory[]): Origin {
  const shares = story.map(shareOf)
  const [from, to] = endsOf(story)
  return {
    source: weakest(shares.map(({ source }) => source)),
    randomness: 'operating-system',
    authentication: 'relay-wrap',
    assumptions: ['relayed', 'trusted-nodes'],
    epsilon: sum(shares.map(({ epsilon }) => epsilon)),
    seenBy: [from, to],
    shares,
  }
}

/** The same, if an end wants the block. @throws RelayRefusal `RELAY_ORIGIN_REFUSED` */
export function acceptedOrigin(
  { accepts }: Pick<RelayOptions, 'accepts'>,
  story: readonly ShareStory[],
): Origin {
  const origin = originOf(story)
  if (accepts(origin)) return origin
  throw new RelayRefusal('RELAY_ORIGIN_REFUSED', 'Declared nodes lie on every way of the block')
}

function shareOf({ way, trail }: ShareStory): NonNullable<Origin['shares']>[number] {
  return {
    way: [...way],
    // The two ends of a pad know it, and so may whoever its provenance names.
    heldBy: [...new Set([...way, ...trail.flatMap(({ seenBy }) => seenBy)])],
    source: weakest(trail.map(({ source }) => source)),
    epsilon: sum(trail.map(({ epsilon }) => epsilon)),
  }
}

function endsOf(story: readonly ShareStory[]): readonly [SiteId, SiteId] {
  const way = story.at(0)?.way
  assert(way !== undefined && way.length >= 2, 'a relayed block has shares, and each has a way')
  return [way[0], way[way.length - 1]]
}

function weakest(sources: readonly Origin['source'][]): Origin['source'] {
  const found = weakestSource(sources)
  assert(found !== undefined, 'a share has a pad')
  return found
}

const sum = (values: readonly number[]): number =>
  Math.min(
    1,
    values.reduce((total, one) => total + one, 0),
  )
