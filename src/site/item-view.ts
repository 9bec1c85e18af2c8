/**
 * How an item is shown: every way it took from site to site, and what it is worth for all of them.
 *
 * @module
 */

import { fromCbor } from '#base'
import type { ItemView, ProtectionView } from '#contract'
import { readProtection, weakestProtection, type Protection } from '#session'
import type { Item } from '#vault'
import { STANDINGS, type Judge } from './judgement.ts'

/**
 * An item that the vault has verified: one that does not verify is refused there.
 *
 * It is shown with the way that rests on the least now, and of several such with the one that was
 * weakest from the beginning.
 */
export async function itemView(item: Item, judge: Judge): Promise<ItemView> {
  const { object, version, octets, hash, origin, storedAt } = item
  const ways = item.protections.map(({ record }) => protectionIn(record))
  const views: ProtectionView[] = []
  for (const way of ways) views.push(await judge.view(way, [origin]))
  return {
    ...{ object, version, octets, hash, origin, storedAt },
    protection: weakestOf(ways, views),
    protections: views,
    verified: true,
  }
}

/** The record of a session's protection; it was checked when it was kept. */
export const protectionIn = (record: Uint8Array): Protection =>
  readProtection(fromCbor(record, RECORD_OCTETS_MAX))

function weakestOf(
  ways: readonly Protection[],
  views: readonly ProtectionView[],
): ProtectionView | null {
  const ranks = views.map(({ standing }) => STANDINGS.indexOf(standing))
  const [first, ...others] = ways.filter((_, at) => ranks[at] === Math.min(...ranks))
  if (ways.length === 0) return null
  return views[ways.indexOf(weakestProtection(first, ...others))]
}

const RECORD_OCTETS_MAX = 8192
