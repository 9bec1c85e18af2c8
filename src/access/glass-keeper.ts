/**
 * Broken glass, kept: grants in sealed rows of this site, each change with its entry of the log.
 *
 * Needs the site's own database and nothing else: no network, no peer, no quantum key. All grants that
 * are open or await review are in memory as well, for every decision asks for them.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole, type Clock } from '#base'
import type { AuditTrail } from '#audit'
import {
  BREAK_GLASS_REASONS,
  closeGlass,
  NOTE_CHARACTERS_MAX,
  openGlass,
  REVIEW_FINDINGS,
  reviewGlass,
  type BreakGlassGrant,
  type BreakGlassOutcome,
  type BreakGlassState,
} from './break-glass.ts'
import { SealedRows, type Kept, type RowsInput } from './sealed-rows.ts'

export interface GlassInput extends RowsInput {
  readonly clock: Clock
  readonly audit: AuditTrail
  /** Until when grants are to be reviewed, after they were opened. */
  readonly reviewMs?: number
}

/** Told of every change, once it is durable; what it throws is its own affair. */
export type GlassListener = (grant: BreakGlassGrant) => void

/** The grants of one site. Use `openGlassKeeper`. */
export class GlassKeeper {
  readonly #input: GlassInput
  readonly #rows: Rows
  /** By grant; as stored. Owned by this. */
  readonly #kept = new Map<string, Kept<BreakGlassGrant>>()
  /** `#kept` as a list, once somebody has asked for it. */
  #state: BreakGlassState | undefined
  /** The end of the queue of changes: two must not count the same open grants. */
  #turn: Promise<unknown> = Promise.resolve()
  #listener: GlassListener | undefined

  constructor(input: GlassInput, rows: Rows, kept: readonly Kept<BreakGlassGrant>[]) {
    this.#input = input
    this.#rows = rows
    for (const one of kept) this.#kept.set(one.id, one)
  }

  /** Grants that are open or await review: the same list until one of them changes. */
  get state(): BreakGlassState {
    return (this.#state ??= [...this.#kept.values()].map(({ value }) => value))
  }

  /** Who is told of changes: one at a time. */
  onChange(listener: GlassListener): void {
    this.#listener = listener
  }

  /** Breaks the glass, durably. @throws PortRefusal */
  open(input: Omit<Parameters<typeof openGlass>[1], 'reviewMs'>): Promise<BreakGlassOutcome> {
    const { reviewMs } = this.#input
    const term = reviewMs === undefined ? {} : { reviewMs }
    return this.#change(() => openGlass(this.state, { ...input, ...term }))
  }

  /** Ends a grant before its time, durably. */
  close(input: Parameters<typeof closeGlass>[1]): Promise<BreakGlassOutcome> {
    return this.#change(() => closeGlass(this.state, input))
  }

  /** What a second person found, durably; the grant is then not in the state any more. */
  review(input: Parameters<typeof reviewGlass>[1]): Promise<BreakGlassOutcome> {
    return this.#change(() => reviewGlass(this.state, input))
  }

  /** One grant, reviewed ones too. @throws AccessRefusal `ACCESS_ROW_DAMAGED` */
  async named(grant: string): Promise<BreakGlassGrant | undefined> {
    return (await this.#rows.get(grant))?.value as BreakGlassGrant | undefined
  }

  /** All grants there ever were, in the order of their ids, after one of these. */
  async list(page: { readonly after?: string; readonly limit: number }) {
    return (await this.#rows.list(page)).map(({ value }) => value as BreakGlassGrant)
  }

  #change(decide: () => BreakGlassOutcome): Promise<BreakGlassOutcome> {
    const mine = this.#turn.then(() => this.#changed(decide()))
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  async #changed(outcome: BreakGlassOutcome): Promise<BreakGlassOutcome> {
    if (outcome.kind === 'refused') return outcome
    const { grant, record } = outcome
    const { audit, store, clock } = this.#input
    const before = this.#kept.get(grant.id)
    const row =
      before === undefined ? this.#rows.insert(grant.id, grant) : this.#rows.replace(before, grant)
    const { kind, by: actor, facts } = record
    const event = { kind, at: clock.now(), actor, facts }
    await store.commit([...row, audit.append(event)])
    this.#state = undefined
    if (grant.review !== undefined) this.#kept.delete(grant.id)
    else
      this.#kept.set(grant.id, { id: grant.id, version: (before?.version ?? 0) + 1, value: grant })
    this.#listener?.(grant)
    return outcome
  }
}

/** The grants of a site, as they were left. @throws AccessRefusal `ACCESS_ROW_DAMAGED` */
export async function openGlassKeeper(input: GlassInput): Promise<GlassKeeper> {
  const rows: Rows = new SealedRows(input, { kind: 'glass', shape: GrantShape, octetsMax: 16_384 })
  const kept: Kept<BreakGlassGrant>[] = []
  for (let after: string | undefined; ;) {
    const page = await rows.list({ limit: PAGE, ...(after !== undefined && { after }) })
    for (const one of page) {
      const value = one.value as BreakGlassGrant
      if (value.review === undefined) kept.push({ ...one, value })
    }
    after = page.at(-1)?.id
    if (page.length < PAGE) return new GlassKeeper(input, rows, kept)
  }
}

const Time = Whole(0)
const GrantShape = Exactly({
  id: UuidText,
  by: Text(256, 1),
  patient: Text(256, 1),
  reason: OneOf(...BREAK_GLASS_REASONS),
  text: Text(500),
  openedAt: Time,
  expiresAt: Time,
  closedAt: Type.Optional(Time),
  reviewDueAt: Time,
  review: Type.Optional(
    Exactly({
      by: Text(256, 1),
      at: Time,
      finding: OneOf(...REVIEW_FINDINGS),
      note: Text(NOTE_CHARACTERS_MAX),
    }),
  ),
})
type Rows = SealedRows<typeof GrantShape>
const PAGE = 200
