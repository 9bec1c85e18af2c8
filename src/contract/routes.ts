/**
 * The routes of a site's admin socket, and of a simulated fibre's.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole } from '#base'
import { accessRoutes } from './access.ts'
import { glassRoutes } from './break-glass.ts'
import { DeclarationShape, ExposureShape, KeyOriginShape } from './exposure.ts'
import { ErasureCauseShape, ErasureShape, HoldCauseShape, HoldShape } from './erasure.ts'
import { LinkHistoryShape } from './link-history.ts'
import { ConsoleSessionShape, peopleRoutes } from './people.ts'
import { portableRoutes } from './portable.ts'
import { sealRoutes } from './seal.ts'
import { administrationRoutes } from './administration.ts'
import { trailRoutes } from './trail.ts'
import { rawBody, route } from './route.ts'
import {
  AlarmShape,
  AttackShape,
  EntryShape,
  ExplanationShape,
  FibreShape,
  FindingShape,
  ImportShape,
  ItemShape,
  LinkShape,
  ModeShape,
  NetworkShape,
  PatientShape,
  PoolShape,
  StatusShape,
  TransferShape,
} from './shapes.ts'

const none = Exactly({})
const nothing = Type.Null()
const Page = Exactly({ after: Type.Optional(Text(64)), limit: Type.Optional(Text(8)) })

export const siteRoutes = {
  status: route({
    method: 'GET',
    path: '/v1/status',
    summary: 'State of the site: links, pools, peers, log, alarms',
    query: none,
    body: nothing,
    answer: StatusShape,
  }),
  links: route({
    method: 'GET',
    path: '/v1/links',
    summary: 'Quantum links of the site',
    query: none,
    body: nothing,
    answer: Type.Array(LinkShape),
  }),
  watchLinks: route({
    method: 'GET',
    path: '/v1/links/watch',
    summary: 'Quantum links of the site, each second',
    query: none,
    body: nothing,
    answer: Type.Array(LinkShape),
    stream: true,
  }),
  network: route({
    method: 'GET',
    path: '/v1/network',
    summary: 'Keys relayed to distant sites, and the network as this site knows it',
    query: none,
    body: nothing,
    answer: NetworkShape,
  }),
  compromise: route({
    method: 'POST',
    path: '/v1/network/compromise',
    summary: 'Declare nodes compromised, or try it: what they know, and what rests on less for it',
    query: none,
    body: Exactly({
      nodes: Type.Array(Text(63, 1), { minItems: 1, maxItems: 64 }),
      /** Whether they are taken to break ML-KEM-1024 and X25519 as well. */
      breaksWrap: Type.Optional(Type.Boolean()),
      /** Only computes: nothing is declared. */
      dryRun: Type.Optional(Type.Boolean()),
      /** Keep them out even where they lie on the last way to a hospital. */
      cutLast: Type.Optional(Type.Boolean()),
    }),
    answer: ExposureShape,
  }),
  pardon: route({
    method: 'POST',
    path: '/v1/network/pardon',
    summary: 'End declarations: for what comes after; what was exposed stays so',
    query: none,
    body: Exactly({ nodes: Type.Array(Text(63, 1), { minItems: 1, maxItems: 64 }) }),
    answer: Exactly({ standing: Type.Array(DeclarationShape) }),
  }),
  explainLink: route({
    method: 'GET',
    path: '/v1/links/:link/explanation',
    summary: 'A block of a link: its counts, and every intermediate value of the bound',
    query: Exactly({
      link: Text(63, 1),
      /** Epoch and sequence, `3/17`; the last if left out. */
      block: Type.Optional(Text(32, 1)),
    }),
    body: nothing,
    answer: ExplanationShape,
  }),
  linkHistory: route({
    method: 'GET',
    path: '/v1/links/:link/history',
    summary: 'What a link has done: blocks, alarms, changes of state, and their sums',
    query: Exactly({
      link: Text(63, 1),
      /** Epoch milliseconds; entries before are left out. */
      since: Type.Optional(Text(16)),
      /** The newest so many; 100 unless said. */
      limit: Type.Optional(Text(8)),
    }),
    body: nothing,
    answer: LinkHistoryShape,
  }),
  alignLink: route({
    method: 'POST',
    path: '/v1/links/:link/alignment',
    summary: 'Let the devices of a link align themselves; asked at its receiving end',
    query: Exactly({ link: Text(63, 1) }),
    body: nothing,
    answer: Exactly({ asked: Type.Literal(true) }),
  }),
  releaseLink: route({
    method: 'POST',
    path: '/v1/links/:link/release',
    summary:
      "Let the keys of a link from a vendor's KME be used again, after a look at why they waited",
    query: Exactly({
      link: Text(63, 1),
      /** `yes`: void all that is stored of the link first. */
      discard: Type.Optional(OneOf('yes', 'no')),
    }),
    body: nothing,
    answer: Exactly({ voided: Whole(0) }),
  }),
  switchLink: route({
    method: 'POST',
    path: '/v1/links/:link/switch',
    summary: 'Let a link grow keys, or not; what is stored stays, and no keys are relayed over it',
    query: Exactly({ link: Text(63, 1) }),
    body: Exactly({ on: Type.Boolean() }),
    answer: Exactly({ on: Type.Boolean() }),
  }),
  pools: route({
    method: 'GET',
    path: '/v1/keys',
    summary: 'Key pools shared with each peer',
    query: none,
    body: nothing,
    answer: Type.Array(PoolShape),
  }),
  keyOrigin: route({
    method: 'GET',
    path: '/v1/keys/:key',
    summary: 'How a QKD key came that a session of this site has had',
    query: Exactly({ key: UuidText }),
    body: nothing,
    answer: KeyOriginShape,
  }),
  importRecords: route({
    method: 'POST',
    path: '/v1/records',
    summary: 'Import a FHIR R4 bundle or resource',
    query: none,
    body: rawBody,
    answer: ImportShape,
  }),
  patients: route({
    method: 'GET',
    path: '/v1/records',
    summary: 'Patients whose records are here',
    query: Page,
    body: nothing,
    answer: Type.Array(PatientShape),
  }),
  findPatient: route({
    method: 'POST',
    path: '/v1/records/find',
    summary: 'Patients with this identifier',
    query: none,
    body: Exactly({ system: Type.Optional(Text(256)), value: Text(256, 1) }),
    answer: Type.Array(PatientShape),
  }),
  items: route({
    method: 'GET',
    path: '/v1/records/:patient/items',
    summary: 'Items of a patient, with how each was protected on its way',
    query: Exactly({ patient: UuidText }),
    body: nothing,
    answer: ItemShape,
    stream: true,
  }),
  readRecord: route({
    method: 'GET',
    path: '/v1/records/:patient',
    summary: 'Resources of a patient, opened; the access is logged',
    query: Exactly({ patient: UuidText }),
    body: nothing,
    answer: Exactly({ resource: Type.String() }),
    stream: true,
  }),
  erase: route({
    method: 'POST',
    path: '/v1/records/:patient/erasure',
    summary: 'Destroy the key of a patient, here and at every site that received the record',
    query: Exactly({ patient: UuidText }),
    body: Exactly({ cause: ErasureCauseShape }),
    answer: ErasureShape,
  }),
  erasure: route({
    method: 'GET',
    path: '/v1/records/:patient/erasure',
    summary: 'How the erasure of a patient stands: which sites have signed for it',
    query: Exactly({ patient: UuidText }),
    body: nothing,
    answer: ErasureShape,
  }),
  hold: route({
    method: 'POST',
    path: '/v1/records/:patient/hold',
    summary: 'Put a legal hold on a patient, take it off (cause null): nothing is erased under one',
    query: Exactly({ patient: UuidText }),
    body: Exactly({ cause: Type.Union([HoldCauseShape, Type.Null()]) }),
    answer: HoldShape,
  }),
  holdOf: route({
    method: 'GET',
    path: '/v1/records/:patient/hold',
    summary: 'The legal hold on a patient',
    query: Exactly({ patient: UuidText }),
    body: nothing,
    answer: HoldShape,
  }),
  rotateSiteKey: route({
    method: 'POST',
    path: '/v1/site-key/rotation',
    summary: 'Change the site key: keys of patients are wrapped again, records stay as they are',
    query: none,
    body: nothing,
    answer: Exactly({ version: Whole(1), holders: Whole(0) }),
  }),
  send: route({
    method: 'POST',
    path: '/v1/transfers',
    summary: "Send a patient's whole record to another site",
    query: none,
    body: Exactly({
      patient: UuidText,
      to: Text(63, 1),
      mode: Type.Optional(ModeShape),
      /** Class of data in both sites' policies; `clinical` unless said. */
      dataClass: Type.Optional(Text(32, 1)),
    }),
    answer: TransferShape,
  }),
  transfers: route({
    method: 'GET',
    path: '/v1/transfers',
    summary: 'Transfers to and from other sites, newest first',
    query: Page,
    body: nothing,
    answer: Type.Array(TransferShape),
  }),
  transfer: route({
    method: 'GET',
    path: '/v1/transfers/:transfer',
    summary: 'One transfer',
    query: Exactly({ transfer: UuidText }),
    body: nothing,
    answer: TransferShape,
  }),
  entries: route({
    method: 'GET',
    path: '/v1/audit',
    summary: 'Entries of the audit log that match, oldest first unless asked otherwise',
    query: Exactly({
      /** Only entries above and below these, exclusive. */
      after: Type.Optional(Text(16)),
      before: Type.Optional(Text(16)),
      /** A kind, and every kind below it: `key` finds `key.delivered`. */
      kind: Type.Optional(Text(64, 1)),
      /** Epoch milliseconds; entries before are left out. */
      since: Type.Optional(Text(16)),
      order: Type.Optional(OneOf('oldest', 'newest')),
      limit: Type.Optional(Text(8)),
    }),
    body: nothing,
    answer: Type.Array(EntryShape),
  }),
  verify: route({
    method: 'POST',
    path: '/v1/audit/verify',
    summary: 'Verify the log, every stored record and every stored key block',
    query: none,
    body: nothing,
    answer: FindingShape,
    stream: true,
  }),
  receipt: route({
    method: 'GET',
    path: '/v1/audit/:index/receipt',
    summary: 'Offline proof that an entry is in the signed, witnessed log',
    query: Exactly({ index: Text(16, 1) }),
    body: nothing,
    answer: Exactly({ receipt: Type.String() }),
  }),
  proof: route({
    method: 'GET',
    path: '/v1/audit/:index/proof',
    summary:
      'A proof of an entry as one file: its receipt, and the keys that its signatures are of',
    query: Exactly({ index: Text(16, 1) }),
    body: nothing,
    answer: Exactly({ proof: Type.String() }),
  }),
  consistency: route({
    method: 'GET',
    path: '/v1/audit/consistency',
    summary: 'The path that proves one size of the log a beginning of another',
    query: Exactly({ from: Text(16, 1), to: Text(16, 1) }),
    body: nothing,
    answer: Exactly({ path: Type.Array(Text(64)) }),
  }),
  alarms: route({
    method: 'GET',
    path: '/v1/alarms',
    summary: 'Alarms, newest first',
    query: Page,
    body: nothing,
    answer: Type.Array(AlarmShape),
  }),
  ...peopleRoutes,
  ...sealRoutes,
  ...portableRoutes,
  ...trailRoutes,
  ...administrationRoutes,
  ...glassRoutes,
  ...accessRoutes,
  consoleLink: route({
    method: 'POST',
    path: '/v1/console/link',
    summary: 'A link to the console, good for ten minutes and once',
    query: none,
    body: Type.Union([
      nothing,
      /** A person whose session it begins, without a password: in the profile `demo` alone. */
      Exactly({ as: Text(64, 1) }),
    ]),
    answer: Exactly({ url: Text(256) }),
  }),
  stop: route({
    method: 'POST',
    path: '/v1/stop',
    summary: 'Stop the daemon in good order',
    query: none,
    body: nothing,
    answer: Exactly({ stopping: Type.Literal(true) }),
  }),
}
export type SiteRoutes = typeof siteRoutes

export const fibreRoutes = {
  fibre: route({
    method: 'GET',
    path: '/v1/fibre',
    summary: 'State of the simulated fibre',
    query: none,
    body: nothing,
    answer: FibreShape,
  }),
  attack: route({
    method: 'POST',
    path: '/v1/attack',
    summary: 'Switch an attack on, change it, or switch it off (kind none)',
    query: none,
    body: AttackShape,
    answer: FibreShape,
  }),
  stop: route({
    method: 'POST',
    path: '/v1/stop',
    summary: 'Stop the simulated fibre',
    query: none,
    body: nothing,
    answer: Exactly({ stopping: Type.Literal(true) }),
  }),
}
export type FibreRoutes = typeof fibreRoutes

/** What the console asks about its own session. */
export const consoleRoutes = {
  session: route({
    method: 'GET',
    path: '/v1/session',
    summary: 'Who is logged in at the console, and with which roles',
    query: none,
    body: nothing,
    answer: ConsoleSessionShape,
  }),
}
export type ConsoleRoutes = typeof consoleRoutes
