/**
 * The peer's side: activations and withdrawals of another KME, checked and taken.
 *
 * The sender is known by its connection. It may activate keys only for masters of its own site and
 * slaves of this one; which bits it may name is the key store's to check.
 *
 * @module
 */

import { AssertionFailure, Refusal, type SiteId } from '#base'
import { readActivation, readWithdrawal, type ReceivedActivation } from '#keystore'
import {
  activationAnswerOctets,
  readBatch,
  withdrawalAnswerOctets,
  type ActivationAnswer,
  type WithdrawalAnswer,
} from './peering.ts'
import type { Supply } from './supply.ts'

/** Takes a batch of activations; the octets of the answer. @throws Refusal if it cannot be read */
export async function acceptActivations(
  supply: Supply,
  from: SiteId,
  octets: Uint8Array,
): Promise<Uint8Array> {
  // Read all before any is taken: a batch that is malformed anywhere does nothing.
  const activations = readBatch(octets).map(readActivation)
  const answers = await Promise.all(activations.map((one) => accept(supply, from, one)))
  return activationAnswerOctets(answers)
}

/** Takes a batch of withdrawals; the octets of the answer. @throws Refusal if it cannot be read */
export async function acceptWithdrawals(
  supply: Supply,
  from: SiteId,
  octets: Uint8Array,
): Promise<Uint8Array> {
  const withdrawals = readBatch(octets).map(readWithdrawal)
  const answers = await Promise.all(
    withdrawals.map((one): Promise<WithdrawalAnswer> =>
      supply.keystore.withdraw(from, one).catch((error: unknown) => failed(supply, error)),
    ),
  )
  return withdrawalAnswerOctets(answers)
}

async function accept(
  supply: Supply,
  from: SiteId,
  activation: ReceivedActivation,
): Promise<ActivationAnswer> {
  const { site, directory, keystore } = supply
  const { master, slaves } = activation
  const ours = slaves.every((slave) => directory.siteOf(slave) === site)
  if (directory.siteOf(master) !== from || !ours) {
    return { kind: 'refused', cause: 'sae-unknown', unusable: [] }
  }
  try {
    return await keystore.activate(from, activation)
  } catch (error) {
    failed(supply, error)
    return { kind: 'failed' }
  }
}

function failed({ log }: Supply, error: unknown): 'failed' {
  if (error instanceof AssertionFailure) throw error
  const code = error instanceof Refusal ? (error as Refusal).code : 'INTERNAL'
  log.write('error', 'kme.peer-request-failed', { code })
  return 'failed'
}
