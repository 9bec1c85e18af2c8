/**
 * Max-min fair rates: nobody can have more without somebody who has no more having less.
 *
 * Water-filling (Bertsekas, Gallager, Data Networks, §6.5.2): all rates rise together until a link
 * is full; whoever crosses it stays where it is, the others rise on. Exact for fixed ways.
 *
 * @module
 */

/** How much of a link one bit of key takes. */
export interface Use {
  readonly link: number
  readonly bitsPerBit: number
}

export interface FairShare {
  /** Bits of key a second; 0 for a demand that uses no link. */
  readonly rate: number
  /** The link that keeps it from rising; undefined for a demand that uses none. */
  readonly bottleneck: number | undefined
}

/**
 * Shares links among demands.
 *
 * @param demands     of each, the links it uses, none twice
 * @param capacities  of each link, bits a second
 */
export function fairShares(
  demands: readonly (readonly Use[])[],
  capacities: readonly number[],
): readonly FairShare[] {
  const left = [...capacities]
  const shares: FairShare[] = demands.map(() => ({ rate: 0, bottleneck: undefined }))
  let open = [...demands.keys()].filter((at) => demands[at].length > 0)
  let level = 0
  while (open.length > 0) {
    const taken = takenBy(
      open.map((at) => demands[at]),
      capacities.length,
    )
    const full = firstFull(left, taken)
    const step = left[full] / taken[full]
    level += step
    for (const [link, bits] of taken.entries()) left[link] -= step * bits
    left[full] = 0
    for (const at of open) {
      if (crosses(demands[at], full)) shares[at] = { rate: level, bottleneck: full }
    }
    open = open.filter((at) => !crosses(demands[at], full))
  }
  return shares
}

const crosses = (demand: readonly Use[], link: number): boolean =>
  demand.some((use) => use.link === link)

/** Bits of each link that one bit of every open demand takes together. */
function takenBy(open: readonly (readonly Use[])[], links: number): readonly number[] {
  const taken = new Array<number>(links).fill(0)
  for (const { link, bitsPerBit } of open.flat()) taken[link] += bitsPerBit
  return taken
}

/** The link that is full first when all open demands rise together. */
function firstFull(left: readonly number[], taken: readonly number[]): number {
  const times = left.map((bits, at) => (taken[at] > 0 ? bits / taken[at] : Infinity))
  return times.indexOf(Math.min(...times))
}
