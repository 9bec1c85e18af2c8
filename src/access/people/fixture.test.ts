/**
 * The people of a site over simulated ports, for the tests of this room. Holds no tests itself.
 *
 * @module
 */

import { SecretBytes, siteId, type EpochMs, type TSchema } from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newSigningKeyPair } from '#crypto'
import { MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { onceMigrations, onceOnlyIn } from '../once.ts'
import { SealedRows, sealedRowMigrations, type RowKind, type RowsInput } from '../sealed-rows.ts'
import { Passkeys } from './passkeys.ts'
import { People } from './people.ts'
import type { Person, RoleChange } from './person.ts'
import { SignIn } from './sign-in.ts'
import { totpCode } from './totp.ts'

export const SITE = siteId('bristol')
export const PASSWORD = 'correct horse battery'

export async function newPeople() {
  const store = new MemoryStore([...auditMigrations, ...onceMigrations, ...sealedRowMigrations])
  const time = new SimulatedTime()
  const clock = time.view()
  const ed25519 = newSigningKeyPair('ed25519')
  const mlDsa44 = newSigningKeyPair('ml-dsa-44')
  const signer = { name: 'photonward.example/bristol', ed25519, mlDsa44 }
  const audit = await AuditLog.open({ site: SITE, store, clock, signer })
  const key = SecretBytes.take(new Uint8Array(32).fill(7))
  const random = seededRandom(7)
  const rows: RowsInput = { site: SITE, store, random, key }
  const once = onceOnlyIn({ store, site: SITE, now: () => clock.now() })
  const people = new People({ ...rows, clock, audit })
  const passkeys = new Passkeys({ site: SITE, people, once, clock, random, key })
  const newSignIn = () => new SignIn({ ...rows, people, clock, audit, once, passkeys })
  const signIn = newSignIn()
  return {
    ...{ store, time, clock, audit, rows, people, signIn, passkeys, once },
    newSignIn,
    /** The same people, as after a restart. */
    reopened: () => new People({ ...rows, clock, audit }),
    rowsOf: <S extends TSchema>(kind: RowKind<S>, key?: SecretBytes) =>
      new SealedRows(key === undefined ? rows : { ...rows, key }, kind),
    kinds: async () => (await audit.entries()).map(({ event: { kind } }) => kind),
  }
}

export type TestPeople = Awaited<ReturnType<typeof newPeople>>

export const change = (more: Partial<RoleChange>): RoleChange => ({
  ...{ add: [], remove: [], clear: [], unclear: [] },
  ...more,
})

/** Somebody on the staff with a password, and roles that the operator may give alone. */
export async function staff(
  { people }: Pick<TestPeople, 'people'>,
  login: string,
  more: Partial<RoleChange> = {},
): Promise<Person> {
  const name = login.toUpperCase()
  const { id } = await people.add({ kind: 'person', login, name }, 'operator')
  const outcome = await people.changeRoles(id, change(more), 'operator')
  return outcome.kind === 'changed' ? outcome.person : await people.named(id)
}

/** Gives an authenticator app, and what it shows at a moment. */
export async function withTotp({ people }: TestPeople, id: string) {
  const { secret } = await people.addTotp(id, id)
  return (at: EpochMs) => totpCode(secret, Math.floor(at / 30_000))
}
