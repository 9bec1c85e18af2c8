/**
 * Sign-ins, tokens and rights as events: what the log says of people, told as AuditEvents too.
 *
 * Stands in the place of the log for whoever deals with people and apps. Where an entry binds nothing
 * else, the event is bound by that entry itself; a change of a person has a line of history bound to
 * its entry already, and gets an entry of its own for the event. Neither says which role or password.
 *
 * @module
 */

import type { Statement } from '#base'
import { accountOf, type Act, type AuditEvent, type AuditLog, type AuditTrail } from '#audit'
import type { Deed, Vault } from '#vault'

/** The log, which tells of people as events. */
export class TellingTrail implements AuditTrail {
  readonly #log: AuditLog
  readonly #vault: Pick<Vault, 'telling'>

  constructor(log: AuditLog, vault: Pick<Vault, 'telling'>) {
    this.#log = log
    this.#vault = vault
  }

  append(event: AuditEvent): Statement {
    const deed = deedOf(event)
    if (deed === undefined) return this.#log.append(event)
    const { event: told, kept } = this.#vault.telling(deed)
    return this.#log.append(told, kept)
  }

  async record(event: AuditEvent): Promise<number> {
    const deed = deedOf(event)
    if (deed === undefined) return await this.#log.record(event)
    const { event: told, kept } = this.#vault.telling(deed)
    return await this.#log.record(told, kept)
  }

  /** The event of an entry that binds something else, with an entry of its own. */
  tell({ kind, actor, facts }: AuditEvent): Statement {
    const { event, kept } = this.#vault.telling({
      ...{ kind: 'people.told', actor, act: 'grade', facts: { of: kind, ...facts } },
      told: { account: accountOf(actor) },
    })
    return this.#log.append(event, kept)
  }
}

/** What an entry says as a deed; undefined for what is told by its entry alone. */
function deedOf({ kind, actor, facts, commitment }: AuditEvent): Deed | undefined {
  const act = ACTS[kind]
  if (act === undefined || commitment !== undefined) return undefined
  const { who, app, secondFactor, demo } = facts
  const person = typeof who === 'string' && who !== 'nobody' ? who : actor
  const client = kind === 'app.token' && !('app' in facts) ? actor : app
  const marks = [
    ...(secondFactor === true ? ['second-factor'] : []),
    ...(demo === true ? ['demo'] : []),
  ]
  const account = {
    ...accountOf(person),
    ...(typeof client === 'string' && { client }),
    marks,
  }
  const denied = { outcome: 'refused', reason: 'ACCESS_SIGN_IN_DENIED' } as const
  const isDenied = kind === 'people.sign-in-denied'
  return { kind, actor, act, facts, told: { account }, ...(isDenied && denied) }
}

const ACTS: Readonly<Partial<Record<string, Act>>> = {
  'people.signed-in': 'enter',
  'people.sign-in-denied': 'enter',
  'people.signed-out': 'leave',
  'app.token': 'enter',
  'app.revoked': 'leave',
  'app.granted': 'grade',
  'app.added': 'grade',
  'app.removed': 'grade',
}
