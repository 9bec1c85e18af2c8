/**
 * The tamper-evident log of one site: entries appended with the data they speak of, and checkpoints
 * that bind them.
 *
 * `append` gives a statement that the caller puts into its own commit, so that an operation and its
 * entry are one transaction: no log, no service. `checkpoint` integrates what is new into the tree
 * and signs it; the host calls it at its cadence, then asks the witnesses (`cosigning`).
 *
 * Entries that no checkpoint covers yet are not protected. A checkpoint that no witness has seen
 * can be rewritten by whoever holds both disk and keys. Several processes may append to one store;
 * one of them makes the checkpoints.
 *
 * @see C2SP tlog-tiles, tlog-checkpoint, tlog-cosignature; RFC 9162 §2.1
 * @module
 */

import { epochMs, utf8, type Clock, type SiteId, type Statement, type Store } from '#base'
import { signCheckpoint } from './checkpoint.ts'
import {
  assertSigner,
  noteVerifierOf,
  type NoteSigner,
  type NoteVerifier,
  type TreeHead,
} from './cosignature.ts'
import { eventOf, leafOf, type AuditEvent } from './event.ts'
import { AuditRefusal } from './refusal.ts'
import {
  appendEntry,
  appendKept,
  appendTelling,
  octetsOf,
  putCheckpoint,
  putTile,
  selectKept,
  selectMatching,
  selectSize,
  wholeOf,
  type EntryFilter,
  type KeptBeside,
  type KeptFilter,
} from './tables.ts'
import { TileTree } from './tiles.ts'
import {
  integrate,
  loadTree,
  newestCheckpoint,
  type LogSource,
  type SignedCheckpoint,
} from './tree-store.ts'

/** What other rooms need of the log: a way to write to it. */
export interface AuditTrail {
  /**
   * The statement that appends this event under the next free index: for the caller's own
   * `store.commit`, beside the data that the event speaks of. Returns no row. Several may stand in
   * one commit. @throws AuditRefusal `AUDIT_EVENT_INVALID`
   *
   * @param kept   what is kept beside the entry, sealed; the entry's commitment binds it
   */
  append(event: AuditEvent, kept?: KeptBeside): Statement
  /** Appends one event by itself; durable when it resolves. @returns its index */
  record(event: AuditEvent, kept?: KeptBeside): Promise<number>
}

/** One entry of the log. */
export interface AuditEntry {
  /** Its place, counted from 0, without gaps. */
  readonly index: number
  readonly event: AuditEvent
}

/** One entry, and what is kept beside it, as it is sealed. */
export interface KeptEntry extends AuditEntry {
  readonly general: Uint8Array
  readonly particular: Uint8Array
}

/** What `checkpoint` did. */
export type CheckpointOutcome =
  | { readonly kind: 'signed'; readonly checkpoint: SignedCheckpoint }
  /** No new entries; the newest checkpoint, if there is one, stands. */
  | { readonly kind: 'unchanged'; readonly checkpoint: SignedCheckpoint | undefined }

export interface AuditLogOptions {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  /** The log's keys; its name is the origin line, such as `photonward.example/bristol`. */
  readonly signer: NoteSigner
}

/** The log of one site. Owns the growing edge of its tree; everything else is in the store. */
export class AuditLog implements AuditTrail {
  readonly source: LogSource
  /** Public keys under which this log's checkpoints verify. */
  readonly verifier: NoteVerifier
  readonly #signer: NoteSigner
  readonly #clock: Clock
  /** As of the newest checkpoint, or to be read anew if its size is another. Owned by `#turn`. */
  #tree = TileTree.empty()
  /** The end of the queue of checkpoints: they are made one at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor({ site, store, clock, signer }: AuditLogOptions) {
    assertSigner(signer)
    this.source = { site, store }
    this.verifier = noteVerifierOf(signer)
    this.#signer = signer
    this.#clock = clock
  }

  /**
   * Opens the log and checks its end: the newest checkpoint verifies, the stored tree leads to its
   * root, and no entry under it is missing at the end. Reads a few rows, not the whole log.
   *
   * @throws AuditRefusal `AUDIT_LOG_DAMAGED`, `AUDIT_LOG_TRUNCATED`: do not start the site
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options)
    const newest = await log.newest()
    log.#tree = await loadTree(log.source, newest)
    const entries = await log.size()
    const covered = newest?.size ?? 0
    if (entries < covered) {
      const message = `The log holds ${entries} entries, its newest checkpoint covers ${covered}`
      throw new AuditRefusal('AUDIT_LOG_TRUNCATED', message, { facts: { entries, covered } })
    }
    return log
  }

  append(event: AuditEvent, kept?: KeptBeside): Statement {
    const { site } = this.source
    const entry = entryOf(event)
    return kept === undefined ? appendEntry(site, entry) : appendKept(site, entry, kept)
  }

  async record(event: AuditEvent, kept?: KeptBeside): Promise<number> {
    const { site } = this.source
    const append = appendTelling(site, entryOf(event), kept)
    const [[row]] = await this.source.store.commit([append])
    return wholeOf(row['ix'])
  }

  /** Number of entries, whether or not a checkpoint covers them. */
  async size(): Promise<number> {
    const [row] = await this.source.store.read(selectSize(this.source.site))
    return wholeOf(row['size'])
  }

  /**
   * Entries that match, at most `limit` (1 to `ENTRIES_MAX`), oldest first unless asked otherwise.
   *
   * @throws AuditRefusal `AUDIT_LOG_DAMAGED` naming the first entry that cannot be read
   */
  async entries(filter: EntryFilter = {}, limit = ENTRIES_MAX): Promise<readonly AuditEntry[]> {
    const most = Math.min(Math.max(1, Math.floor(limit)), ENTRIES_MAX)
    const rows = await this.source.store.read(selectMatching(this.source.site, filter, most))
    return rows.map((row) => {
      const index = wholeOf(row['ix'])
      return { index, event: readEvent(index, octetsOf(row['leaf'])) }
    })
  }

  /**
   * Entries beside which something is kept, newest first, at most `limit` (1 to `ENTRIES_MAX`).
   *
   * @throws AuditRefusal `AUDIT_LOG_DAMAGED`
   */
  async kept(filter: KeptFilter, limit = ENTRIES_MAX): Promise<readonly KeptEntry[]> {
    const most = Math.min(Math.max(1, Math.floor(limit)), ENTRIES_MAX)
    const rows = await this.source.store.read(selectKept(this.source.site, filter, most))
    return rows.map((row) => {
      const index = wholeOf(row['ix'])
      const event = readEvent(index, octetsOf(row['leaf']))
      return { index, event, general: octetsOf(row['who']), particular: octetsOf(row['whom']) }
    })
  }

  /** The newest checkpoint, without cosignatures. */
  newest(): Promise<SignedCheckpoint | undefined> {
    return newestCheckpoint(this.source, this.verifier)
  }

  /**
   * Integrates all new entries into the tree and signs a checkpoint over them.
   *
   * Tiles and checkpoint are one commit, so a crash leaves the state of the checkpoint before. More
   * than `CHECKPOINT_LEAVES_MAX` new entries get several checkpoints, one for each so many; entries
   * that come while one is signed wait for the next call. Its time is the clock's, but never before
   * that of the checkpoint before.
   */
  checkpoint(): Promise<CheckpointOutcome> {
    const mine = this.#turn.then(() => this.#checkpoint())
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #checkpoint(): Promise<CheckpointOutcome> {
    let newest = await this.newest()
    // Another process may have made checkpoints, and a failed commit leaves the tree ahead.
    if (this.#tree.size !== (newest?.size ?? 0)) this.#tree = await loadTree(this.source, newest)
    const tree = this.#tree
    let signed = false
    for (;;) {
      const prior = tree.size
      await integrate(this.source, tree, prior + CHECKPOINT_LEAVES_MAX)
      if (tree.size === prior) break
      newest = await this.#commit(tree, prior, newest)
      signed = true
      // What came meanwhile is for the next checkpoint: a busy log would be signed without pause.
      if (tree.size < prior + CHECKPOINT_LEAVES_MAX) break
    }
    return signed && newest !== undefined
      ? { kind: 'signed', checkpoint: newest }
      : { kind: 'unchanged', checkpoint: newest }
  }

  async #commit(
    tree: TileTree,
    prior: number,
    before: SignedCheckpoint | undefined,
  ): Promise<SignedCheckpoint> {
    const { site, store } = this.source
    const { size } = tree
    const head: TreeHead = { origin: this.#signer.name, size, root: tree.root() }
    const now = Math.max(this.#clock.now(), before?.at ?? 0)
    const at = epochMs(Math.floor(now / 1000) * 1000)
    const note = signCheckpoint(this.#signer, head, at)
    await store.commit([
      ...tree.takeChanged().map((tile) => putTile(site, tile)),
      putCheckpoint(site, { size, prior, note: utf8(note) }),
    ])
    return { ...head, at, note }
  }
}

const entryOf = (event: AuditEvent) => ({
  at: event.at,
  kind: event.kind,
  leaf: leafOf(event),
})

function readEvent(index: number, leaf: Uint8Array): AuditEvent {
  try {
    return eventOf(leaf)
  } catch (cause) {
    throw new AuditRefusal('AUDIT_LOG_DAMAGED', `Entry ${index} of the log cannot be read`, {
      cause,
      facts: { index },
    })
  }
}

/** Entries in one page. */
export const ENTRIES_MAX = 1000
/** Leaves that one commit integrates; bounds its size to some 2 MB of tiles. */
export const CHECKPOINT_LEAVES_MAX = 65_536
