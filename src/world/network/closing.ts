/**
 * What must hold of a simulated network when all faults are over and all is quiet.
 *
 * Conservation of bits, link by link and block by block: what was grown is what is free, what became
 * keys or pads, and what was given up, no bit more and no bit less, and both ends count the same.
 *
 * @module
 */

import type { LinkId, SiteId } from '#base'
import type { SurveyedBlock } from '#keystore'
import { nameOf, type Accounts, type BookedBlock } from './accounts.ts'
import type { NetworkNode } from './node.ts'

/** Bits of all links together, at the end. */
export interface Balance {
  /** Octets that both ends had, and what has become of them. */
  grown: number
  free: number
  claimed: number
  givenUp: number
}

/** A link of the key stores, of a fibre or of relayed blocks, and its two ends. */
export interface BalancedLink {
  readonly link: LinkId
  readonly ends: readonly [NetworkNode, NetworkNode]
}

/** Balances the books of all links. */
export function balance(accounts: Accounts, links: readonly BalancedLink[]): Balance {
  const sum: Balance = { grown: 0, free: 0, claimed: 0, givenUp: 0 }
  const surveys = new Map<SiteId, ReadonlyMap<LinkId, ReadonlyMap<string, SurveyedBlock>>>()
  for (const { ends } of links) {
    for (const node of ends) if (!surveys.has(node.site)) surveys.set(node.site, surveyOf(node))
  }
  for (const { link, ends } of links) {
    for (const [name, block] of accounts.blocks.get(link) ?? []) {
      balanceBlock(accounts, sum, {
        ...{ block, name: `${link} ${name}` },
        ends: ends.map(({ site }) => [site, surveys.get(site)?.get(link)?.get(name)] as const),
      })
    }
  }
  return sum
}

function balanceBlock(
  accounts: Accounts,
  sum: Balance,
  about: {
    readonly block: BookedBlock
    readonly name: string
    /** What each end remembers of it, if anything. */
    readonly ends: readonly (readonly [SiteId, SurveyedBlock | undefined])[]
  },
): void {
  const { block, name, ends } = about
  const grown = 2 * block.halfOctets
  const claimed = claimedOf(block)
  sum.grown += grown
  sum.claimed += claimed
  if (block.voidedAt.size > 0) {
    sum.givenUp += grown - claimed
    const revived = ends.filter(([site, one]) => {
      return block.voidedAt.has(site) && (one?.freeOctets ?? 0) > 0
    })
    accounts.check('blocks given up stay so', revived.length === 0, () => name)
    return
  }
  const [free, other] = ends.map(([, one]) => one?.freeOctets ?? 0)
  accounts.check('both ends count the same', free === other, () => {
    return `${name}: ${String(free)} and ${String(other)} octets`
  })
  sum.free += free
  if (block.isExcluded) sum.givenUp += grown - claimed - free
  else {
    accounts.check('bits are conserved', grown === free + claimed, () => {
      return `${name}: ${String(grown)} grown, ${String(free)} free, ${String(claimed)} claimed`
    })
  }
}

const claimedOf = ({ claims }: BookedBlock): number =>
  [...claims.values()].flat().reduce((total, [from, to]) => total + to - from, 0)

function surveyOf({ run }: NetworkNode): ReadonlyMap<LinkId, ReadonlyMap<string, SurveyedBlock>> {
  const found = new Map<LinkId, Map<string, SurveyedBlock>>()
  for (const block of run?.keystore.survey() ?? []) {
    const ofLink = found.get(block.link) ?? new Map<string, SurveyedBlock>()
    found.set(block.link, ofLink.set(nameOf(block), block))
  }
  return found
}
