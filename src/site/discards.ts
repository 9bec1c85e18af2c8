/**
 * Tells a peer of blocks that this end has given up, so that it gives them up as well.
 *
 * A peer that is not told, or away, finds out when it wants to use one: that is refused, and costs
 * an attempt for each block. A peer that lies about it spoils no pool but the one it shares.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  linkId,
  Text,
  toCbor,
  Type,
  Whole,
  type LinkId,
  type Log,
  type SiteId,
} from '#base'
import type { Keystore, Position, SurveyedBlock } from '#keystore'
import type { Peers } from './peers.ts'

export interface DiscardsInput {
  readonly keystore: Keystore
  readonly peers: Pick<Peers, 'serve' | 'request'>
  readonly log: Log
}

/** Answers peers that have given up blocks. */
export function serveDiscards({ keystore, peers, log }: DiscardsInput): void {
  peers.serve('keys/discarded', async (from, octets) => {
    const { link, blocks } = openDiscarded(octets)
    const isShared = keystore.pool(from).links.some((one) => one.link === link)
    if (isShared) {
      log.write('warning', 'keys.discarded-by-peer', { from, link, blocks: blocks.length })
      for (const [epoch, sequence] of blocks) {
        const position = { epoch, sequence }
        await keystore.voidBlock({ link: linkId(link), position, cause: 'discarded by the peer' })
      }
    }
    return new Uint8Array(0)
  })
}

/** Gives up blocks here, then at their other ends, as far as these can be reached. */
export async function discardBlocks(
  { keystore, peers, log }: DiscardsInput,
  blocks: readonly SurveyedBlock[],
  cause: string,
): Promise<void> {
  for (const { link, epoch, sequence } of blocks) {
    await keystore.voidBlock({ link, position: { epoch, sequence }, cause })
  }
  for (const [link, some] of Map.groupBy(blocks, (block) => block.link)) {
    void tell(peers, some[0].peer, link, some).catch(() => {
      log.write('info', 'keys.discard-not-told', { link, peer: some[0].peer })
    })
  }
}

async function tell(
  peers: DiscardsInput['peers'],
  peer: SiteId,
  link: LinkId,
  blocks: readonly Position[],
): Promise<void> {
  for (let at = 0; at < blocks.length; at += BLOCKS_MAX) {
    const some = blocks.slice(at, at + BLOCKS_MAX)
    const places = some.map(({ epoch, sequence }) => [epoch, sequence])
    await peers.request(peer, 'keys/discarded', toCbor({ link, blocks: places }))
  }
}

/** Blocks in one message: their voiding must end before the answer is given up. */
const BLOCKS_MAX = 64
const openDiscarded = cborDoor(
  Exactly({
    link: Text(128, 1),
    blocks: Type.Array(Type.Tuple([Whole(0), Whole(0)]), { maxItems: BLOCKS_MAX }),
  }),
  'blocks that a peer has given up',
  BLOCKS_MAX * 32 + 256,
)
