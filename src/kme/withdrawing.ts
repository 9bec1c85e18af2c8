/**
 * Carrying withdrawals to the peer until it has confirmed them.
 *
 * @module
 */

import { type SiteId } from '#base'
import { BATCH_MAX, batchOctets, readWithdrawalAnswer } from './peering.ts'
import { KmeRefusal } from './refusal.ts'
import type { Supply } from './supply.ts'

/**
 * Sends all pending withdrawals to a peer; one exchange at a time for each.
 *
 * @throws KmeRefusal `KME_PEER_UNREACHABLE` while the peer does not confirm them
 */
export function sendVoids(supply: Supply, peer: SiteId): Promise<void> {
  const under = supply.voiding.get(peer)
  if (under !== undefined) return under
  const sending = send(supply, peer).finally(() => supply.voiding.delete(peer))
  supply.voiding.set(peer, sending)
  return sending
}

async function send(supply: Supply, peer: SiteId): Promise<void> {
  const { keystore, peer: transport, partners } = supply
  if (partners?.has(peer) === true) return partners.sendVoids(peer)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const pending = keystore.pendingVoids(peer).slice(0, BATCH_MAX)
    if (pending.length === 0) return
    let answers
    try {
      const batch = batchOctets(pending.map(({ message }) => message))
      answers = readWithdrawalAnswer(await transport.void(peer, batch))
    } catch (cause) {
      throw unreachable(cause)
    }
    if (answers.length !== pending.length) throw unreachable()
    for (const [at, answer] of answers.entries()) {
      if (answer === 'failed') throw unreachable()
      await keystore.settleVoid(pending[at].id, answer)
    }
  }
}

const unreachable = (cause?: unknown): KmeRefusal =>
  new KmeRefusal('KME_PEER_UNREACHABLE', 'The KME of the slave SAE does not answer', { cause })

/** Messages in one go: with the limit of each, 4,096 withdrawals. */
const ROUNDS_MAX = 64
