/**
 * Routes and shapes about people: who may sign in, as what, and who decided so.
 *
 * Roles, clearances and references are words of the access room; it checks them.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole, type Static } from '#base'
import { route } from './route.ts'

const Time = Whole(0)
const Words = Type.Array(Text(64, 1), { maxItems: 64 })
const Kind = OneOf('person', 'patient', 'service')
const Named = Exactly({ person: Text(64, 1) })
const nothing = Type.Null()

const FactorShape = Exactly({
  factor: UuidText,
  kind: OneOf('totp', 'passkey'),
  proven: Type.Boolean(),
  /** The host name that a passkey answers for; empty for an authenticator app. */
  place: Text(253),
  since: Time,
})
export type FactorView = Static<typeof FactorShape>

export const PersonShape = Exactly({
  person: UuidText,
  kind: Kind,
  login: Text(64),
  name: Text(128),
  roles: Words,
  clearances: Words,
  references: Type.Array(Text(128)),
  department: Type.Union([Text(128), Type.Null()]),
  careTeams: Type.Array(Text(128)),
  /** `none` for whoever is not employed here: patients and services. */
  employment: OneOf('active', 'suspended', 'ended', 'none'),
  /** Whom the person stands in for, or is a proxy of: a person, or a patient. */
  delegations: Type.Array(
    Exactly({
      reason: OneOf('locum', 'on-call', 'proxy'),
      from: Text(128),
      notBefore: Time,
      expiresAt: Time,
    }),
  ),
  hasPassword: Type.Boolean(),
  /** One that is not proven yet is not asked for. */
  factors: Type.Array(FactorShape),
  /** Who the person is at providers of sign-in outside. */
  bindings: Type.Array(Exactly({ issuer: Text(1024), subject: Text(255), since: Time })),
  since: Time,
})
export type PersonView = Static<typeof PersonShape>

/** What was done to a person, and by whom: `operator`, or a person. */
export const PersonLineShape = Exactly({
  at: Time,
  by: Text(64),
  what: Text(32),
  detail: Text(2048),
})
export type PersonLineView = Static<typeof PersonLineShape>

/** A change of roles that waits for a second person. */
export const RoleChangeViewShape = Exactly({
  change: UuidText,
  person: UuidText,
  add: Words,
  remove: Words,
  clear: Words,
  unclear: Words,
  askedBy: Text(64),
  askedAt: Time,
  expiresAt: Time,
})
export type RoleChangeView = Static<typeof RoleChangeViewShape>

/** What a second person shows where no session says who it is. */
export const Proof = Exactly({ login: Text(64, 1), password: Text(256, 1), code: Text(16) })

/** Who is logged in at the console: the operator by a one-time link, or a person. */
export const ConsoleSessionShape = Exactly({
  kind: OneOf('operator', 'person'),
  beganAt: Time,
  person: Type.Union([
    Exactly({
      person: UuidText,
      login: Text(64),
      name: Text(128),
      roles: Words,
      site: Text(63),
      /** Who this person is as a patient: `Patient/…`. */
      patient: Type.Union([Text(128), Type.Null()]),
      /** The own second factors. */
      factors: Type.Array(FactorShape),
    }),
    Type.Null(),
  ]),
  /** When a second factor was last shown; null for never. */
  secondFactorAt: Type.Union([Time, Type.Null()]),
  /** Names of the admin routes that this session may ask. */
  routes: Type.Array(Text(64)),
})
export type ConsoleSessionView = Static<typeof ConsoleSessionShape>

const AppKind = OneOf('backend', 'public', 'confidential')
const Addresses = Type.Array(Text(1024, 1), { maxItems: 16 })

/** An app that may ask for tokens: of people, or a backend service. */
export const AppViewShape = Exactly({
  client: Text(64),
  name: Text(128),
  kind: AppKind,
  scope: Text(8192),
  /** Where people are sent back to; none for a backend service. */
  redirectUris: Addresses,
  /** Where it begins when it is launched for a patient; null if it cannot be. */
  launchUrl: Type.Union([Text(1024), Type.Null()]),
  /** The JWK Set that it registered, as text; empty for an app without keys. */
  jwks: Text(65_536),
  since: Time,
})
export type AppView = Static<typeof AppViewShape>

const Details = {
  name: Text(128, 1),
  references: Type.Array(Text(128, 1), { maxItems: 16 }),
  department: Text(128),
  careTeams: Type.Array(Text(128, 1), { maxItems: 64 }),
}

export const peopleRoutes = {
  people: route({
    method: 'GET',
    path: '/v1/people',
    summary: 'People of the site, in the order of their identifiers',
    query: Exactly({ after: Type.Optional(Text(64)), limit: Type.Optional(Text(8)) }),
    body: nothing,
    answer: Type.Array(PersonShape),
  }),
  addPerson: route({
    method: 'POST',
    path: '/v1/people',
    summary: 'Add somebody who may sign in, without any role',
    query: Exactly({}),
    body: Exactly({
      kind: Kind,
      login: Text(64, 1),
      name: Details.name,
      references: Type.Optional(Details.references),
      department: Type.Optional(Text(128, 1)),
      careTeams: Type.Optional(Details.careTeams),
    }),
    answer: PersonShape,
  }),
  person: route({
    method: 'GET',
    path: '/v1/people/:person',
    summary: 'One person, and what was done to that person, by whom',
    query: Named,
    body: nothing,
    answer: Exactly({ person: PersonShape, history: Type.Array(PersonLineShape) }),
  }),
  describePerson: route({
    method: 'POST',
    path: '/v1/people/:person/details',
    summary: 'Change name, references, department or care teams; an empty department is none',
    query: Named,
    body: Type.Partial(Exactly(Details), { additionalProperties: false }),
    answer: PersonShape,
  }),
  changeRoles: route({
    method: 'POST',
    path: '/v1/people/:person/roles',
    summary: 'Change roles and clearances; guarded ones wait for a second person',
    query: Named,
    body: Exactly({ add: Words, remove: Words, clear: Words, unclear: Words }),
    answer: Exactly({
      outcome: OneOf('changed', 'asked'),
      person: PersonShape,
      /** The change that waits; null if none does. */
      change: Type.Union([UuidText, Type.Null()]),
    }),
  }),
  setPersonState: route({
    method: 'POST',
    path: '/v1/people/:person/state',
    summary: 'Suspend somebody, take back, or end for good; sessions and tokens end at once',
    query: Named,
    body: Exactly({ state: OneOf('active', 'suspended', 'ended') }),
    answer: PersonShape,
  }),
  setPassword: route({
    method: 'POST',
    path: '/v1/people/:person/password',
    summary: 'Set the password of a person; sessions and tokens end',
    query: Named,
    body: Exactly({ password: Text(512, 1) }),
    answer: PersonShape,
  }),
  addTotp: route({
    method: 'POST',
    path: '/v1/people/:person/factors',
    summary: 'Give an authenticator app as second factor; its secret is shown once',
    query: Named,
    body: nothing,
    answer: Exactly({ factor: UuidText, uri: Text(512) }),
  }),
  proveFactor: route({
    method: 'POST',
    path: '/v1/people/:person/second-factor',
    summary: 'Show a code of an authenticator app: from then on one is asked for at each sign-in',
    query: Named,
    body: Exactly({ code: Text(16, 1) }),
    answer: Exactly({ secondFactorAt: Time }),
  }),
  removeFactor: route({
    method: 'DELETE',
    path: '/v1/people/:person/factors/:factor',
    summary: 'Take a second factor away; sessions and tokens end',
    query: Exactly({ person: Text(64, 1), factor: UuidText }),
    body: nothing,
    answer: PersonShape,
  }),
  bindPerson: route({
    method: 'POST',
    path: '/v1/people/:person/bindings',
    summary:
      'Let somebody sign in by a provider outside, under the name that is the person’s there',
    query: Named,
    body: Exactly({ provider: Text(64, 1), subject: Text(255, 1) }),
    answer: PersonShape,
  }),
  unbindPerson: route({
    method: 'DELETE',
    path: '/v1/people/:person/bindings/:provider',
    summary: 'Take the way in by a provider outside from somebody; sessions and tokens end',
    query: Exactly({ person: Text(64, 1), provider: Text(256, 1) }),
    body: nothing,
    answer: PersonShape,
  }),
  delegate: route({
    method: 'POST',
    path: '/v1/people/:person/delegations',
    summary: 'Lend the ties of one person to another, or make somebody a proxy of a patient',
    query: Named,
    body: Exactly({
      reason: OneOf('locum', 'on-call', 'proxy'),
      /** A person; for `proxy` a patient, as `Patient/…`. */
      from: Text(128, 1),
      /** Now, unless said. */
      notBefore: Type.Optional(Time),
      expiresAt: Time,
    }),
    answer: PersonShape,
  }),
  roleChanges: route({
    method: 'GET',
    path: '/v1/role-changes',
    summary: 'Changes of roles that wait for a second person',
    query: Exactly({}),
    body: nothing,
    answer: Type.Array(RoleChangeViewShape),
  }),
  agreeToChange: route({
    method: 'POST',
    path: '/v1/role-changes/:change/agreement',
    summary: 'Agree to a change of roles that somebody else asked for',
    query: Exactly({ change: UuidText }),
    body: Exactly({ as: Type.Optional(Proof) }),
    answer: PersonShape,
  }),
  refuseChange: route({
    method: 'POST',
    path: '/v1/role-changes/:change/refusal',
    summary: 'End a change of roles without making it',
    query: Exactly({ change: UuidText }),
    body: nothing,
    answer: Exactly({ refused: Type.Literal(true) }),
  }),
  apps: route({
    method: 'GET',
    path: '/v1/apps',
    summary: 'Apps that may ask for access tokens',
    query: Exactly({}),
    body: nothing,
    answer: Type.Array(AppViewShape),
  }),
  addApp: route({
    method: 'POST',
    path: '/v1/apps',
    summary: 'Register an app that may ask for access tokens, with the most it may have',
    query: Exactly({}),
    body: Exactly({
      client: Text(64, 1),
      name: Text(128, 1),
      /** A backend service, unless said. */
      kind: Type.Optional(AppKind),
      scope: Text(8192, 1),
      redirectUris: Type.Optional(Addresses),
      launchUrl: Type.Optional(Text(1024, 1)),
      /** A JWK Set as text: of a backend service, and of a confidential app. */
      jwks: Type.Optional(Text(65_536, 1)),
    }),
    answer: AppViewShape,
  }),
  launchApp: route({
    method: 'POST',
    path: '/v1/apps/:client/launches',
    summary: 'Make an address that opens an app for one patient, good once and for ten minutes',
    query: Exactly({ client: Text(64, 1) }),
    body: Exactly({
      /** Its identifier in FHIR. */
      patient: Text(64, 1),
      /** Who is to sign in; whoever asks, unless said. */
      person: Type.Optional(Text(64, 1)),
    }),
    answer: Exactly({ url: Text(4096) }),
  }),
  removeApp: route({
    method: 'DELETE',
    path: '/v1/apps/:client',
    summary: 'Take an app away; its tokens are void at once',
    query: Exactly({ client: Text(64, 1) }),
    body: nothing,
    answer: Exactly({ removed: Type.Literal(true) }),
  }),
}
