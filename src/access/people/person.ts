/**
 * What a site knows of somebody who may sign in: who it is, and what follows from it.
 *
 * Pure. Names, roles and ties of staff are personal data as well: all of it is kept sealed, and
 * logged under an identifier that says nothing.
 *
 * @module
 */

import {
  Exactly,
  OneOf,
  Octets,
  Text,
  Type,
  UuidText,
  Whole,
  DAY_MS,
  type EpochMs,
  type Static,
} from '#base'
import { SEPARATE } from '../invariants.ts'
import type { Principal, Relationship } from '../model.ts'
import { AccessRefusal } from '../refusal.ts'
import { ROLES, SENSITIVITIES, type Role } from '../vocabulary.ts'
import { PasswordShape } from './password.ts'

/** What somebody is here: on the staff, a patient (or who stands for one), or no human at all. */
export const PERSON_KINDS = ['person', 'patient', 'service'] as const
export type PersonKind = (typeof PERSON_KINDS)[number]

/** Why somebody stands in for somebody else. */
export const DELEGATION_REASONS = ['locum', 'on-call', 'proxy'] as const
export type DelegationReason = (typeof DELEGATION_REASONS)[number]

const Time = Whole(0)
const Login = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$' })
const Reference = Type.String({
  pattern:
    '^(?:Practitioner|PractitionerRole|Organization|Patient|RelatedPerson|Device)/[A-Za-z0-9.-]{1,64}$',
})
const PATIENT = /^Patient\/[A-Za-z0-9.-]{1,64}$/
const PatientReference = Type.String({ pattern: PATIENT.source })
const Group = Text(128, 1)
const Roles = Type.Array(OneOf(...ROLES), { maxItems: ROLES.length, uniqueItems: true })
const Clearances = Type.Array(OneOf(...SENSITIVITIES), {
  maxItems: SENSITIVITIES.length,
  uniqueItems: true,
})

const DelegationShape = Exactly({
  /** The person whose ties to patients are lent. */
  from: UuidText,
  reason: OneOf('locum', 'on-call'),
  notBefore: Time,
  expiresAt: Time,
})

/** For whom somebody acts as a parent or another proxy, and until when. */
const ProxyShape = Exactly({ patient: PatientReference, notBefore: Time, expiresAt: Time })

const TotpShape = Exactly({
  kind: Type.Literal('totp'),
  id: UuidText,
  secret: Octets(20),
  /** Whether a code of it was ever right: then one is needed at each sign-in. */
  proven: Type.Boolean(),
  since: Time,
})

const PasskeyShape = Exactly({
  kind: Type.Literal('passkey'),
  id: UuidText,
  /** Base64url, as the authenticator names it. */
  credential: Text(1400, 1),
  /** COSE. */
  publicKey: Octets(16, 1024),
  /** How often it was used, as far as the authenticator counts. */
  counter: Whole(0),
  /** The host name that it answers for. */
  rpId: Text(253, 1),
  proven: Type.Literal(true),
  since: Time,
})
export type Passkey = Static<typeof PasskeyShape>

const FactorShape = Type.Union([TotpShape, PasskeyShape])
export type SecondFactor = Static<typeof FactorShape>

/** Who a person is at a provider of sign-in outside: see `bindings.ts`. */
const BindingShape = Exactly({ issuer: Text(1024, 1), subject: Text(255, 1), since: Time })
export const BINDINGS_MAX = 8

/** A person as kept. */
export const PersonShape = Exactly({
  id: UuidText,
  kind: OneOf(...PERSON_KINDS),
  login: Login,
  /** As colleagues know the person. */
  name: Text(128, 1),
  roles: Roles,
  clearances: Clearances,
  /** What FHIR calls this person. */
  references: Type.Array(Reference, { maxItems: 16, uniqueItems: true }),
  department: Type.Optional(Group),
  careTeams: Type.Array(Group, { maxItems: 64, uniqueItems: true }),
  employment: OneOf('active', 'suspended', 'ended', 'none'),
  delegations: Type.Array(DelegationShape, { maxItems: 32 }),
  proxies: Type.Array(ProxyShape, { maxItems: 32 }),
  password: Type.Optional(PasswordShape),
  factors: Type.Array(FactorShape, { maxItems: 8 }),
  bindings: Type.Optional(Type.Array(BindingShape, { maxItems: BINDINGS_MAX })),
  since: Time,
  /** Grows when sessions and tokens that stand are to end. */
  epoch: Whole(0),
})
export type Person = Static<typeof PersonShape>

/** What is said of somebody new. */
export const NewPersonShape = Exactly({
  kind: OneOf(...PERSON_KINDS),
  login: Login,
  name: Text(128, 1),
  references: Type.Optional(Type.Array(Reference, { maxItems: 16, uniqueItems: true })),
  department: Type.Optional(Group),
  careTeams: Type.Optional(Type.Array(Group, { maxItems: 64, uniqueItems: true })),
})
export type NewPerson = Static<typeof NewPersonShape>

/** What may be said anew of somebody; an empty department is none. */
export interface PersonDetails {
  readonly name?: string
  readonly references?: string[]
  readonly department?: string
  readonly careTeams?: string[]
}

/** Roles and clearances that are to come and to go. */
export const RoleChangeShape = Exactly({
  add: Roles,
  remove: Roles,
  clear: Clearances,
  unclear: Clearances,
})
export type RoleChange = Static<typeof RoleChangeShape>

/** Somebody new, without any role; patients and services have the one that they are. */
export function newPerson(wish: NewPerson, about: { id: string; at: EpochMs }): Person {
  const { kind, references = [], careTeams = [] } = wish
  checkReferences(kind, references)
  return {
    ...wish,
    ...{ id: about.id, since: about.at, references, careTeams },
    roles: rolesByKind(kind, references),
    clearances: [],
    employment: kind === 'person' ? 'active' : 'none',
    ...{ delegations: [], proxies: [], factors: [], epoch: 0 },
  }
}

/** A person of whom something is said anew. */
export function describedAs(person: Person, details: PersonDetails): Person {
  const { references = person.references } = details
  checkReferences(person.kind, references)
  const byKind = rolesByKind(person.kind, references)
  const isKept = (role: Role): boolean => role !== 'patient' && person.roles.includes(role)
  const roles = ROLES.filter((role) => byKind.includes(role) || isKept(role))
  const next: Person = { ...person, ...details, roles }
  if (next.department === '') delete next.department
  return next
}

function checkReferences(kind: PersonKind, references: readonly string[]): void {
  const patients = references.filter(isPatient).length
  if (patients > (kind === 'patient' ? 1 : 0)) {
    throw invalid('Expected one reference to a patient at most, and of a patient only')
  }
}

/** The roles that follow from what somebody is. */
function rolesByKind(kind: PersonKind, references: readonly string[]): Role[] {
  if (kind === 'service') return ['service']
  return references.some(isPatient) ? ['patient'] : []
}

const isPatient = (reference: string): boolean => reference.startsWith('Patient/')

/**
 * A person after a change of roles.
 *
 * @throws AccessRefusal `ACCESS_ROLES_FORBIDDEN` for roles that one person must not hold together, or
 *   that are not for this kind of person
 */
export function withRoles(person: Person, { add, remove, clear, unclear }: RoleChange): Person {
  const roles = ROLES.filter(
    (role) => add.includes(role) || (person.roles.includes(role) && !remove.includes(role)),
  )
  const clearances = SENSITIVITIES.filter(
    (one) => clear.includes(one) || (person.clearances.includes(one) && !unclear.includes(one)),
  )
  for (const [one, other] of SEPARATE) {
    if (roles.includes(one) && roles.includes(other)) {
      throw rolesForbidden(`Nobody is both ${one} and ${other}`)
    }
  }
  const misplaced = roles.filter((role) => (KINDS_OF[role] ?? 'person') !== person.kind)
  if (misplaced.length > 0) {
    throw rolesForbidden(`A ${person.kind} is no ${misplaced.join(', no ')}`)
  }
  return { ...person, roles, clearances }
}

/** Whether somebody may come in: takes effect at once, for tokens and sessions as well. */
export const PERSON_STATES = ['active', 'suspended', 'ended'] as const
export type PersonState = (typeof PERSON_STATES)[number]

/** Whether somebody may sign in at all: patients and services are employed by nobody. */
export const mayEnter = ({ employment }: Pick<Person, 'employment'>): boolean =>
  employment === 'active' || employment === 'none'

/** A person in another state. Who has ended keeps nothing by which to come back. */
export function withState(person: Person, state: PersonState): Person {
  const { kind, employment } = person
  if (employment === 'ended') throw invalid('Whoever has ended does not come back: add anew')
  if (state === 'active' && employment !== 'suspended') throw invalid('Nobody is suspended here')
  if (state === 'active') return { ...person, employment: kind === 'person' ? 'active' : 'none' }
  if (state === 'suspended') return { ...person, employment: state }
  const none = { roles: [], clearances: [], factors: [], delegations: [], proxies: [] }
  const next: Person = { ...person, ...none, employment: state }
  delete next.password
  delete next.bindings
  return next
}

/** @throws AccessRefusal `ACCESS_PERSON_INVALID` if there are too many */
export function withFactor(person: Person, factor: SecondFactor): Person {
  if (person.factors.length < FACTORS_MAX) {
    return { ...person, factors: [...person.factors, factor] }
  }
  throw invalid(`Nobody has more than ${FACTORS_MAX} second factors`)
}

/** @throws AccessRefusal `ACCESS_PERSON_INVALID` if it is not there */
export function withoutFactor(person: Person, factor: string): Person {
  const factors = person.factors.filter(({ id }) => id !== factor)
  if (factors.length < person.factors.length) return { ...person, factors }
  throw invalid('The person has no second factor of that name')
}

/** Whom somebody stands in for, or whose proxy somebody is, and for how long. */
export interface Delegating {
  readonly reason: DelegationReason
  /** A person; for `proxy` a patient, `Patient/…`. */
  readonly from: string
  readonly notBefore: EpochMs
  readonly expiresAt: EpochMs
}

/** @throws AccessRefusal `ACCESS_PERSON_INVALID` if it cannot be, or lasts too long */
export function withDelegation(person: Person, wish: Delegating, at: EpochMs): Person {
  const { reason, from, notBefore, expiresAt } = wish
  if (expiresAt <= Math.max(at, notBefore)) throw invalid('A delegation ends after it has begun')
  const isProxy = reason === 'proxy'
  if (expiresAt - Math.max(at, notBefore) > (isProxy ? PROXY_MS_MAX : LENT_MS_MAX)) {
    throw invalid(`A delegation lasts for ${isProxy ? '366' : '31'} days at most; renew it then`)
  }
  if (isProxy !== (person.kind === 'patient') || from === person.id) {
    throw invalid('Staff stand in for other staff, and proxies for patients')
  }
  const standing = <T extends { readonly expiresAt: number }>(some: readonly T[]): T[] =>
    some.filter((one) => at < one.expiresAt)
  const [delegations, proxies] = [standing(person.delegations), standing(person.proxies)]
  if (delegations.length >= LENT_MAX || proxies.length >= LENT_MAX) {
    throw invalid(`Nobody stands in for more than ${LENT_MAX}`)
  }
  if (!isProxy) {
    return {
      ...person,
      proxies,
      delegations: [...delegations, { reason, from, notBefore, expiresAt }],
    }
  }
  if (!PATIENT.test(from)) throw invalid('A proxy stands for a patient: Patient/…')
  const roles = ROLES.filter((role) => role === 'proxy' || person.roles.includes(role))
  return {
    ...person,
    roles,
    delegations,
    proxies: [...proxies, { patient: from, notBefore, expiresAt }],
  }
}

/** What of a change widens rights so far that a second person has to agree. */
export const needsSecond = ({ add, clear }: RoleChange): boolean =>
  clear.length > 0 || add.some((role) => GUARDED_ROLES.includes(role))

/** A person as decisions know one. @param delegators   those whose ties are lent to this person */
export function principalFrom(person: Person, delegators: readonly Person[]): Principal {
  const { id, kind, roles, references, department, careTeams, clearances } = person
  const patient = references.find(isPatient)
  return {
    ...{ id, kind, roles, references, careTeams, clearances },
    ...(department === undefined ? {} : { department }),
    ...(patient === undefined ? {} : { patient }),
    employment: person.employment,
    delegations: person.delegations.flatMap(({ from, notBefore, expiresAt }) => {
      const delegator = delegators.find((one) => one.id === from)
      if (delegator?.employment !== 'active') return []
      return [from, ...delegator.references].map((name) => {
        return { from: name, notBefore: notBefore as EpochMs, expiresAt: expiresAt as EpochMs }
      })
    }),
  }
}

/** Ties that a person has by standing for patients. */
export const proxyTies = ({ id, proxies }: Person): readonly Relationship[] =>
  proxies.map(({ patient, notBefore, expiresAt }) => ({
    ...({ kind: 'proxy', patient, with: id } as const),
    ...{ notBefore: notBefore as EpochMs, expiresAt: expiresAt as EpochMs },
  }))

/** What a person is found by. */
export const tagsOf = ({ login, bindings = [] }: Person): string[] => [
  loginTag(login),
  ...bindings.map(({ issuer, subject }) => outsideTag(issuer, subject)),
]

export const loginTag = (login: string): string => `login ${login}`

/** An issuer holds no space. */
export const outsideTag = (issuer: string, subject: string): string => `at ${issuer} ${subject}`

const invalid = (message: string): AccessRefusal =>
  new AccessRefusal('ACCESS_PERSON_INVALID', message)

const rolesForbidden = (message: string): AccessRefusal =>
  new AccessRefusal('ACCESS_ROLES_FORBIDDEN', message)

const FACTORS_MAX = 8
const LENT_MAX = 32
const LENT_MS_MAX = 31 * DAY_MS
const PROXY_MS_MAX = 366 * DAY_MS
/** Roles that are not for the staff. */
const KINDS_OF: Readonly<Partial<Record<Role, PersonKind>>> = {
  patient: 'patient',
  proxy: 'patient',
  service: 'service',
}

/** Roles that nobody gets by one person's will: who reads the log, and who decides about others. */
export const GUARDED_ROLES: readonly Role[] = [
  'reidentification-holder',
  'privacy-officer',
  'security-analyst',
  'crypto-officer-a',
  'crypto-officer-b',
  'administrator',
  'user-administrator',
  'auditor',
  'policy-author',
  'policy-approver',
]
