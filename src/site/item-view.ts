/**
 * How an item is shown: every way it took from site to site, and what it is worth for all of them.
 *
 * @module
 */

import { fromCbor } from '#base'
import type { ItemView, ProtectionView } from '#contract'
import { readProtection, weakestProtection, type Protection } from '#session'
import type { Item } from '#vault'

/** An item that the vault has verified: one that does not verify is refused there. */
export function itemView(item: Item): ItemView {
  const { object, version, octets, hash, origin, storedAt } = item
  const ways = item.protections.map(({ record }) => protectionIn(record))
  const [first, ...others] = ways
  return {
    ...{ object, version, octets, hash, origin, storedAt },
    protection: ways.length === 0 ? null : viewOf(weakestProtection(first, ...others)),
    protections: ways.map(viewOf),
    verified: true,
  }
}

/** The record of a session's protection as the API shows it; it was checked when it was kept. */
export const protectionView = (record: Uint8Array): ProtectionView => viewOf(protectionIn(record))

const protectionIn = (record: Uint8Array): Protection =>
  readProtection(fromCbor(record, RECORD_OCTETS_MAX))

const viewOf = ({ keyIds, ...rest }: Protection): ProtectionView => ({
  ...rest,
  keyIds: [...keyIds],
})

const RECORD_OCTETS_MAX = 8192
