/**
 * The people of a site: who may sign in, as what, and who decided so.
 *
 * Every change is one commit of the sealed row, a sealed line of its history, and an entry of the
 * log that binds that line without saying what it holds. Roles that administer others, or see what
 * they did, take two: one who asks and another who agrees, neither of them the person concerned.
 * Only where nobody could agree yet may the operator make the first who can.
 *
 * Does not sign anybody in (`sign-in.ts`) and does not decide what a role may do (`decide`).
 *
 * @module
 */

import {
  DAY_MS,
  Exactly,
  isUuid,
  newUuid,
  Octets,
  refusedWith,
  Text,
  UuidText,
  Whole,
  type Clock,
  type EpochMs,
  type Statement,
  type Static,
} from '#base'
import { bindParts, type AuditEvent, type AuditTrail } from '#audit'
import type { Principal, Relationship } from '../model.ts'
import { AccessRefusal } from '../refusal.ts'
import { SealedRows, type Kept, type RowsInput } from '../sealed-rows.ts'
import { keptPassword, checkPassword } from './password.ts'
import {
  describedAs,
  loginTag,
  needsSecond,
  newPerson,
  outsideTag,
  PersonShape,
  principalFrom,
  proxyTies,
  RoleChangeShape,
  tagsOf,
  withDelegation,
  withFactor,
  withoutFactor,
  withRoles,
  withState,
  type Delegating,
  type NewPerson,
  type Person,
  type PersonDetails,
  type PersonState,
  type RoleChange,
} from './person.ts'
import { TOTP_SECRET_OCTETS } from './totp.ts'

/** The log, and who tells what it says as an event, with an entry of its own. */
export interface PeopleTrail extends AuditTrail {
  tell?(event: AuditEvent): Statement
}

export interface PeopleInput extends RowsInput {
  readonly clock: Clock
  readonly audit: PeopleTrail
}

/** A change of roles that waits for a second person. */
export interface AskedChange {
  readonly id: string
  readonly person: string
  readonly change: RoleChange
  /** `operator`, or a person. */
  readonly askedBy: string
  readonly askedAt: EpochMs
  readonly expiresAt: EpochMs
}

/** One line of what was done to a person. */
export interface HistoryLine {
  readonly at: number
  readonly by: string
  readonly what: string
  /** In words of this room. */
  readonly detail: string
}

/** What became of a wish to change roles. */
export type RoleOutcome =
  | { readonly kind: 'changed'; readonly person: Person }
  | { readonly kind: 'asked'; readonly change: AskedChange }

/** Owns nothing but a cache; the key stays whoever handed it in. */
export class People {
  readonly #input: PeopleInput
  readonly #people: SealedRows<typeof PersonShape>
  readonly #changes: SealedRows<typeof ChangeShape>
  readonly #history: SealedRows<typeof HistoryShape>
  /** Rows as the store has them: only this process writes. Least recently read first. */
  readonly #cache = new Map<string, Kept<Person>>()
  /** Changes are made one after the other: each begins from what the last one left. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(input: PeopleInput) {
    this.#input = input
    this.#people = new SealedRows(input, { kind: 'people', shape: PersonShape, ...SMALL })
    this.#changes = new SealedRows(input, { kind: 'role-change', shape: ChangeShape, ...SMALL })
    this.#history = new SealedRows(input, { kind: 'people-past', shape: HistoryShape, ...SMALL })
  }

  /** Somebody new, without roles. @throws AccessRefusal `ACCESS_PERSON_EXISTS`, `…_INVALID` */
  async add(wish: NewPerson, by: string): Promise<Person> {
    const at = this.#input.clock.now()
    const person = newPerson(wish, { id: newUuid(this.#input.random), at })
    const told = this.#told(person.id, 1, { by, what: 'added', detail: person.kind })
    try {
      const row = this.#people.insert(person.id, person, tagsOf(person))
      await this.#input.store.commit([...row, ...told])
    } catch (error) {
      if (!refusedWith(error, 'STORE_CONFLICT')) throw error
      const message = 'Somebody has this login name already'
      throw new AccessRefusal('ACCESS_PERSON_EXISTS', message, { cause: error })
    }
    return person
  }

  /** By identifier or login name. @throws AccessRefusal `ACCESS_PERSON_UNKNOWN` */
  async named(name: string): Promise<Person> {
    return (await this.#kept(name)).value
  }

  /** The same, or undefined for nobody of that name. */
  async find(name: string): Promise<Person | undefined> {
    return (await this.#found(name))?.value
  }

  /** Whoever has this login name, if anybody has. */
  async ofLogin(login: string): Promise<Person | undefined> {
    return (await this.#people.tagged(loginTag(login.toLowerCase())))?.value
  }

  /** Whoever is bound to this name at a provider outside, if anybody is. */
  async ofOutside(issuer: string, subject: string): Promise<Person | undefined> {
    return (await this.#people.tagged(outsideTag(issuer, subject)))?.value
  }

  /** A page in the order of identifiers. */
  async list(page: { readonly after?: string; readonly limit: number }): Promise<Person[]> {
    return (await this.#people.list(page)).map(({ value }) => value)
  }

  /** What was done to a person, oldest first. */
  async history(person: string): Promise<HistoryLine[]> {
    const { id } = await this.#kept(person)
    const lines: HistoryLine[] = []
    let after = id
    for (;;) {
      const rows = await this.#history.list({ after, limit: PAGE })
      const own = rows.filter((row) => row.id.startsWith(id))
      lines.push(...own.map(({ value: { at, by, what, detail } }) => ({ at, by, what, detail })))
      if (own.length < PAGE) return lines
      after = own[own.length - 1].id
    }
  }

  /** A person as decisions know one. @throws AccessRefusal `ACCESS_PERSON_UNKNOWN` */
  async principalOf(id: string): Promise<Principal> {
    const { value: person } = await this.#kept(id)
    const from = [...new Set(person.delegations.map((one) => one.from))]
    const delegators = await Promise.all(from.map(async (one) => (await this.#kept(one)).value))
    return principalFrom(person, delegators)
  }

  /** Ties that a person has to patients by standing for them. */
  async tiesOf(id: string): Promise<readonly Relationship[]> {
    return proxyTies((await this.#kept(id)).value)
  }

  /**
   * Changes roles and clearances, or asks for a second person where one is needed.
   *
   * @param by   `operator`, or a person
   * @throws AccessRefusal `ACCESS_ROLES_FORBIDDEN`, `ACCESS_PERSON_UNKNOWN`, `ACCESS_CHANGE_FORBIDDEN`
   */
  changeRoles(name: string, change: RoleChange, by: string): Promise<RoleOutcome> {
    return this.#inTurn(() => this.#changeRoles(name, change, by))
  }

  async #changeRoles(name: string, change: RoleChange, by: string): Promise<RoleOutcome> {
    const kept = await this.#kept(name)
    checkOther(kept.value, by)
    const next = withRoles(kept.value, change)
    const isFirst =
      by === OPERATOR &&
      change.clear.length === 0 &&
      change.add.every((role) => role === APPROVER || !needsSecond({ ...change, add: [role] })) &&
      !(await this.#anyApprover())
    if (needsSecond(change) && !isFirst) return await this.#ask(kept.id, change, by)
    const detail = isFirst && needsSecond(change) ? `first ${roleText(change)}` : roleText(change)
    const person = await this.#replace(kept, ended(next), { by, what: 'roles', detail })
    return { kind: 'changed', person }
  }

  /** Changes that wait for a second person, and have not expired. */
  async changes(): Promise<AskedChange[]> {
    const now = this.#input.clock.now()
    const rows = await this.#changes.list({ limit: CHANGES_MAX })
    return rows.map(({ value }) => asked(value)).filter(({ expiresAt }) => now < expiresAt)
  }

  /**
   * Agrees to a change that somebody else asked for.
   *
   * @param by   a person who signed in with a second factor
   * @throws AccessRefusal `ACCESS_CHANGE_UNKNOWN`, `ACCESS_CHANGE_FORBIDDEN`, `ACCESS_ROLES_FORBIDDEN`
   */
  agree(id: string, by: string): Promise<Person> {
    return this.#inTurn(() => this.#agree(id, by))
  }

  async #agree(id: string, by: string): Promise<Person> {
    const row = await this.#change(id)
    const { person, change, askedBy } = row.value
    const second = await this.#kept(by)
    const isFit = second.value.roles.includes(APPROVER) && second.value.employment === 'active'
    if (!isFit) throw forbidden(`Only somebody who is ${APPROVER} agrees to this`)
    if (by === askedBy || by === person) {
      throw forbidden('Somebody else has to agree: neither who asked nor whom it is about')
    }
    const kept = await this.#kept(person)
    const next = withRoles(kept.value, change)
    const detail = `${roleText(change)}, asked by ${askedBy}`
    const more = this.#changes.remove(row)
    return await this.#replace(kept, ended(next), { by, what: 'roles', detail }, more)
  }

  /** Ends a wish without fulfilling it; whoever asked may do so as well. */
  refuse(id: string, by: string): Promise<void> {
    return this.#inTurn(() => this.#refuse(id, by))
  }

  async #refuse(id: string, by: string): Promise<void> {
    const row = await this.#change(id)
    const { person, change, askedBy } = row.value
    const kept = await this.#kept(person)
    const detail = `${roleText(change)}, asked by ${askedBy}`
    await this.#replace(
      kept,
      kept.value,
      { by, what: 'refused', detail },
      this.#changes.remove(row),
    )
  }

  /** Suspends, takes back, or ends for good; sessions and tokens that stand end with it. */
  setState(name: string, state: PersonState, by: string): Promise<Person> {
    return this.#inTurn(async () => {
      const kept = await this.#kept(name)
      checkOther(kept.value, by)
      const person = withState(kept.value, state)
      return await this.#replace(kept, ended(person), { by, what: state, detail: '' })
    })
  }

  /** Says something anew of a person: name, references, department, care teams. */
  async describe(name: string, details: PersonDetails, by: string): Promise<Person> {
    const detail = Object.keys(details).join(' ')
    const describe = (person: Person): Person => {
      checkOther(person, by)
      return ended(describedAs(person, details))
    }
    return await this.update(name, describe, { by, what: 'described', detail })
  }

  /** Sets a password. @throws AccessRefusal `ACCESS_PASSWORD_INVALID` */
  async setPassword(name: string, password: string, by: string): Promise<Person> {
    const before = await this.#kept(name)
    checkPassword(password, before.value.login)
    const kept = await keptPassword(password, this.#input.random)
    return await this.update(before.id, (person) => ended({ ...person, password: kept }), {
      ...{ by, what: 'password', detail: '' },
    })
  }

  /**
   * Changes what has nothing to do with rights, such as a second factor; see `setState` and
   * `changeRoles` for the rest.
   */
  async update(
    name: string,
    next: (person: Person) => Person,
    told: Omit<Telling, 'at'>,
  ): Promise<Person> {
    return await this.#inTurn(async () => {
      const kept = await this.#kept(name)
      return await this.#replace(kept, next(kept.value), told)
    })
  }

  /** A new authenticator app; it counts once a code of it was right. The secret is shown once. */
  async addTotp(name: string, by: string): Promise<{ readonly id: string; secret: Uint8Array }> {
    const { random, clock } = this.#input
    const [id, secret] = [newUuid(random), random.octets(TOTP_SECRET_OCTETS)]
    const factor = { kind: 'totp', id, secret, proven: false, since: clock.now() } as const
    await this.update(name, (person) => withFactor(person, factor), {
      ...{ by, what: 'factor-added', detail: `totp ${id}` },
    })
    return { id, secret }
  }

  /** Takes a second factor away; sessions that stand end. @throws AccessRefusal `…_INVALID` */
  async removeFactor(name: string, factor: string, by: string): Promise<Person> {
    return await this.update(name, (person) => ended(withoutFactor(person, factor)), {
      ...{ by, what: 'factor-removed', detail: factor },
    })
  }

  /** Lends the ties of one person to another for a while, or makes somebody a patient's proxy. */
  async delegate(name: string, wish: Delegating, by: string): Promise<Person> {
    if (wish.reason !== 'proxy') await this.#kept(wish.from)
    return await this.update(
      name,
      (person) => withDelegation(person, wish, this.#input.clock.now()),
      {
        ...{ by, what: 'lent', detail: `${wish.reason} ${wish.from}` },
      },
    )
  }

  /** Notes that a code of this authenticator app was right once. */
  async proveFactor(person: string, factor: string): Promise<void> {
    await this.update(
      person,
      (now) => ({
        ...now,
        factors: now.factors.map((one) =>
          one.id === factor ? { ...one, proven: true as const } : one,
        ),
      }),
      { by: person, what: 'factor-proven', detail: factor },
    )
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #anyApprover(): Promise<boolean> {
    for (let after = ''; ;) {
      const rows = await this.#people.list({ after, limit: PAGE })
      if (rows.some(({ value }) => isApprover(value))) return true
      if (rows.length < PAGE) return false
      after = rows[rows.length - 1].id
    }
  }

  async #ask(person: string, change: RoleChange, by: string): Promise<RoleOutcome> {
    if ((await this.#changes.list({ limit: CHANGES_MAX })).length >= CHANGES_MAX) {
      throw forbidden(`At most ${CHANGES_MAX} changes wait at one time`)
    }
    const now = this.#input.clock.now()
    const id = newUuid(this.#input.random)
    const value = { id, person, change, askedBy: by, askedAt: now, expiresAt: now + WAIT_MS }
    const kept = await this.#kept(person)
    const told = { by, what: 'asked', detail: roleText(change) }
    await this.#replace(kept, kept.value, told, this.#changes.insert(id, value))
    return { kind: 'asked', change: asked(value) }
  }

  async #change(id: string): Promise<Kept<Static<typeof ChangeShape>>> {
    const row = isUuid(id) ? await this.#changes.get(id) : undefined
    if (row !== undefined && this.#input.clock.now() < row.value.expiresAt) return row
    throw new AccessRefusal('ACCESS_CHANGE_UNKNOWN', 'No change of that name waits, or no longer')
  }

  async #kept(name: string): Promise<Kept<Person>> {
    const found = await this.#found(name)
    if (found !== undefined) return found
    throw new AccessRefusal('ACCESS_PERSON_UNKNOWN', 'This site knows nobody of that name')
  }

  async #found(name: string): Promise<Kept<Person> | undefined> {
    const cached = this.#cache.get(name)
    if (cached !== undefined) return cached
    const found = isUuid(name)
      ? await this.#people.get(name)
      : await this.#people.tagged(loginTag(name.toLowerCase()))
    if (found !== undefined) this.#keep(found)
    return found
  }

  #keep(kept: Kept<Person>): void {
    this.#cache.delete(kept.id)
    this.#cache.set(kept.id, kept)
    for (const oldest of [...this.#cache.keys()].slice(0, -CACHED_MAX)) this.#cache.delete(oldest)
  }

  async #replace(
    kept: Kept<Person>,
    person: Person,
    told: Omit<Telling, 'at'>,
    more: readonly Statement[] = [],
  ): Promise<Person> {
    const version = kept.version + 1
    this.#cache.delete(kept.id)
    const row = this.#people.replace(kept, person, tagsOf(person))
    await this.#input.store.commit([...row, ...more, ...this.#told(kept.id, version, told)])
    this.#keep({ id: kept.id, version, value: person })
    return person
  }

  /** The line of a person's history, sealed, and the entry of the log that binds it. */
  #told(person: string, version: number, told: Omit<Telling, 'at'>): Statement[] {
    const { clock, random, audit } = this.#input
    const at = clock.now()
    const { by, what, detail } = told
    const general = JSON.stringify({ at, by, what, person })
    const { commitment, ...opening } = bindParts(random, { general, particular: detail })
    const line = { ...told, at, person, ...opening }
    const id = `${person}-${String(version).padStart(10, '0')}`
    const facts = { who: person, version }
    const event = { kind: `people.${what}`, at, actor: by, facts, commitment }
    const beside = audit.tell === undefined ? [] : [audit.tell(event)]
    return [...this.#history.insert(id, line), audit.append(event), ...beside]
  }
}

interface Telling {
  readonly at: number
  /** `operator`, or a person. */
  readonly by: string
  /** A neutral word: it stands in the log. */
  readonly what: string
  readonly detail: string
}

/** Sessions and tokens that stand are void from here. */
const ended = (person: Person): Person => ({ ...person, epoch: person.epoch + 1 })

/** @throws AccessRefusal `ACCESS_CHANGE_FORBIDDEN` for whoever would change the own rights */
function checkOther({ id }: Person, by: string): void {
  if (by === id) throw forbidden('Nobody changes the own rights: ask somebody else')
}

const isApprover = ({ roles, employment }: Person): boolean =>
  roles.includes(APPROVER) && employment === 'active'

const roleText = ({ add, remove, clear, unclear }: RoleChange): string =>
  [
    ...add.map((role) => `+${role}`),
    ...remove.map((role) => `-${role}`),
    ...clear.map((one) => `+clearance ${one}`),
    ...unclear.map((one) => `-clearance ${one}`),
  ].join(' ')

const asked = (value: Static<typeof ChangeShape>): AskedChange => ({
  ...value,
  askedAt: value.askedAt as EpochMs,
  expiresAt: value.expiresAt as EpochMs,
})

const forbidden = (message: string): AccessRefusal =>
  new AccessRefusal('ACCESS_CHANGE_FORBIDDEN', message)

const ChangeShape = Exactly({
  id: UuidText,
  person: UuidText,
  change: RoleChangeShape,
  askedBy: Text(64, 1),
  askedAt: Whole(0),
  expiresAt: Whole(0),
})

const HistoryShape = Exactly({
  person: UuidText,
  at: Whole(0),
  by: Text(64, 1),
  what: Text(32, 1),
  detail: Text(2048),
  /** What opens the entry of the log: see `bindParts` of the audit room. */
  inner: Octets(32),
  salts: Exactly({ general: Octets(32), particular: Octets(32) }),
})

/** Whoever reaches the admin socket. */
export const OPERATOR = 'operator'
const APPROVER = 'user-administrator'
const SMALL = { octetsMax: 65_536 }
const PAGE = 200
const CHANGES_MAX = 256
const CACHED_MAX = 4096
/** How long a change waits for the second person. */
const WAIT_MS = 7 * DAY_MS
