/**
 * What an authorization server remembers between requests: sign-ins under way, sessions, grants,
 * codes and refresh tokens.
 *
 * Each is found by a secret of its own, of which only a keyed hash is kept, and is sealed. What
 * belongs to a person ends when that person's sessions do (suspended, ended, rights or password
 * changed); what was given under a grant ends with the grant. Rows are named by when they end, so
 * that those which have ended are found first and taken away.
 *
 * What the rows say is the business of whoever keeps them.
 *
 * @module
 */

import {
  epochMs,
  Exactly,
  newUuid,
  Text,
  Type,
  utf8,
  UuidText,
  Whole,
  type Clock,
  type EpochMs,
  type Statement,
} from '#base'
import { hmac } from '#crypto'
import { committedFirst } from '../once.ts'
import { AccessRefusal } from '../refusal.ts'
import { SealedRows, type Kept, type RowsInput } from '../sealed-rows.ts'
import type { People } from './people.ts'
import { mayEnter } from './person.ts'

/** What is to be remembered, and whose it is. */
export interface Authorization {
  /** Of whoever keeps it, as text. */
  readonly payload: string
  readonly endsAt: EpochMs
  /** A second name that it is found by. */
  readonly uid?: string
  readonly person?: string
  readonly client?: string
  /** The grant that it was given under. */
  readonly grant?: string
}

const KeptShape = Exactly({
  /** What sort of thing it is, in the words of whoever keeps it. */
  sort: Text(32, 1),
  payload: Text(32_768, 1),
  endsAt: Whole(0),
  uid: Type.Optional(Text(256, 1)),
  person: Type.Optional(UuidText),
  /** Of the person when it began. */
  epoch: Type.Optional(Whole(0)),
  client: Type.Optional(Text(64, 1)),
  grant: Type.Optional(Text(256, 1)),
})

/** The sort of things that others are given under. */
export const GRANT = 'Grant'

export interface AuthorizationsInput extends RowsInput {
  readonly clock: Clock
  readonly people: People
}

/** Owns nothing; the key stays whoever handed it in. */
export class Authorizations {
  readonly #input: AuthorizationsInput
  readonly #rows: SealedRows<typeof KeptShape>

  constructor(input: AuthorizationsInput) {
    this.#input = input
    const row = { kind: 'sign-on', shape: KeptShape, octetsMax: 49_152 }
    this.#rows = new SealedRows(input, row)
  }

  /**
   * Remembers something, or something else under the same secret.
   *
   * @throws AccessRefusal `ACCESS_PERSON_UNKNOWN`, `ACCESS_SIGN_IN_BUSY`
   */
  async keep(sort: string, secret: string, wish: Authorization): Promise<void> {
    await this.#forgetEnded()
    for (let tries = TRIES; tries > 0; tries--) if (await this.#keep(sort, secret, wish)) return
    throw new AccessRefusal('ACCESS_SIGN_IN_BUSY', 'Too many write the same at one time; try again')
  }

  async #keep(sort: string, secret: string, wish: Authorization): Promise<boolean> {
    const { random, people } = this.#input
    const { person, endsAt, uid } = wish
    const before = await this.#rows.tagged(tagOf(sort, secret))
    const isSame = person !== undefined && before?.value.person === person
    const current = person === undefined ? undefined : (await people.named(person)).epoch
    const epoch = isSame ? before.value.epoch : current
    const id = `${String(endsAt).padStart(15, '0')}-${newUuid(random)}`
    const value = { sort, ...wish, ...(epoch === undefined ? {} : { epoch }) }
    const tags = tagsOf(sort, secret, uid)
    const old = before === undefined ? [] : this.#rows.remove(before)
    return await this.#done([...old, ...this.#rows.insert(id, value, tags)])
  }

  /** What is remembered under this secret, if it still stands. */
  async find(sort: string, secret: string): Promise<string | undefined> {
    return (await this.#standing(await this.#rows.tagged(tagOf(sort, secret))))?.payload
  }

  /** The same by its second name. */
  async findByUid(sort: string, uid: string): Promise<string | undefined> {
    return (await this.#standing(await this.#rows.tagged(uidTag(sort, uid))))?.payload
  }

  /**
   * Says something else of what is there, once: of two who do so at one time, one is refused.
   *
   * @returns false if it is not there, or somebody was faster
   */
  async change(sort: string, secret: string, payload: string): Promise<boolean> {
    const kept = await this.#rows.tagged(tagOf(sort, secret))
    if (kept === undefined) return false
    const tags = tagsOf(sort, secret, kept.value.uid)
    return await this.#done(this.#rows.replace(kept, { ...kept.value, payload }, tags))
  }

  /** Forgets. @returns false if it was not there, or somebody was faster */
  async forget(sort: string, secret: string): Promise<boolean> {
    const kept = await this.#rows.tagged(tagOf(sort, secret))
    return kept !== undefined && (await this.#done(this.#rows.remove(kept)))
  }

  /** Whether a person's grant to an app still stands. */
  async stands(
    grant: string,
    of: { readonly person: string; readonly client: string },
  ): Promise<boolean> {
    const value = await this.#standing(await this.#rows.tagged(tagOf(GRANT, grant)))
    return value?.person === of.person && value.client === of.client
  }

  /** What a form has to bring back, so that no page of another origin can send it. */
  formToken(uid: string): string {
    const said = utf8(`photonward/sign-on-form/v1 ${this.#input.site} ${uid}`)
    return hmac('sha256', this.#input.key.reveal(), said).toHex()
  }

  async #standing(kept: Kept<Value> | undefined): Promise<Value | undefined> {
    if (kept === undefined || this.#input.clock.now() >= kept.value.endsAt) return undefined
    const { person, epoch, grant } = kept.value
    if (person !== undefined) {
      const now = await this.#input.people.find(person)
      if (now === undefined || now.epoch !== epoch || !mayEnter(now)) return undefined
    }
    if (grant !== undefined) {
      const given = await this.#rows.tagged(tagOf(GRANT, grant))
      if ((await this.#standing(given)) === undefined) return undefined
    }
    return kept.value
  }

  #done(statements: readonly Statement[]): Promise<boolean> {
    return committedFirst(this.#input.store, statements)
  }

  async #forgetEnded(): Promise<void> {
    const now = this.#input.clock.now()
    const rows = await this.#rows.list({ limit: ENDED_AT_ONCE })
    const ended = rows.filter(({ value }) => epochMs(value.endsAt) <= now)
    // Another request may have taken the same away: then there is nothing left to do.
    if (ended.length > 0) await this.#done(ended.flatMap((row) => this.#rows.remove(row)))
  }
}

type Value = NonNullable<Awaited<ReturnType<SealedRows<typeof KeptShape>['get']>>>['value']

const tagOf = (sort: string, secret: string): string => `${sort} ${secret}`
const uidTag = (sort: string, uid: string): string => `uid ${sort} ${uid}`
const tagsOf = (sort: string, secret: string, uid: string | undefined): readonly string[] => [
  tagOf(sort, secret),
  ...(uid === undefined ? [] : [uidTag(sort, uid)]),
]

/** Rows that have ended and are taken away with each that comes: more than one, so they run out. */
const ENDED_AT_ONCE = 4
const TRIES = 3
