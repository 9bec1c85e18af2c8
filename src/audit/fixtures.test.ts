/**
 * What the tests of this room share: signers with seeded keys, a log in memory, events.
 *
 * @module
 */

import { epochMs, siteId, type EpochMs, type Statement, type Store } from '#base'
import { signingKeyPairOf } from '#crypto'
import { MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { noteVerifierOf, type NoteSigner } from './cosignature.ts'
import type { AuditEvent } from './event.ts'
import { AuditLog } from './log.ts'
import { auditMigrations } from './tables.ts'
import { verifyLog } from './verify-log.ts'

/** Note keys that are the same in every run. */
export function signerFor(seed: number, name: string): NoteSigner {
  const random = seededRandom(seed, 'note keys')
  return {
    name,
    ed25519: signingKeyPairOf('ed25519', random.octets(32)),
    mlDsa44: signingKeyPairOf('ml-dsa-44', random.octets(32)),
  }
}

/** The n-th event of a log that tells one from another. */
export const eventNumber = (
  n: number,
  at: EpochMs = epochMs(1_767_225_600_000 + n),
): AuditEvent => ({
  kind: n % 3 === 0 ? 'key.delivered' : 'key.consumed',
  at,
  actor: 'sae-1',
  facts: { number: n, keyIds: [`key ${n}`] },
})

/** One site with a log: everything that survives a restart. */
export class Place {
  readonly site
  readonly store = new MemoryStore(auditMigrations)
  readonly time = new SimulatedTime()
  readonly signer: NoteSigner

  constructor(name = 'bristol', seed = 1) {
    this.site = siteId(name)
    this.signer = signerFor(seed, `photonward.example/${name}`)
  }

  /** Opens the log, as a start of the site does. */
  open(store: Store = this.store): Promise<AuditLog> {
    const { site, signer } = this
    return AuditLog.open({ site, store, signer, clock: this.time.view() })
  }

  /** A log with this many entries, and a checkpoint after each of the sizes. */
  async filled(entries: number, checkpoints: readonly number[] = [entries]): Promise<AuditLog> {
    const log = await this.open()
    let n = 0
    for (const size of [...checkpoints, entries]) {
      const events: Statement[] = []
      for (; n < size; n++) events.push(log.append(eventNumber(n)))
      if (events.length > 0) await this.store.commit(events)
      if (checkpoints.includes(size)) await log.checkpoint()
    }
    return log
  }

  /** How many faults a verification of the whole log finds, without witnesses. */
  async faults(): Promise<number> {
    const { site, store } = this
    const keys = { log: noteVerifierOf(this.signer), witnesses: [], logOf: () => undefined }
    const findings = await Array.fromAsync(verifyLog({ site, store }, keys))
    return findings.filter(({ kind }) => kind === 'fault').length
  }

  /** Runs SQL as somebody with the disk in hand would. */
  async tamper(sql: string, ...parameters: Statement['parameters']): Promise<void> {
    await this.store.commit([{ sql, parameters }])
  }
}
