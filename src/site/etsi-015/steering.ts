/**
 * What controllers have laid down, durably: links that grow no keys, pairs that are not restocked,
 * and the ways that the keys of a pair prefer.
 *
 * Each change is one transaction with its entry in the log, under the name of whoever made it, and
 * takes effect after it is durable. Nothing here needs a controller to go on: preferred ways are
 * left when they fail, and what was switched off can be switched on by the operator as well.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  Exactly,
  logFacts,
  siteId,
  statement,
  tablesOf,
  Text,
  toCbor,
  Type,
  uuid,
  Whole,
  type Clock,
  type Log,
  type Migration,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import type { AuditTrail } from '#audit'
import { SHARES_MAX } from '#relay'
import type { Alarms, Severity } from '../alarms.ts'
import { peerSubject, WAY_SITES_MAX, type Edit } from './edits.ts'
import type { Pin } from './facts.ts'
import { RestconfRefusal } from './refusal.ts'

export interface SteeringInput {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly audit: AuditTrail
  readonly alarms: Alarms
  /** Hospitals that reach no other one any more if this link is switched off. */
  readonly cutOffBy: (link: string) => readonly SiteId[]
}

/** Told after each change that is durable. */
export type SteeringListener = () => void

/** Owner of what stands in its tables. */
export class Steering {
  readonly #input: SteeringInput
  readonly #off: Set<string>
  readonly #pins: Map<Uuid, Pin>
  readonly #listeners: SteeringListener[] = []
  #turn: Promise<void> = Promise.resolve()

  private constructor(input: SteeringInput, off: readonly string[], pins: readonly Pin[]) {
    this.#input = input
    this.#off = new Set(off)
    this.#pins = new Map(pins.map((pin) => [pin.id, pin]))
  }

  static async open(input: SteeringInput): Promise<Steering> {
    const { site, store } = input
    const off = (await store.read(bind(SELECT_OFF, site))).map(({ subject }) => String(subject))
    const rows = await store.read(bind(SELECT_PINS, site))
    return new Steering(input, off, rows.map(pinOfRow))
  }

  get pins(): readonly Pin[] {
    return [...this.#pins.values()]
  }

  /** Whether a link, by its name, may grow keys; or a pair, by `peerSubject`. */
  isOn(subject: string): boolean {
    return !this.#off.has(subject)
  }

  /** Whether keys may be relayed to a site, and the ways that they prefer. */
  preferenceFor(peer: SiteId): {
    readonly isOn: boolean
    readonly vias: readonly (readonly SiteId[])[]
  } {
    const pin = this.pins.find((one) => one.peer === peer && one.isEnabled)
    return { isOn: this.isOn(peerSubject(peer)), vias: pin?.vias ?? [] }
  }

  onChange(listener: SteeringListener): void {
    this.#listeners.push(listener)
  }

  /**
   * Makes changes, all or none. `plan` sees what stands when their turn has come.
   *
   * @param actor   who asks for them, for the log
   * @throws RestconfRefusal, and whatever `plan` throws; nothing is changed then
   */
  async apply(actor: string, plan: () => readonly Edit[]): Promise<readonly Edit[]> {
    const done = this.#turn.then(() => this.#apply(actor, plan()))
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  async #apply(actor: string, edits: readonly Edit[]): Promise<readonly Edit[]> {
    const { store, audit, clock, log, site } = this.#input
    const wanted = edits.filter((edit) => this.#changes(edit))
    if (wanted.length === 0) return edits
    const pins = wanted.filter((edit) => edit.kind === 'pin' && edit.isNew).length
    if (this.#pins.size + pins > PINS_MAX) {
      throw new RestconfRefusal('RESTCONF_TOO_MANY', `There are at most ${PINS_MAX} virtual links`)
    }
    const at = clock.now()
    const statements = wanted.flatMap((edit) => [
      ...this.#rowsOf(edit),
      audit.append({ at, actor, ...entryOf(edit, site) }),
    ])
    try {
      await store.commit(statements)
    } catch (error) {
      log.write('error', 'control.not-stored', logFacts(error))
      throw new RestconfRefusal('RESTCONF_UNAVAILABLE', 'The store takes no changes now', {
        cause: error,
      })
    }
    for (const edit of wanted) this.#take(edit)
    await this.#tell(wanted)
    for (const listener of this.#listeners) listener()
    return edits
  }

  /** Whether a change changes anything. */
  #changes(edit: Edit): boolean {
    switch (edit.kind) {
      case 'enable':
        return this.isOn(edit.subject) !== edit.isEnabled
      case 'enable-pin':
        return this.#pins.get(edit.pin)?.isEnabled !== edit.isEnabled
      case 'pin':
        return true
      case 'unpin':
        return this.#pins.has(edit.pin)
    }
  }

  #rowsOf(edit: Edit): readonly Statement[] {
    const { site } = this.#input
    switch (edit.kind) {
      case 'enable':
        return [bind(edit.isEnabled ? DELETE_OFF : PUT_OFF, site, edit.subject)]
      case 'enable-pin': {
        const pin = this.#pins.get(edit.pin)
        return pin === undefined ? [] : [this.#pinRow({ ...pin, isEnabled: edit.isEnabled })]
      }
      case 'pin':
        return [this.#pinRow(edit.pin)]
      case 'unpin':
        return [bind(DELETE_PIN, site, edit.pin)]
    }
  }

  #pinRow(pin: Pin): Statement {
    const { id, peer, vias, bandwidth = null, isEnabled } = pin
    const body = toCbor({ peer, vias: vias.map((via) => [...via]), bandwidth, isEnabled })
    return bind(PUT_PIN, this.#input.site, id, body)
  }

  #take(edit: Edit): void {
    switch (edit.kind) {
      case 'enable':
        if (edit.isEnabled) this.#off.delete(edit.subject)
        else this.#off.add(edit.subject)
        return
      case 'enable-pin': {
        const pin = this.#pins.get(edit.pin)
        if (pin !== undefined) this.#pins.set(pin.id, { ...pin, isEnabled: edit.isEnabled })
        return
      }
      case 'pin':
        this.#pins.set(edit.pin.id, edit.pin)
        return
      case 'unpin':
        this.#pins.delete(edit.pin)
    }
  }

  /** The last way to a hospital is never cut silently. */
  #words(subject: string): { readonly severity: Severity; readonly message: string } {
    const cut = subject.startsWith('=') ? [] : this.#input.cutOffBy(subject)
    const message = 'Switched off by a controller or the operator: no keys are grown or relayed'
    if (cut.length === 0) return { severity: 'warning', message }
    return { severity: 'critical', message: `${message}; no way is left to ${cut.join(', ')}` }
  }

  /** What is switched off stands as an alarm, so that nobody looks for the reason in vain. */
  async #tell(edits: readonly Edit[]): Promise<void> {
    const { alarms, log } = this.#input
    for (const edit of edits) {
      if (edit.kind !== 'enable') continue
      const subject = edit.subject.replace('=', '')
      const change = edit.isEnabled
        ? alarms.clear(SWITCHED_OFF, subject)
        : alarms.raise({ kind: SWITCHED_OFF, subject, ...this.#words(edit.subject) })
      await change.catch((error: unknown) => {
        log.write('error', 'alarm.not-stored', logFacts(error))
      })
    }
  }
}

function entryOf(edit: Edit, site: SiteId) {
  switch (edit.kind) {
    case 'enable': {
      const kind = edit.isEnabled ? 'control.switched-on' : 'control.switched-off'
      const isPair = edit.subject.startsWith('=')
      const facts = isPair ? { peer: edit.subject.slice(1) } : { link: edit.subject }
      return { kind, facts }
    }
    case 'enable-pin': {
      const kind = edit.isEnabled ? 'control.way-on' : 'control.way-off'
      return { kind, facts: { way: edit.pin } }
    }
    case 'pin': {
      const { id, peer, vias, bandwidth = null, isEnabled } = edit.pin
      const ways = vias.map((via) => [site, ...via].join(' '))
      const facts = { way: id, peer, bandwidth, isEnabled, hops: vias.flat(), ways: ways.length }
      return { kind: 'control.way-set', facts }
    }
    case 'unpin':
      return { kind: 'control.way-removed', facts: { way: edit.pin } }
  }
}

function pinOfRow(row: Readonly<Record<string, unknown>>): Pin {
  const { peer, vias, bandwidth, isEnabled } = openPin(row['body'] as Uint8Array)
  return {
    id: uuid(String(row['pin_id'])),
    peer: siteId(peer),
    vias: vias.map((via) => via.map(siteId)),
    bandwidth: bandwidth ?? undefined,
    isEnabled,
  }
}

const openPin = cborDoor(
  Exactly({
    peer: Text(63, 1),
    vias: Type.Array(Type.Array(Text(63, 1), { minItems: 1, maxItems: WAY_SITES_MAX }), {
      minItems: 1,
      maxItems: SHARES_MAX,
    }),
    bandwidth: Type.Union([Whole(0, 2 ** 32 - 1), Type.Null()]),
    isEnabled: Type.Boolean(),
  }),
  'preferred ways',
  65_536,
)

interface ControlTables {
  control_off: { site_id: string; subject: string }
  control_pin: { site_id: string; pin_id: string; body: Uint8Array }
}

const tables = tablesOf<ControlTables>()
const SELECT_OFF = statement(
  tables.selectFrom('control_off').select('subject').where('site_id', '=', ''),
)
const PUT_OFF = statement(
  tables
    .insertInto('control_off')
    .values({ site_id: '', subject: '' })
    .onConflict((conflict) => conflict.columns(['site_id', 'subject']).doNothing()),
)
const DELETE_OFF = statement(
  tables.deleteFrom('control_off').where('site_id', '=', '').where('subject', '=', ''),
)
const SELECT_PINS = statement(
  tables.selectFrom('control_pin').select(['pin_id', 'body']).where('site_id', '=', ''),
)
const PUT_PIN = statement(
  tables
    .insertInto('control_pin')
    .values({ site_id: '', pin_id: '', body: new Uint8Array() })
    .onConflict((conflict) =>
      conflict
        .columns(['site_id', 'pin_id'])
        .doUpdateSet((row) => ({ body: row.ref('excluded.body') })),
    ),
)
const DELETE_PIN = statement(
  tables.deleteFrom('control_pin').where('site_id', '=', '').where('pin_id', '=', ''),
)

export const controlMigrations: readonly Migration[] = [
  {
    id: 'control-1',
    statements: [
      `CREATE TABLE control_off (
        site_id TEXT NOT NULL,
        subject TEXT NOT NULL,
        PRIMARY KEY (site_id, subject)
      )`,
      `CREATE TABLE control_pin (
        site_id TEXT NOT NULL,
        pin_id TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (site_id, pin_id)
      )`,
    ],
  },
]

const SWITCHED_OFF = 'control.switched-off'
const PINS_MAX = 256
