/**
 * What two ends tell each other before one of them makes blocks for both: an epoch, the blocks that
 * each holds, and its high-water mark. From the same two reports both decide what becomes of each
 * block that was under way.
 *
 * @module
 */

import type { LinkId, SiteId } from '#base'
import type { Keystore } from './keystore.ts'

/** One end's part. */
export interface Opening {
  readonly epoch: number
  /** `Keystore.blockReport`. */
  readonly blocks: Uint8Array
  /** `Keystore.highWater`. */
  readonly mark: Uint8Array
}

/** Which link, and who is at its other end. */
export interface OpeningEnds {
  readonly link: LinkId
  readonly peer: SiteId
}

/** What the asking end tells. */
export async function askingOpening(keystore: Keystore, link: LinkId): Promise<Opening> {
  const mark = await keystore.highWater(link)
  return { epoch: keystore.epoch(link), blocks: keystore.blockReport(link), mark }
}

/**
 * Settles at the answering end, and begins an epoch that neither end has used.
 *
 * @returns what it tells; undefined if a later question was answered before: what this one says of
 *          blocks was true once, and would by now void what has been made since
 */
export async function answeringOpening(
  keystore: Keystore,
  { link, peer }: OpeningEnds,
  asked: Opening,
): Promise<Opening | undefined> {
  const { kind } = await keystore.compareHighWater(peer, asked.mark)
  if (kind === 'stale' || kind === 'repeated') return undefined
  // Reports are made before either end settles: both decide from the same two.
  const blocks = keystore.blockReport(link)
  await keystore.settle(link, asked.blocks)
  const epoch = Math.max(asked.epoch, keystore.epoch(link)) + 1
  await keystore.beginEpoch(link, epoch)
  return { epoch, blocks, mark: await keystore.highWater(link) }
}

/** Settles at the asking end, and begins the epoch. @returns the place of the first block */
export async function settledOpening(
  keystore: Keystore,
  { link, peer }: OpeningEnds,
  answer: Opening,
): Promise<{ readonly epoch: number; sequence: number }> {
  await keystore.compareHighWater(peer, answer.mark)
  await keystore.settle(link, answer.blocks)
  await keystore.beginEpoch(link, answer.epoch)
  return { epoch: answer.epoch, sequence: 0 }
}
