/**
 * Voiding blocks: their bits shall never be keys, whatever state they are in.
 *
 * @module
 */

import { refusedWith, type Statement } from '#base'
import { doomAll } from './destruction.ts'
import { revokeLotsOf } from './lot-rows.ts'
import { leaf, nowOf, type Room } from './room.ts'
import { dequeue, isLive, placeOf, recount, type Block } from './state.ts'
import { setBlockState } from './tables.ts'

/**
 * Voids blocks, whatever is left of them, in one commit. Those that are over stay as they are.
 *
 * Where somebody else settles one of them at the same moment (both ends give up the same blocks, and
 * tell each other), what is left is voided then.
 */
export async function voidBlocks(
  room: Room,
  blocks: readonly Block[],
  cause: string,
): Promise<void> {
  for (;;) {
    const live = blocks.filter(isLive)
    if (live.length === 0) return
    const states = live.map(({ state }) => state)
    try {
      await voidLive(room, live, cause)
      return
    } catch (error) {
      const isOvertaken = live.some(({ state }, at) => state !== states[at])
      if (!isOvertaken || !refusedWith(error, 'STORE_CONFLICT')) throw error
    }
  }
}

async function voidLive(room: Room, live: readonly Block[], cause: string): Promise<void> {
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
