/**
 * Stocks of keys over the last minutes, as the site has told them: what a forecast rests on.
 *
 * @module
 */

import { growthOf, type Level } from './network-model.ts'

const levels = new Map<string, readonly Level[]>()

/** Notes what the site has just said of one stock. @param stock   `poolOf` or `linkOf` a name */
export function noteLevel(stock: string, bits: number): void {
  const at = Date.now()
  const before = levels.get(stock) ?? []
  levels.set(stock, [...before.filter((one) => at - one.at <= LOOK_BACK_MS), { at, bits }])
}

/** Bits a second by which a stock has grown, over the last five minutes at most. */
export const stockGrowth = (stock: string): number | null => growthOf(levels.get(stock) ?? [])

/** Keys that this site may give out, shared with a peer. */
export const poolOf = (peer: string): string => `pool ${peer}`

/** Keys of a link that both its ends may give out. */
export const linkOf = (link: string): string => `link ${link}`

const LOOK_BACK_MS = 300_000
