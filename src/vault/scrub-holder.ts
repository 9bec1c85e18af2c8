/**
 * The part of a scrub that opens records: everything of one holder against its rows.
 *
 * @module
 */

import { bind, hex, sameOctets, statement, uuidOctets, type SiteId, type Uuid } from '#base'
import { sha256 } from '#crypto'
import { ownershipOf } from '#health'
import { isGone, likenessOf, resourceOf, type Body } from './body.ts'
import { storedVerifiersOf, type VaultContext, type VerifiersOf } from './context.ts'
import { faultOf, type Fault } from './findings.ts'
import { isProven, isSigned, type GroupProof } from './group.ts'
import type { HolderKey } from './holder-key.ts'
import { Rolls } from './kinds.ts'
import {
  everyObjectOf,
  holdingsOfObject,
  HOLDING_PARTS,
  versionsOf,
  type HeldObject,
  type StoredObject,
} from './objects.ts'
import { proofOf } from './origins.ts'
import {
  openersOf,
  openVersion,
  placeOf,
  readNewest,
  readVersion,
  type VerifiedVersion,
} from './reading.ts'
import { damaged } from './refusal.ts'
import { numberOf, octetsOf } from './rows.ts'
import { IndexCheck } from './scrub-index.ts'
import type { Buried } from './scrub-tombs.ts'
import { lookupAbroad, lookupOfSubject, lookupsOfPatient, nameOf, type Lookup } from './subjects.ts'
import { db } from './tables.ts'
import { identityOf, LOOKUP_FIELDS, type LookupField } from './tags.ts'

/** What was found of one holder. */
export interface HolderScrub {
  readonly faults: readonly Fault[]
  readonly objects: number
  readonly versions: number
}

/** Signed statements of other sites that one scrub has found good: many items come in each. */
export class GoodStatements {
  /** Digests of what was verified, with its signatures; at most `GOOD_STATEMENTS_MAX`. */
  readonly #good = new Set<string>()
  readonly #verifiersOf: VerifiersOf

  constructor(context: VaultContext) {
    this.#verifiersOf = storedVerifiersOf(context)
  }

  /** Whether both signatures of a site hold, found now or before for the same octets. */
  has(tenant: SiteId, { statement: text, signature }: GroupProof): boolean {
    const { mlDsa, ed25519 } = signature
    const name = `${tenant} ${[text, mlDsa, ed25519].map((part) => hex(sha256(part))).join(' ')}`
    if (this.#good.has(name)) return true
    if (!isSigned(this.#verifiersOf(tenant), { statement: text, signature })) return false
    if (this.#good.size >= GOOD_STATEMENTS_MAX) this.#good.clear()
    this.#good.add(name)
    return true
  }
}

/** Everything that a holder holds, checked. Never throws for what is stored. */
export async function holderFaults(
  context: VaultContext,
  id: Uuid,
  { good, buried }: { readonly good: GoodStatements; readonly buried: Buried },
): Promise<HolderScrub> {
  const place = `vault_holder ${id}`
  const faults: Fault[] = []
  let objects = 0
  let versions = 0
  try {
    using key = await context.keyring.keyOf(id)
    if (key === undefined) return { faults, objects, versions }
    const lookups = new Lookups(context, key)
    const index = new IndexCheck(context, key)
    const rolls = new Rolls(context)
    for await (const held of everyObjectOf(context, id)) {
      objects++
      try {
        versions += await checkObject(context, held, { key, lookups, good, buried, index, rolls })
      } catch (error) {
        faults.push(faultOf(error, `vault_object ${held.object.id}`))
      }
    }
    // Lookups and index follow from contents: while some do not open, nobody knows what they say.
    if (faults.length === 0) faults.push(...(await lookups.faults()), ...(await index.faults()))
  } catch (error) {
    faults.push(faultOf(error, place))
  }
  return { faults, objects, versions }
}

/** What the contents of a holder's objects are held against. */
interface Checks {
  readonly key: HolderKey
  readonly lookups: Lookups
  readonly index: IndexCheck
  readonly good: GoodStatements
  readonly buried: Buried
  readonly rolls: Rolls
}

/** All versions of an object, and its own row. @returns how many versions @throws VaultRefusal */
async function checkObject(
  context: VaultContext,
  held: HeldObject,
  { key, lookups, good, buried, index, rolls }: Checks,
): Promise<number> {
  const { object } = held
  const place = `vault_object ${object.id}`
  const numbers = await versionsOf(context, object.id)
  const newest = numbers.at(-1)
  if (newest !== object.newest) {
    throw damaged(place, `names version ${object.newest} as the newest, not ${newest ?? 'any'}`)
  }
  for (const number of numbers.slice(0, -1)) {
    const verified = await readVersion(context, object, number)
    await checkProof(context, verified, good)
    // A former version may belong to former holders only.
    if (!openersOf(verified).includes(key.holder.id)) continue
    const former = openVersion(verified, key)
    await checkRoll(rolls, verified, former)
    lookups.expect(object, former)
  }
  const verified = await readNewest(context, held)
  await checkProof(context, verified, good)
  const body = openVersion(verified, key)
  await checkRoll(rolls, verified, body)
  lookups.expect(object, body)
  index.expect(verified, body)
  const identity = identityOf(context.tags, object.origin, body)
  const likeness = likenessOf(context.tags, object.id, body.text)
  if (!sameOctets(identity, object.identity)) throw damaged(place, 'the identity tag was changed')
  if (!sameOctets(likeness, object.likeness)) throw damaged(place, 'the likeness tag was changed')
  await checkHoldings(context, verified, { body, buried })
  return numbers.length
}

/** The roll names the type of a version at its place in the group. */
async function checkRoll(
  rolls: Rolls,
  { group, place }: VerifiedVersion,
  { type }: Body,
): Promise<void> {
  const { group: id } = group.read
  if ((await rolls.of(id))[place] === type) return
  throw damaged(`vault_roll ${id}`, 'names another type')
}

/** An object is held by those for whom its data key is wrapped and who were not erased, only. */
async function checkHoldings(
  context: VaultContext,
  verified: VerifiedVersion,
  { body, buried }: { readonly body: Body; readonly buried: Buried },
): Promise<void> {
  const part = HOLDING_PARTS[body.type === 'Patient' ? 'self' : 'rest']
  const holdings = await holdingsOfObject(context, verified.object)
  const openers = openersOf(verified).filter((holder) => !buried.holders.has(holder))
  const expected = openers.map((holder) => `${holder} ${part}`)
  const found = holdings.map((holding) => `${holding.holder} ${holding.part}`)
  if (expected.toSorted().join() === found.toSorted().join()) return
  const place = `vault_holding of object ${verified.object}`
  throw damaged(place, 'the holders are not those for whom it is sealed')
}

/** What came from another site is still proven by that site. */
async function checkProof(
  context: VaultContext,
  verified: VerifiedVersion,
  good: GoodStatements,
): Promise<void> {
  const { object, version, hash, tenant, origin } = verified
  if (origin === undefined) return
  const proof = await proofOf(context, tenant, origin)
  if (!good.has(tenant, proof)) {
    throw damaged(`vault_foreign ${origin.group}`, 'the signatures do not hold')
  }
  if (!isProven(proof, { object, version, hash })) {
    throw damaged(placeOf(object, version), 'the sealing site proves something else')
  }
}

/** The rows by which one holder is found, as its records call for them. */
class Lookups {
  readonly #context: VaultContext
  readonly #key: HolderKey
  /** Must be there. */
  readonly #certain = new Map<string, Lookup>()
  /** May be there: a subject of an object that several holders share is one of theirs. */
  readonly #possible = new Set<string>()

  constructor(context: VaultContext, key: HolderKey) {
    this.#context = context
    this.#key = key
  }

  expect({ origin }: StoredObject, body: Body): void {
    if (this.#key.holder.kind !== 'patient' || isGone(body)) return
    const { tags } = this.#context
    const value = resourceOf(body)
    if (body.type === 'Patient') {
      const own = lookupsOfPatient(tags, { value, id: body.id, origin })
      for (const lookup of [...own, ...lookupAbroad(this.#context, { id: body.id, origin })]) {
        this.#certain.set(nameOf(lookup), lookup)
      }
    }
    const ownership = ownershipOf(value)
    if (ownership.kind !== 'patients') return
    for (const subject of ownership.subjects) {
      const lookup = lookupOfSubject(tags, subject, origin)
      this.#possible.add(nameOf(lookup))
      if (ownership.subjects.length === 1) this.#certain.set(nameOf(lookup), lookup)
    }
  }

  async faults(): Promise<readonly Fault[]> {
    const { site, store } = this.#context
    const rows = await store.read(bind(SELECT_LOOKUPS, site, uuidOctets(this.#key.holder.id)))
    const there = new Set<string>()
    const faults: Fault[] = []
    for (const row of rows) {
      const number = numberOf(row, 'field')
      const field = FIELDS.find((name) => LOOKUP_FIELDS[name] === number)
      const tag = octetsOf(row, 'tag')
      const name = field === undefined ? '' : nameOf({ field, tag })
      there.add(name)
      if (this.#certain.has(name) || this.#possible.has(name)) continue
      faults.push(this.#fault(number, tag, 'no record calls for the row'))
    }
    for (const [name, { field, tag }] of this.#certain) {
      if (there.has(name)) continue
      faults.push(this.#fault(LOOKUP_FIELDS[field], tag, 'the row is missing'))
    }
    return faults
  }

  #fault(field: number, tag: Uint8Array, problem: string): Fault {
    return { place: `vault_lookup ${field} ${hex(tag)} ${this.#key.holder.id}`, problem }
  }
}

/** Digests that a scrub remembers; some 250 octets each. */
const GOOD_STATEMENTS_MAX = 10_000
const blank = new Uint8Array(0)
const FIELDS = Object.keys(LOOKUP_FIELDS) as LookupField[]
const SELECT_LOOKUPS = statement(
  db
    .selectFrom('vault_lookup')
    .select(['field', 'tag'])
    .where('site_id', '=', '')
    .where('holder_id', '=', blank),
)
