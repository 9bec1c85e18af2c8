/**
 * Records on their way to other sites, and those that came, as the FHIR server tells of them.
 *
 * Stands between `#fhir`, which decides who may, and `#exchange`, which sends.
 *
 * @module
 */

import { assert, siteId, type EpochMs } from '#base'
import type { AuditLog } from '#audit'
import type { Exchange, Transfer } from '#exchange'
import type { Sending, SentRecord, Way } from '#fhir'
import type { Vault } from '#vault'
import { protectionIn } from './item-view.ts'

/** What sending stands on. */
export interface SendingInput {
  readonly exchange: Pick<Exchange, 'send' | 'newest'>
  readonly vault: Pick<Vault, 'patientNamed'>
  readonly audit: Pick<AuditLog, 'entries'>
  /** Other sites that this one knows. */
  readonly peers: readonly string[]
}

/** What the vault keeps of a way that something took, and which transfer it was if it led here. */
export async function receivedBy(
  exchange: Pick<Exchange, 'newest'>,
  record: Uint8Array,
): Promise<Way> {
  const { keySource, keyPath, keyIds: keys, at, sessionId } = protectionIn(record)
  const transfer = (await exchange.newest(LOOKED_AT)).find(
    ({ direction, protection }) =>
      direction === 'in' &&
      protection !== undefined &&
      protectionIn(protection).sessionId === sessionId,
  )?.transfer
  return { keySource, keyPath, keys, at, transfer }
}

/** Sends records, and tells what became of them. */
export const sendingOf = ({ exchange, vault, audit, peers }: SendingInput): Sending => ({
  sites: peers,
  send: async (name, { to, mode, actor }) => {
    const patient = await vault.patientNamed(name)
    assert(patient !== undefined, 'whoever is sent was found before')
    const wish = { patient, to: siteId(to), dataClass: 'clinical', actor, mode }
    return await sentRecord(await exchange.send(wish), audit)
  },
  of: async (name) => {
    const patient = await vault.patientNamed(name)
    const sent = (await exchange.newest(LOOKED_AT)).filter(
      (one) => one.direction === 'out' && one.patient === patient,
    )
    return await Promise.all(sent.slice(0, SHOWN).map((one) => sentRecord(one, audit)))
  },
})

async function sentRecord(transfer: Transfer, audit: SendingInput['audit']): Promise<SentRecord> {
  const { peer, mode, state, reason, items, itemsDone, createdAt, finishedAt } = transfer
  const protection = transfer.protection && protectionIn(transfer.protection)
  return {
    ...{ transfer: transfer.transfer, to: peer, mode, state, reason, items, itemsDone },
    ...{ begunAt: createdAt, finishedAt, used: protection?.used },
    ...{ keySource: protection?.keySource, keys: protection?.keyIds ?? [] },
    entry:
      finishedAt === undefined ? undefined : await entryOf(transfer.transfer, finishedAt, audit),
  }
}

/** The entry of the log that says so: written in the commit that ended the transfer. */
async function entryOf(
  transfer: string,
  at: EpochMs,
  audit: SendingInput['audit'],
): Promise<number | undefined> {
  const entries = await audit.entries({ after: -1, since: at, kind: 'transfer.delivered' }, 100)
  return entries.find(({ event }) => event.facts['transfer'] === transfer)?.index
}

/** Transfers of the site among which those of a patient are looked for. */
const LOOKED_AT = 1000
const SHOWN = 50
