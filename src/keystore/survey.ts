/**
 * Every block that the key store remembers, with where its bits come from and what became of them:
 * for whoever computes what an adversary knows.
 *
 * Blocks that are over are remembered for as long as their tombstones, so what was given out in that
 * time is counted too; of older keys the store knows nothing more.
 *
 * @module
 */

import { bind, keyId, statement, type KeyId, type LinkId, type SiteId } from '#base'
import type { Provenance } from './provenance.ts'
import type { Room } from './room.ts'
import { freeOwn, isQuarantined, type Position } from './state.ts'
import { blockRow, db, textIn, type BlockState } from './tables.ts'

/** A block as it stands. */
export interface SurveyedBlock extends Position {
  readonly link: LinkId
  readonly peer: SiteId
  readonly state: BlockState
  readonly quarantined: boolean
  /** Of all its bits. */
  readonly provenance: Provenance
  /** Octets that either end may still give out. */
  readonly freeOctets: number
  /** Octets that either end has given out or reserved, passed over or withdrawn. */
  readonly givenOctets: number
}

/** All blocks, those that are over included. */
export function survey(room: Room): readonly SurveyedBlock[] {
  return [...room.links.values()].flatMap((link) =>
    [...link.blocks.values()].map((block) => {
      const { epoch, sequence, state, origin, layout, allocated, activated } = block
      const isOpen = state === 'available' || state === 'held'
      const theirs = layout.halfOctets - activated.total
      const place = { link: link.link, epoch, sequence, offset: 0, octets: 2 * layout.halfOctets }
      const part = { ...origin, ...place, from: link.site, to: link.peer }
      return {
        ...{ link: link.link, peer: link.peer, epoch, sequence, state },
        provenance: { parts: [part] },
        quarantined: isQuarantined(block),
        freeOctets: isOpen ? freeOwn(block) + theirs : 0,
        givenOctets: allocated + activated.total,
      }
    }),
  )
}

/**
 * Keys that the peer has made, whose last octets come from this block: waiting here, fetched, or over.
 *
 * Of keys that this end has made, only the log knows the block's link: `key.reserved`.
 */
export async function keysOfBlock(
  { site, store }: Room,
  { link, epoch, sequence }: Position & { readonly link: LinkId },
): Promise<readonly KeyId[]> {
  const rows = await store.read(bind(SELECT, site, link, epoch, sequence, KEYS_MAX))
  return rows.map((row) => keyId(textIn(row['key_id'])))
}

/** Keys of one block that are named. */
const KEYS_MAX = 1000
const SELECT = statement(
  db
    .selectFrom('keystore_key')
    .select('key_id')
    .where('site_id', '=', '')
    .where('link', '=', blockRow.link)
    .where('epoch', '=', blockRow.epoch)
    .where('sequence', '=', blockRow.sequence)
    .orderBy('key_id')
    .limit(1),
)
