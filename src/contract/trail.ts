/**
 * Routes and shapes about accesses: who looked at whom, and proofs of it.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole, type Static } from '#base'
import { route } from './route.ts'

const Time = Whole(0)
const Digits = Text(16, 1)
const Named = Type.Union([Text(256), Type.Null()])
const nothing = Type.Null()

/** One access, as its event tells it. */
export const AccessShape = Exactly({
  /** Index of its entry in the log. */
  index: Whole(0),
  at: Time,
  kind: Text(64),
  /** As it stands in the log. */
  actor: Text(128),
  person: Named,
  client: Named,
  roles: Type.Array(Text(64)),
  purpose: Type.Array(Text(16)),
  act: Text(16),
  outcome: OneOf('done', 'failed', 'refused'),
  reason: Named,
  /** The other site, for what was sent or came. */
  peer: Named,
  /** Versions of resources, where the patient's key is still there. */
  data: Type.Array(Text(256)),
  /** Whether it left the site, whether it is accounted for, and why. */
  disclosure: Type.Boolean(),
  counts: Type.Boolean(),
  why: Text(256),
  /** The FHIR AuditEvent, as JSON. */
  event: Type.String(),
})
export type AccessView = Static<typeof AccessShape>

/** What may be asked of the operator's daemon about accesses. */
export const trailRoutes = {
  accesses: route({
    method: 'GET',
    path: '/v1/audit/accesses',
    summary: 'Accesses to a patient, by somebody, or at a time, newest first; asking is logged',
    query: Exactly({
      patient: Type.Optional(UuidText),
      actor: Type.Optional(Text(128, 1)),
      since: Type.Optional(Digits),
      until: Type.Optional(Digits),
      before: Type.Optional(Digits),
      limit: Type.Optional(Digits),
    }),
    body: nothing,
    answer: Exactly({
      accesses: Type.Array(AccessShape),
      next: Type.Union([Whole(0), Type.Null()]),
    }),
  }),
  eventProof: route({
    method: 'GET',
    path: '/v1/audit/:index/event',
    summary: 'A proof of an entry and of the event that it binds, for checking anywhere',
    query: Exactly({ index: Digits, patient: Type.Optional(OneOf('kept-back')) }),
    body: nothing,
    answer: Exactly({ proof: Type.String() }),
  }),
  proofKeys: route({
    method: 'GET',
    path: '/v1/audit/keys',
    summary: 'Public keys of the log and of its witnesses, for checking proofs',
    query: Exactly({}),
    body: nothing,
    answer: Exactly({ keys: Type.Array(Type.String()) }),
  }),
} as const
