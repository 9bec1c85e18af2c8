/**
 * Keeps the log of a site: makes checkpoints at a fixed cadence, has them cosigned by the other
 * sites, cosigns theirs, and refuses to go on behind what a witness has seen.
 *
 * A witness that does not answer delays its cosignature, nothing else. A fork is an alarm.
 *
 * @module
 */

import { Refusal, type Cancel, type Clock, type Log, type SiteId } from '#base'
import {
  addCosignatures,
  compareWithWitness,
  cosignRequest,
  readCosignReply,
  readCosignRequest,
  readSeenReply,
  readSeenRequest,
  writeCosignReply,
  writeCosignRequest,
  writeSeenReply,
  writeSeenRequest,
  type AuditLog,
  type CosignRefusal,
  type NoteVerifier,
  type Witness,
} from '#audit'
import type { Alarms } from './alarms.ts'
import type { Peers } from './peers.ts'

/** This site's log must not be served: it lost entries, or was rewritten. */
export class LogRefusal extends Refusal<'LOG_BEHIND_WITNESS' | 'LOG_FORKED'> {
  override readonly name = 'LogRefusal'
}

/** Another site that cosigns this one's log. */
export interface WitnessSite {
  readonly site: SiteId
  /** The keys of its cosigner, from its site statement. */
  readonly verifier: NoteVerifier
}

export interface LogKeeperInput {
  readonly log: AuditLog
  readonly witness: Witness
  readonly witnesses: readonly WitnessSite[]
  readonly peers: Peers
  readonly clock: Clock
  readonly operatorLog: Log
  readonly alarms: Alarms
  readonly cadenceMs: number
}

export class LogKeeper {
  readonly #input: LogKeeperInput
  /** Size that each witness has cosigned, as far as this run knows. */
  readonly #cosigned = new Map<SiteId, number>()
  #cancel: Cancel | undefined
  #stopped = false
  #turn: Promise<void> = Promise.resolve()

  constructor(input: LogKeeperInput) {
    this.#input = input
    const { peers, witness } = input
    peers.serve('audit/cosign', async (from, payload) => {
      const { reply, evidence } = await witness.cosign(readCosignRequest(payload))
      if (evidence !== undefined) await this.#reportFork(evidence.origin, evidence.size)
      else if (reply.outcome === 'refused') await this.#suspect(from, reply.reason)
      else await this.#input.alarms.clear(SUSPECTED, from)
      return writeCosignReply(reply)
    })
    peers.serve('audit/seen', async (_, payload) => {
      return writeSeenReply(await witness.seen(readSeenRequest(payload).origin))
    })
  }

  /** Size of this log that each witness has cosigned, as far as is known since the start. */
  get cosigned(): ReadonlyMap<SiteId, number> {
    return this.#cosigned
  }

  /**
   * Compares this log with what each witness has seen of it. Unreachable witnesses are passed
   * over: a site must be able to start alone; they are asked again at each checkpoint.
   *
   * @throws LogRefusal if a witness shows a signed checkpoint that this log does not continue
   */
  async compare(): Promise<void> {
    const { log, witnesses, operatorLog } = this.#input
    for (const { site } of witnesses) {
      let reply
      try {
        reply = await this.#input.peers.request(
          site,
          'audit/seen',
          writeSeenRequest({ origin: log.verifier.name }),
        )
      } catch {
        operatorLog.write('warning', 'log.witness-unreachable', { witness: site })
        continue
      }
      const comparison = await compareWithWitness(log, readSeenReply(reply))
      if (comparison.kind === 'behind') throw behind(site, comparison.seen.size, comparison.size)
      if (comparison.kind === 'forked') throw forked(site, comparison.seen.size)
      if (comparison.kind === 'unproven') {
        operatorLog.write('warning', 'log.witness-unproven', { witness: site })
      }
    }
  }

  /** Makes a checkpoint each cadence, until stopped. */
  start(): void {
    const again = (): void => {
      this.#cancel = this.#input.clock.after(this.#input.cadenceMs, () => {
        void this.keep().finally(() => {
          if (!this.#stopped) again()
        })
      })
    }
    again()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#turn
    await this.#input.log.checkpoint()
  }

  /** Makes a checkpoint now if there is anything new, and asks every witness for its cosignature. */
  keep(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#keep())
    return this.#turn
  }

  async #keep(): Promise<void> {
    try {
      await this.#input.log.checkpoint()
    } catch (error) {
      this.#report('log.checkpoint-failed', error)
      return
    }
    for (const witness of this.#input.witnesses) {
      try {
        await this.#askFor(witness)
      } catch (error) {
        this.#report('log.witness-failed', error, witness.site)
        if (error instanceof LogRefusal) await this.#doubted(witness.site, error.message)
      }
    }
  }

  async #askFor({ site, verifier }: WitnessSite, heldSize?: number): Promise<void> {
    const { log, peers } = this.#input
    const question = await cosignRequest(log, verifier.name, heldSize)
    if (question.kind === 'behind') throw behind(site, question.heldSize, question.size)
    if (question.kind === 'nothing') return
    const answer = await peers.request(site, 'audit/cosign', writeCosignRequest(question.request))
    const reply = readCosignReply(answer)
    if (reply.outcome === 'cosigned') {
      await addCosignatures(log, verifier, reply)
      this.#cosigned.set(site, reply.size)
      await this.#input.alarms.clear(DOUBTED, site)
      return
    }
    // The witness has seen another size than we remember: ask once more from there.
    if (reply.reason === 'size-other' && heldSize === undefined) {
      await this.#askFor({ site, verifier }, reply.heldSize)
      return
    }
    this.#input.operatorLog.write('warning', 'log.cosignature-refused', {
      witness: site,
      reason: reply.reason,
    })
    const problem = REWRITTEN[reply.reason]
    if (problem !== undefined && !(await this.#isLate(reply))) {
      await this.#doubted(site, `${site} does not cosign this log: ${problem}`)
    }
  }

  /** Whether a question was overtaken: by now this log has all that the witness has seen. */
  async #isLate({
    reason,
    heldSize,
  }: {
    reason: CosignRefusal
    heldSize: number
  }): Promise<boolean> {
    if (!BEHIND.has(reason)) return false
    const newest = await this.#input.log.newest()
    return newest !== undefined && newest.size >= heldSize
  }

  /** A witness remembers another log than this one: it was rewritten, restored, or is forged. */
  #doubted(witness: SiteId, message: string): Promise<void> {
    return this.#input.alarms.raise({
      kind: DOUBTED,
      severity: 'critical',
      subject: witness,
      message,
    })
  }

  /** The same seen from the other side, where this site is the witness. */
  async #suspect(peer: SiteId, reason: CosignRefusal): Promise<void> {
    const problem = REWRITTEN[reason]
    if (problem === undefined || reason === 'checkpoint-late') return
    await this.#input.alarms.raise({
      kind: SUSPECTED,
      severity: 'critical',
      subject: peer,
      message: `The log of ${peer} was not cosigned: ${problem}`,
    })
  }

  #report(event: string, error: unknown, witness?: SiteId): void {
    const code = error instanceof Refusal ? (error as Refusal).code : 'INTERNAL'
    this.#input.operatorLog.write('warning', event, {
      code,
      ...(witness === undefined ? {} : { witness }),
    })
  }

  async #reportFork(origin: string, size: number): Promise<void> {
    await this.#input.alarms.raise({
      kind: 'log.fork',
      severity: 'critical',
      subject: origin,
      message: `The log ${origin} signed two histories of size ${size}`,
    })
  }
}

/** This site's log, doubted by a witness: the subject. */
const DOUBTED = 'log.doubted'

/** A log that this site witnesses: until it proves that it continues what was cosigned. */
const SUSPECTED = 'log.peer-suspect'

/** Refusals that a log gives cause for only if it lost entries or changed them. */
const REWRITTEN: Readonly<Partial<Record<CosignRefusal, string>>> = {
  'checkpoint-late': 'it has fewer entries than were cosigned',
  'size-behind': 'it has fewer entries than were cosigned',
  'proof-invalid': 'it does not continue the entries that were cosigned',
  fork: 'it signed two histories of one size',
}

/** These say so of the question; whether of the log as well, the log knows. */
const BEHIND: ReadonlySet<CosignRefusal> = new Set(['checkpoint-late', 'size-behind'])

const behind = (witness: SiteId, seen: number, size: number): LogRefusal =>
  new LogRefusal(
    'LOG_BEHIND_WITNESS',
    `This log has ${size} entries under checkpoints, but ${witness} has cosigned ${seen}`,
    { facts: { witness, seen, size } },
  )

const forked = (witness: SiteId, seen: number): LogRefusal =>
  new LogRefusal('LOG_FORKED', `${witness} has cosigned another history of this log`, {
    facts: { witness, seen },
  })
