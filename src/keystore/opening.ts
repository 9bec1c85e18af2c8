/**
 * What two ends tell each other before one of them makes blocks for both: an epoch, the blocks that
 * each holds, and its high-water mark. From the same two reports both decide what becomes of each
 * block that was under way.
 *
 * @module
 */

import type { LinkId, SiteId } from '#base'
import type { Keystore } from './keystore.ts'

/** What one end says of its blocks. */
export interface Holdings {
  /** `Keystore.blockReport`. */
  readonly blocks: Uint8Array
  /** `Keystore.highWater`. */
  readonly mark: Uint8Array
}

/** One end's part, where it is settled which epoch begins as well. */
export interface Opening extends Holdings {
  readonly epoch: number
}

/** Which link, and who is at its other end. */
export interface OpeningEnds {
  readonly link: LinkId
  readonly peer: SiteId
}

/** What the asking end tells of its blocks. */
export const holdingsAt = async (keystore: Keystore, link: LinkId): Promise<Holdings> => ({
  blocks: keystore.blockReport(link),
  mark: await keystore.highWater(link),
})

/**
 * Settles at the answering end.
 *
 * @param quiesce  ends what still makes blocks; called once the question is found to be the latest
 * @returns what it tells of its blocks; undefined if a later question was answered before: what this
 *          one says of blocks was true once, and would by now void what has been made since
 */
export async function answeringHoldings(
  keystore: Keystore,
  { link, peer }: OpeningEnds,
  asked: Holdings,
  quiesce: () => Promise<void> = () => Promise.resolve(),
): Promise<Uint8Array | undefined> {
  const { kind } = await keystore.compareHighWater(peer, asked.mark)
  if (kind === 'stale' || kind === 'repeated') return undefined
  await quiesce()
  // Reports are made before either end settles: both decide from the same two.
  const blocks = keystore.blockReport(link)
  await keystore.settle(link, asked.blocks)
  return blocks
}

/** Settles at the asking end. */
export async function settleHoldings(
  keystore: Keystore,
  { link, peer }: OpeningEnds,
  answer: Holdings,
): Promise<void> {
  await keystore.compareHighWater(peer, answer.mark)
  await keystore.settle(link, answer.blocks)
}

/** What the asking end tells. */
export const askingOpening = async (keystore: Keystore, link: LinkId): Promise<Opening> => ({
  epoch: keystore.epoch(link),
  ...(await holdingsAt(keystore, link)),
})

/**
 * Settles at the answering end, and begins an epoch that neither end has used.
 *
 * @returns what it tells; undefined as of `answeringHoldings`
 */
export async function answeringOpening(
  keystore: Keystore,
  ends: OpeningEnds,
  asked: Opening,
): Promise<Opening | undefined> {
  const { link } = ends
  const blocks = await answeringHoldings(keystore, ends, asked)
  if (blocks === undefined) return undefined
  const epoch = Math.max(asked.epoch, keystore.epoch(link)) + 1
  await keystore.beginEpoch(link, epoch)
  return { epoch, blocks, mark: await keystore.highWater(link) }
}

/** Settles at the asking end, and begins the epoch. @returns the place of the first block */
export async function settledOpening(
  keystore: Keystore,
  ends: OpeningEnds,
  answer: Opening,
): Promise<{ readonly epoch: number; sequence: number }> {
  await settleHoldings(keystore, ends, answer)
  await keystore.beginEpoch(ends.link, answer.epoch)
  return { epoch: answer.epoch, sequence: 0 }
}
