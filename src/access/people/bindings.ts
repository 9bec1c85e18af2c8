/**
 * Who somebody is at a provider of sign-in outside this site.
 *
 * A name there counts for somebody here only after somebody here has said so: it is bound to the
 * issuer that vouches for it, so that a provider of another address inherits nobody, and to one person
 * at most. It is a way in and gives no right.
 *
 * @see OpenID Connect Core 1.0 §5.7 (issuer and subject together name an end-user)
 * @module
 */

import { refusedWith } from '#base'
import { AccessRefusal } from '../refusal.ts'
import type { People } from './people.ts'
import { BINDINGS_MAX, type Person } from './person.ts'

/** A name at a provider. */
export interface OutsideName {
  /** Its issuer, as the configuration says it. */
  readonly issuer: string
  readonly subject: string
}

/**
 * Binds a name at a provider to a person, in place of another at the same provider.
 *
 * @throws AccessRefusal `ACCESS_PERSON_EXISTS` if it is somebody's already,
 *   `ACCESS_CHANGE_FORBIDDEN` for oneself, `ACCESS_PERSON_UNKNOWN`, `ACCESS_PERSON_INVALID`
 */
export async function bindPerson(
  people: People,
  name: string,
  about: OutsideName & { readonly at: number; readonly by: string },
): Promise<Person> {
  const { issuer, subject, at, by } = about
  const bound = (person: Person): Person => {
    checkOther(person, by)
    if (person.employment === 'ended') throw invalid('Whoever has ended is bound to nobody')
    const others = (person.bindings ?? []).filter((one) => one.issuer !== issuer)
    if (others.length >= BINDINGS_MAX) throw invalid(`At most ${BINDINGS_MAX} providers each`)
    // Whoever has signed in under another name there is not this one.
    const epoch = person.epoch + 1
    return { ...person, epoch, bindings: [...others, { issuer, subject, since: at }] }
  }
  const detail = `${issuer} ${subject}`
  try {
    return await people.update(name, bound, { by, what: 'bound', detail })
  } catch (error) {
    if (!refusedWith(error, 'STORE_CONFLICT')) throw error
    const message = 'This name at the provider is bound to somebody already'
    throw new AccessRefusal('ACCESS_PERSON_EXISTS', message, { cause: error })
  }
}

/** Takes a name at a provider from a person; sessions that stand end. @throws AccessRefusal */
export async function unbindPerson(
  people: People,
  name: string,
  { issuer, by }: Pick<OutsideName, 'issuer'> & { readonly by: string },
): Promise<Person> {
  const unbound = (person: Person): Person => {
    checkOther(person, by)
    const all = person.bindings ?? []
    const bindings = all.filter((one) => one.issuer !== issuer)
    if (bindings.length === all.length) throw invalid('The person has no name at that provider')
    return { ...person, bindings, epoch: person.epoch + 1 }
  }
  return await people.update(name, unbound, { by, what: 'unbound', detail: issuer })
}

function checkOther({ id }: Person, by: string): void {
  if (id !== by) return
  const message = 'Nobody binds the own name: ask somebody else'
  throw new AccessRefusal('ACCESS_CHANGE_FORBIDDEN', message)
}

const invalid = (message: string): AccessRefusal =>
  new AccessRefusal('ACCESS_PERSON_INVALID', message)
