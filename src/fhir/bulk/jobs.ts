/**
 * Exports under way: each walks through records for the session that asked, and writes files.
 *
 * An export runs only while its requester is known: the session that asked, or that asks how far it
 * is, decides about every resource. After a restart it goes on, from the last file, when it is next
 * asked about; one that nobody asks about for an hour waits. Memory holds one file's worth.
 *
 * What belongs to no export any more is swept away at the start and every hour.
 *
 * @module
 */

import {
  AssertionFailure,
  epochMs,
  HOUR_MS,
  logFacts,
  PortRefusal,
  type Cancel,
  type Clock,
  type Disk,
  type Log,
} from '#base'
import { canonicalText, type Filter } from '#health'
import { VaultRefusal, type Vault } from '#vault'
import { askedBy, newCallLog } from '../context.ts'
import type { Session } from '../session.ts'
import { servedResource } from '../resources.ts'
import {
  deleteJob,
  everyJob,
  insertJob,
  jobOf,
  moveJob,
  NONCE_OCTETS,
  sealFile,
  ticketOf,
  type BulkFile,
  type BulkJob,
  type BulkState,
  type BulkStore,
  type Ticket,
} from './job.ts'

export interface BulkOptions extends BulkStore {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly vault: Pick<Vault, 'walk'>
  /** Octets of lines after which files are written; a step of the walk may add some more. */
  readonly exportFileOctets?: number
}

/** Owns the running exports of one daemon, until it is disposed. */
export class BulkJobs implements Disposable {
  readonly #options: BulkOptions
  /** By the hash of the ticket. */
  readonly #running = new Map<string, { asked: number; readonly stop: AbortController }>()
  #sweeping: Cancel

  constructor(options: BulkOptions) {
    this.#options = options
    this.#sweeping = options.clock.after(0, () => this.#sweepAgain())
  }

  /** How many may be begun beside those that are kept; 0 for none. */
  async room(): Promise<number> {
    await this.#sweep()
    const kept = (await everyJob(this.#options)).length
    return Math.max(0, Math.min(JOBS_MAX - kept, RUNNING_MAX - this.#running.size))
  }

  /** Makes an export known, durably, and starts it. @returns the ticket, for its requester only */
  async begin(state: BulkState, session: Session): Promise<Uint8Array> {
    const { random, clock, store } = this.#options
    const octets = random.octets(TICKET_OCTETS)
    const ticket = ticketOf(octets)
    const job = { ticket, edition: 1, until: epochMs(clock.now() + KEPT_MS), state }
    await store.commit([insertJob(this.#options, job)])
    this.#start(job, session)
    return octets
  }

  /** The export of a ticket, if this is who asked for it; goes on with it where it stands still. */
  async follow(octets: Uint8Array, session: Session): Promise<BulkJob | undefined> {
    const job = await jobOf(this.#options, ticketOf(octets))
    if (job?.state.actor !== session.account.actor || job.until <= this.#options.clock.now()) return
    const running = this.#running.get(job.ticket.job.toHex())
    if (running !== undefined) running.asked = this.#options.clock.monotonicMs()
    else if (job.state.stage === 'going') this.#start(job, session)
    return job
  }

  /** Ends an export and forgets it with its files. */
  async end({ ticket }: BulkJob): Promise<void> {
    const name = ticket.job.toHex()
    this.#running.get(name)?.stop.abort()
    await this.#options.store.commit([deleteJob(this.#options, ticket.job)])
    await this.#removeFiles((path) => path.startsWith(folderOf(name)))
  }

  /** A file as it was sealed. */
  fileOf({ path }: BulkFile): Promise<Uint8Array | undefined> {
    return this.#options.disk.read(path)
  }

  #start(job: BulkJob, session: Session): void {
    if (this.#running.size >= RUNNING_MAX) return
    const name = job.ticket.job.toHex()
    const stop = new AbortController()
    this.#running.set(name, { asked: this.#options.clock.monotonicMs(), stop })
    void this.#run(job, session, stop.signal).finally(() => this.#running.delete(name))
  }

  async #run(job: BulkJob, session: Session, stop: AbortSignal): Promise<void> {
    const { log, store } = this.#options
    let last = job
    try {
      for await (const next of this.#steps(job, session, stop)) last = next
    } catch (error) {
      // The store and the keys may be gone before it has noticed.
      if (stop.aborted) return
      if (error instanceof AssertionFailure) throw error
      // Another daemon goes on with it, or it was ended.
      if (error instanceof PortRefusal && error.code === 'STORE_CONFLICT') return
      log.write('error', 'fhir.bulk-stopped', logFacts(error))
      if (!(error instanceof VaultRefusal && error.code === 'VAULT_DAMAGED')) return
      const state: BulkState = { ...last.state, stage: 'failed' }
      await store.commit([moveJob(this.#options, { ...last, state })]).catch((again: unknown) => {
        log.write('error', 'fhir.bulk-stopped', logFacts(again))
      })
    }
  }

  /**
   * The export after each time that files were written.
   *
   * It ends early once nobody asks about it, and where the session does: what was looked at last may
   * have been refused for that alone, so it is looked at again for the next session.
   */
  async *#steps(job: BulkJob, session: Session, stop: AbortSignal): AsyncGenerator<BulkJob> {
    const { vault, clock, exportFileOctets = FILE_OCTETS } = this.#options
    const { until } = session
    let now = job
    let [{ place, charts }, lines, octets] = [job.state, new Lines(), 0]
    const query = { ...job.state, filters: filtersOf(job.state), after: place }
    for await (const step of vault.walk(query, askedOf(session))) {
      if (stop.aborted || !this.#isAskedAbout(job.ticket)) return
      if (until !== undefined && clock.now() >= until) {
        if (octets > 0) yield await this.#written(now, lines, { place, charts })
        return
      }
      for (const opened of step.opened) {
        octets += lines.add(opened.type, canonicalText(servedResource(opened)))
      }
      place = step.place
      if (place.object === undefined) charts++
      if (octets < exportFileOctets) continue
      yield (now = await this.#written(now, lines, { place, charts }))
      ;[lines, octets] = [new Lines(), 0]
    }
    if (!stop.aborted) yield await this.#written(now, lines, { place, charts, stage: 'done' })
  }

  #isAskedAbout({ job }: Ticket): boolean {
    const running = this.#running.get(job.toHex())
    return running !== undefined && this.#options.clock.monotonicMs() - running.asked < HOUR_MS
  }

  /** Writes what came together, then says so: a file without a row is swept away. */
  async #written(
    job: BulkJob,
    lines: Lines,
    more: Pick<BulkState, 'place' | 'charts'> & { readonly stage?: 'done' },
  ): Promise<BulkJob> {
    const { disk, store, random } = this.#options
    const files: BulkFile[] = []
    for (const [type, { text, count }] of lines.types) {
      const name = random.octets(FILE_NAME_OCTETS).toHex()
      const path = `${folderOf(job.ticket.job.toHex())}${name}`
      const file = { type, count, path, nonce: random.octets(NONCE_OCTETS) }
      await disk.write(path, sealFile(job.ticket, file, text))
      files.push(file)
    }
    const state = { ...job.state, ...more, files: [...job.state.files, ...files] }
    await store.commit([moveJob(this.#options, { ...job, state })])
    return { ...job, edition: job.edition + 1, state }
  }

  #sweepAgain(): void {
    const { clock, log } = this.#options
    this.#sweep().catch((error: unknown) => {
      if (error instanceof AssertionFailure) throw error
      log.write('warning', 'fhir.bulk-unswept', logFacts(error))
    })
    this.#sweeping = clock.after(HOUR_MS, () => this.#sweepAgain())
  }

  async #sweep(): Promise<void> {
    const { store, clock } = this.#options
    // Listed before the rows are read: a file of an export that begins now is not taken for a stray.
    const paths = await this.#options.disk.list(FOLDER)
    const jobs = await everyJob(this.#options)
    const over = jobs.filter(({ until }) => until <= clock.now())
    if (over.length > 0) await store.commit(over.map(({ job }) => deleteJob(this.#options, job)))
    const kept = jobs.filter((job) => !over.includes(job)).map(({ job }) => folderOf(job.toHex()))
    const strays = paths.filter((path) => !kept.some((prefix) => path.startsWith(prefix)))
    for (const path of strays) await this.#options.disk.remove(path)
  }

  async #removeFiles(isOurs: (path: string) => boolean): Promise<void> {
    const { disk } = this.#options
    for (const path of (await disk.list(FOLDER)).filter(isOurs)) await disk.remove(path)
  }

  [Symbol.dispose](): void {
    this.#sweeping()
    for (const { stop } of this.#running.values()) stop.abort()
  }
}

/** Resources as lines, by their types. Owned by one file's worth of an export. */
class Lines {
  readonly types = new Map<string, { text: string; count: number }>()

  /** @returns octets added, as a bound: characters are counted twice */
  add(type: string, line: string): number {
    const lines = this.types.get(type) ?? { text: '', count: 0 }
    this.types.set(type, lines)
    lines.text += `${line}\n`
    lines.count++
    return 2 * line.length
  }
}

const askedOf = (session: Session) => askedBy({ session, log: newCallLog() }, 'export', 'bulk')

function filtersOf({ since }: BulkState): readonly Filter[] {
  if (since === undefined) return []
  return [{ kind: 'updated', anyOf: [{ kind: 'date', prefix: 'ge', range: [since, since] }] }]
}

/** What the paths of an export's files begin with. */
const folderOf = (job: string): string => `${FOLDER}/${job.slice(0, JOB_CHARACTERS)}-`

const FOLDER = 'bulk'
const JOB_CHARACTERS = 32
const FILE_NAME_OCTETS = 8
const TICKET_OCTETS = 32
const FILE_OCTETS = 8 * 1024 * 1024
/** Exports that a site keeps, and that a daemon runs, at once. */
const JOBS_MAX = 32
const RUNNING_MAX = 4
/** How long an export can be fetched, from when it was asked for. */
export const KEPT_MS = 24 * HOUR_MS
