/**
 * What a link has done, kept for the operator: an entry for each block, alarm and change of state,
 * and sums that outlive them.
 *
 * A ring of `HISTORY_ENTRIES_MAX` entries for each link: a new one takes the place of the oldest, so
 * the store grows no further. Sums are never cut. Entries that come while a commit is running wait
 * for the next; a crash may lose those of the last moment, and their share of the sums. Keys never
 * rest on what stands here.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  logFacts,
  statement,
  tablesOf,
  toCbor,
  type LinkId,
  type Log,
  type Migration,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import {
  HistoryEntryShape,
  LinkTotalsShape,
  type BlockEntry,
  type HistoryEntry,
  type LinkTotals,
} from '#contract'
import type { BlockReport } from '#qkd'

export interface LinkHistoryInput {
  readonly site: SiteId
  readonly link: LinkId
  readonly store: Store
  readonly log: Log
}

/** Owner of one link's entries and sums. */
export class LinkHistory {
  readonly #input: LinkHistoryInput
  #totals: LinkTotals
  /** Number of the next entry; its place in the ring is this modulo the size. */
  #serial: number
  /** Entries that the store has not taken yet. */
  #waiting: { readonly serial: number; readonly entry: HistoryEntry }[] = []
  #writing: Promise<void> | undefined

  private constructor(input: LinkHistoryInput, totals: LinkTotals, serial: number) {
    this.#input = input
    this.#totals = totals
    this.#serial = serial
  }

  static async open(input: LinkHistoryInput): Promise<LinkHistory> {
    const { site, link, store } = input
    const sums = (await store.read(bind(SELECT_TOTALS, site, link))).at(0)
    if (sums === undefined) return new LinkHistory(input, NO_TOTALS, 0)
    const totals = openTotals(sums['body'] as Uint8Array)
    return new LinkHistory(input, totals, Number(sums['next_serial']))
  }

  /** Sums over all entries ever noted. */
  get totals(): LinkTotals {
    return this.#totals
  }

  /** Notes the end of a block. @param seconds   how long its pulses took on the fibre */
  block(report: BlockReport, seconds: number, at: number): void {
    const entry = blockEntry(report, seconds, at, this.#totals.epsilonSpent)
    this.#totals = withBlock(this.#totals, entry)
    this.#note(entry)
  }

  /** Notes a change of alarm or state, or the end of an alignment. */
  turn(entry: Exclude<HistoryEntry, BlockEntry>): void {
    const totals = this.#totals
    if (entry.kind === 'alarm' && entry.change === 'raised') {
      this.#totals = { ...totals, alarms: totals.alarms + 1 }
    }
    if (entry.kind === 'alignment') {
      this.#totals = { ...totals, alignments: totals.alignments + 1 }
    }
    this.#note(entry)
  }

  /** Entries of a time on, oldest first; the newest `limit` of them. */
  async entries(since: number, limit: number): Promise<readonly HistoryEntry[]> {
    await this.settled()
    const { site, link, store } = this.#input
    const rows = await store.read(bind(SELECT_ENTRIES, site, link, since, limit))
    return rows.map(({ body }) => openEntry(body as Uint8Array)).toReversed()
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  #note(entry: HistoryEntry): void {
    this.#waiting.push({ serial: this.#serial++, entry })
    // What a full store refuses for long is lost; the sums are not.
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
    this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    const { site, link, store, log } = this.#input
    while (this.#waiting.length > 0) {
      const taken = this.#waiting
      this.#waiting = []
      const totals = bind(PUT_TOTALS, site, link, this.#serial, toCbor(this.#totals))
      const entries = taken.map(({ serial, entry }): Statement => {
        const slot = serial % HISTORY_ENTRIES_MAX
        return bind(PUT_ENTRY, site, link, slot, serial, entry.at, toCbor(entry))
      })
      try {
        await store.commit([...entries, totals])
      } catch (error) {
        log.write('warning', 'link.history-not-stored', { link, ...logFacts(error) })
        this.#waiting = [...taken, ...this.#waiting].slice(-WAITING_MAX)
        break // The next entry tries again.
      }
    }
    this.#writing = undefined
  }
}

function blockEntry(
  report: BlockReport,
  seconds: number,
  at: number,
  spentBefore: number,
): BlockEntry {
  const { epoch, sequence, outcome, cause = '', account, epsilons } = report
  // What may be in use counts: of an undecided block the peer may have the key.
  const hasKey = outcome !== 'discarded'
  const epsilon = hasKey ? epsilons.secrecy + epsilons.correctness + epsilons.authentication : 0
  return {
    kind: 'block',
    ...{ at, epoch, sequence, outcome, cause, seconds, epsilon },
    testErrorRate: report.testErrorRate,
    keyErrorRate: report.keyErrorRate ?? null,
    siftedBits: account.siftedBits,
    secretBits: account.applicationBits,
    leakBits: account.leakBits,
    efficiency: report.efficiency ?? null,
    epsilonSpent: spentBefore + epsilon,
  }
}

function withBlock(totals: LinkTotals, block: BlockEntry): LinkTotals {
  const { blocksDiscarded } = totals
  const { cause } = block
  const counted = cause === '' ? {} : { [cause]: (blocksDiscarded[cause] ?? 0) + 1 }
  return {
    ...totals,
    since: totals.since ?? block.at,
    blocksDistilled: totals.blocksDistilled + (cause === '' ? 1 : 0),
    blocksDiscarded: { ...blocksDiscarded, ...counted },
    siftedBits: totals.siftedBits + block.siftedBits,
    secretBits: totals.secretBits + block.secretBits,
    leakBits: totals.leakBits + block.leakBits,
    epsilonSpent: block.epsilonSpent,
  }
}

const NO_TOTALS: LinkTotals = {
  since: null,
  blocksDistilled: 0,
  blocksDiscarded: {},
  siftedBits: 0,
  secretBits: 0,
  leakBits: 0,
  epsilonSpent: 0,
  alarms: 0,
  alignments: 0,
}

/** Entries of each link, a few megabytes: the last three hours of a link with a block a second. */
export const HISTORY_ENTRIES_MAX = 10_000
const WAITING_MAX = 1000
const BODY_OCTETS_MAX = 4096
const openEntry = cborDoor(HistoryEntryShape, 'entry of the history of a link', BODY_OCTETS_MAX)
const openTotals = cborDoor(LinkTotalsShape, 'sums of the history of a link', BODY_OCTETS_MAX)

interface HistoryTables {
  link_history: {
    site_id: string
    link: string
    slot: number
    serial: number
    at: number
    body: Uint8Array
  }
  link_totals: { site_id: string; link: string; next_serial: number; body: Uint8Array }
}
const db = tablesOf<HistoryTables>()
const NONE = new Uint8Array(0)
const PUT_ENTRY = statement(
  db
    .insertInto('link_history')
    .values({ site_id: '', link: '', slot: 0, serial: 0, at: 0, body: NONE })
    .onConflict((on) =>
      on.columns(['site_id', 'link', 'slot']).doUpdateSet((row) => ({
        serial: row.ref('excluded.serial'),
        at: row.ref('excluded.at'),
        body: row.ref('excluded.body'),
      })),
    ),
)
const PUT_TOTALS = statement(
  db
    .insertInto('link_totals')
    .values({ site_id: '', link: '', next_serial: 0, body: NONE })
    .onConflict((on) =>
      on.columns(['site_id', 'link']).doUpdateSet((row) => ({
        next_serial: row.ref('excluded.next_serial'),
        body: row.ref('excluded.body'),
      })),
    ),
)
const SELECT_TOTALS = statement(
  db
    .selectFrom('link_totals')
    .select(['next_serial', 'body'])
    .where('site_id', '=', '')
    .where('link', '=', ''),
)
const SELECT_ENTRIES = statement(
  db
    .selectFrom('link_history')
    .select('body')
    .where('site_id', '=', '')
    .where('link', '=', '')
    .where('at', '>=', 0)
    .orderBy('serial', 'desc')
    .limit(1),
)

export const linkHistoryMigrations: readonly Migration[] = [
  {
    id: 'link-history-1',
    statements: [
      `CREATE TABLE link_history (
        site_id TEXT NOT NULL,
        link TEXT NOT NULL,
        slot BIGINT NOT NULL,
        serial BIGINT NOT NULL,
        at BIGINT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (site_id, link, slot)
      )`,
      'CREATE INDEX link_history_by_serial ON link_history (site_id, link, serial)',
      `CREATE TABLE link_totals (
        site_id TEXT NOT NULL,
        link TEXT NOT NULL,
        next_serial BIGINT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (site_id, link)
      )`,
    ],
  },
]
