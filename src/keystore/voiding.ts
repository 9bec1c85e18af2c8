/**
 * Voiding blocks: their bits shall never be keys, whatever state they are in.
 *
 * @module
 */

import type { Statement } from '#base'
import { doomAll } from './destruction.ts'
import { revokeLotsOf } from './lot-rows.ts'
import { leaf, nowOf, type Room } from './room.ts'
import { dequeue, placeOf, recount, type Block } from './state.ts'
import { setBlockState } from './tables.ts'

/** Voids blocks, whatever is left of them, in one commit. Those that are over stay as they are. */
export async function voidBlocks(
  room: Room,
  blocks: readonly Block[],
  cause: string,
): Promise<void> {
  const live = blocks.filter(({ state }) => state === 'held' || state === 'available')
  if (live.length === 0) return
  const at = nowOf(room)
  const links = new Set(live.map((block) => block.link))
  await room.store.commit([
    ...[...links].flatMap(({ link }) => revokeLotsOf(room, link)),
    ...live.flatMap((block): readonly Statement[] => {
      const { epoch, sequence, state } = block
      const { link } = block.link
      return [
        setBlockState(room.site, placeOf(block), { from: state, to: 'voided', at }),
        leaf(room, 'key.block-voided', link, { link, epoch, sequence, cause }),
      ]
    }),
  ])
  for (const block of live) {
    block.state = 'voided'
    block.settledAt = at
    dequeue(block)
    doomAll(room, block)
  }
  for (const link of links) {
    recount(link)
    room.onChange(link.peer)
  }
}
