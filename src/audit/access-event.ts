/**
 * Accesses as FHIR R4 AuditEvents of IHE's Basic Audit Log Patterns, from the facts that are kept.
 *
 * What is kept are small facts; the event is composed from them, always to the same text, and that
 * text is what the entry binds. So the composition of a version never changes: a test holds it
 * against texts of before. An event has two parts: the general one says who did what and when; the
 * particular one, its `entity`, says to whom and with what.
 *
 * @see FHIR R4 AuditEvent; IHE ITI BALP 1.1
 * @module
 */

import { assert, isoTime, utf8, type EpochMs } from '#base'
import type { EventParts } from './parts.ts'

/** Whose doing something is, as its event tells it. */
export interface Account {
  /** As it stands in the log in clear: an application, a site, an id of ours; no person's name. */
  readonly actor: string
  /** Who is meant, by a reference such as `Practitioner/p1`. */
  readonly person?: string
  /** The application that asked for the person. */
  readonly client?: string
  /** Codes of HL7's ActReason: `TREAT`, … */
  readonly purpose: readonly string[]
  readonly roles: readonly string[]
  /** What gave an exceptional right: the id of a grant. */
  readonly grant?: string
  /** What else was special about it: `break-glass`, … */
  readonly marks: readonly string[]
  /** Network address from which it was asked. */
  readonly address?: string
}

/** An account of which only the name is known. */
export const accountOf = (actor: string): Account => ({ actor, purpose: [], roles: [], marks: [] })

/** What was done, in a neutral word of ours. */
export type Act = keyof typeof ACTS

/** What became of it: codes of FHIR's audit-event-outcome. */
export const OUTCOMES = { done: '0', failed: '4', refused: '8' } as const
export type Outcome = keyof typeof OUTCOMES

/** Who did what, when. */
export interface GeneralFacts {
  readonly v: 1
  readonly act: Act
  readonly at: EpochMs
  readonly outcome: Outcome
  /** Why not: a code of ours. */
  readonly reason?: string
  /** The site that did it and says so. */
  readonly site: string
  /** The other site, for what was sent or came. */
  readonly peer?: string
  readonly account: Account
  /** The profile of BALP that it follows: see `profileFor`. */
  readonly profile?: string
}

/** To whom, with what. */
export interface ParticularFacts {
  readonly v: 1
  /** By reference, by identifier, or by our own id of the patient. */
  readonly patient?:
    | { readonly reference: string }
    | { readonly identifier: { readonly system?: string; readonly value: string } }
  /** Resources, each with its version: `Observation/1/_history/2`. */
  readonly data?: readonly string[]
  /** How many items beside those listed. */
  readonly more?: number
  /** The search, as it was asked. */
  readonly query?: string
  /** The name of the request. */
  readonly request?: string
}

/** The texts of an event. Together they are one AuditEvent: see `eventOfParts`. */
export const accessEvent = (general: GeneralFacts, particular: ParticularFacts): EventParts => ({
  general: generalText(general),
  particular: JSON.stringify(entitiesOf(general.act, particular)),
})

/**
 * The general part's text. Of one caller's accesses these differ by their time alone: what stands
 * before and after it is kept for the next.
 */
function generalText({ at, ...facts }: GeneralFacts): string {
  const name = JSON.stringify(facts)
  const known = aroundTimes.get(name)
  if (known !== undefined) return known[0] + isoTime(at) + known[1]
  const text = composedGeneral({ at, ...facts })
  // Within a text the quotes of this member would be escaped.
  const from = text.indexOf(RECORDED) + RECORDED.length
  if (aroundTimes.size >= TEXTS_MAX) aroundTimes.clear()
  aroundTimes.set(name, [text.slice(0, from), text.slice(text.indexOf('"', from))])
  return text
}

function composedGeneral(facts: GeneralFacts): string {
  const { act, at, outcome, reason, account, profile } = facts
  const { type, subtype, action }: ActMeaning = ACTS[act]
  return JSON.stringify({
    resourceType: 'AuditEvent',
    ...(profile !== undefined && { meta: { profile: [PROFILES + profile] } }),
    type: CODES[type],
    subtype: subtype.map(([system, code]) => ({ system: SYSTEMS[system], code })),
    action,
    recorded: isoTime(at),
    outcome: OUTCOMES[outcome],
    ...(reason !== undefined && { outcomeDesc: reason }),
    ...(account.purpose.length > 0 && { purposeOfEvent: purposes(account) }),
    agent: agentsOf(facts),
    source: {
      site: facts.site,
      observer: named(facts.site),
      type: [{ system: `${TERMINOLOGY}/security-source-type`, code: '4' }],
    },
  })
}

/** The profile of BALP that an event follows, where there is one for it. */
export function profileFor(
  act: Act,
  outcome: Outcome,
  { patient, data, query }: ParticularFacts,
): string | undefined {
  const { profile }: ActMeaning = ACTS[act]
  if (profile === undefined || outcome !== 'done') return undefined
  if (profile.startsWith('PrivacyDisclosure')) return patient === undefined ? undefined : profile
  const isWhole = profile === 'Query' ? query !== undefined : data?.length === 1
  if (!isWhole) return undefined
  return patient === undefined ? profile : `Patient${profile}`
}

/** The profiles of BALP that events follow. */
export const eventProfiles = (): readonly string[] => {
  const names = Object.values<ActMeaning>(ACTS).flatMap(({ profile }) => profile ?? [])
  const both = names.flatMap((one) => (one.includes('.') ? [one] : [one, `Patient${one}`]))
  return [...new Set(both)].map((name) => PROFILES + name)
}

function agentsOf({ act, account, site, peer }: GeneralFacts): readonly object[] {
  const { flow }: ActMeaning = ACTS[act]
  const [client, server, user] = FLOWS[flow]
  const { person, actor, roles, marks, grant, address } = account
  const other = flow === 'outward' || flow === 'inward' ? peer : (account.client ?? actor)
  const policies = [...marks.map((mark) => `${URN}mark:${mark}`)]
  if (grant !== undefined) policies.push(`${URN}grant:${grant}`)
  const asked = {
    ...(roles.length > 0 && { role: roles.map((role) => ({ text: role })) }),
    ...(policies.length > 0 && { policy: policies }),
    ...(account.purpose.length > 0 && { purposeOfUse: purposes(account) }),
  }
  const isPerson = person !== undefined && flow !== 'inward'
  const wire = address === undefined ? { address: 'localhost', type: '1' } : { address, type: '2' }
  return [
    {
      type: coded(client),
      // Of a deletion, BALP lets an application say no more than who it is.
      ...(isPerson || flow === 'end' ? {} : asked),
      who: named(other ?? actor),
      requestor: !isPerson,
      network: flow === 'outward' || flow === 'inward' ? host(other ?? actor) : wire,
    },
    { type: coded(server), who: named(site), requestor: false, network: host(site) },
    ...(isPerson
      ? [
          {
            type: coded(user),
            ...asked,
            who: { reference: person, ...named(actor) },
            requestor: true,
          },
        ]
      : []),
  ]
}

function entitiesOf(act: Act, { patient, data, more, query, request }: ParticularFacts): object[] {
  const { flow } = ACTS[act]
  const entities: object[] = []
  if (patient !== undefined) {
    const what = 'reference' in patient ? patient : { type: 'Patient', ...patient }
    entities.push({ what, type: ENTITY.person, role: ROLE.patient })
  }
  for (const reference of data ?? []) {
    entities.push({ what: { reference }, type: ENTITY.object, role: ROLE.data })
  }
  if (query !== undefined) {
    entities.push({ type: ENTITY.object, role: ROLE.query, query: utf8(query).toBase64() })
  }
  if (more !== undefined) {
    const detail = [{ type: 'items', valueString: String(more) }]
    entities.push({ type: ENTITY.object, role: ROLE.job, detail })
  }
  if (request !== undefined && flow !== 'end') {
    entities.push({ what: { identifier: { value: request } }, type: XREQUEST })
  }
  return entities
}

/** The AuditEvent of two parts; without entities where the particular part is gone. */
export function eventOfParts(
  general: string,
  particular: string | undefined,
): Readonly<Record<string, unknown>> {
  const event = JSON.parse(general) as Record<string, unknown>
  const entity = particular === undefined ? [] : (JSON.parse(particular) as unknown)
  assert(Array.isArray(entity), 'the particular part of an event is its entities')
  return entity.length === 0 ? event : { ...event, entity }
}

const named = (name: string) => ({ identifier: { value: name } })
const host = (name: string) => ({ address: name, type: '1' })
const purposes = ({ purpose }: Account) =>
  purpose.map((code) => ({ coding: [{ system: `${TERMINOLOGY}/v3-ActReason`, code }] }))
const coded = ([system, code]: readonly [keyof typeof SYSTEMS, string]) => ({
  coding: [{ system: SYSTEMS[system], code }],
})

/** What stands before and after the time of general parts, by all other facts. */
const aroundTimes = new Map<string, readonly [string, string]>()
/** Texts that are kept, some 1,200 characters each. */
const TEXTS_MAX = 256
const RECORDED = ',"recorded":"'
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem'
const URN = 'urn:photonward:'
const BALP = 'https://profiles.ihe.net/ITI/BALP'
const PROFILES = `${BALP}/StructureDefinition/IHE.BasicAudit.`
const SYSTEMS = {
  rest: 'http://hl7.org/fhir/restful-interaction',
  dcm: 'http://dicom.nema.org/resources/ontology/DCM',
  participation: `${TERMINOLOGY}/v3-ParticipationType`,
  custodian: `${TERMINOLOGY}/provenance-participant-type`,
  lifecycle: `${TERMINOLOGY}/iso-21089-lifecycle`,
} as const
const CODES = {
  rest: { system: `${TERMINOLOGY}/audit-event-type`, code: 'rest' },
  export: { system: SYSTEMS.dcm, code: '110106' },
  import: { system: SYSTEMS.dcm, code: '110107' },
  signIn: { system: SYSTEMS.dcm, code: '110114' },
  security: { system: SYSTEMS.dcm, code: '110113' },
} as const
const ENTITY = {
  person: { system: `${TERMINOLOGY}/audit-entity-type`, code: '1' },
  object: { system: `${TERMINOLOGY}/audit-entity-type`, code: '2' },
} as const
const ROLE = {
  patient: { system: `${TERMINOLOGY}/object-role`, code: '1' },
  data: { system: `${TERMINOLOGY}/object-role`, code: '4' },
  job: { system: `${TERMINOLOGY}/object-role`, code: '20' },
  query: { system: `${TERMINOLOGY}/object-role`, code: '24' },
} as const
const XREQUEST = { system: `${BALP}/CodeSystem/BasicAuditEntityType`, code: 'XrequestId' } as const

type Flow = 'read' | 'ask' | 'write' | 'end' | 'outward' | 'inward' | 'enter'
type Agent = readonly [keyof typeof SYSTEMS, string]
/** As what client, server and person take part: by the direction of what is asked or given. */
const FLOWS: Readonly<Record<Flow, readonly [Agent, Agent, Agent]>> = {
  read: [
    ['dcm', '110152'],
    ['dcm', '110153'],
    ['participation', 'IRCP'],
  ],
  ask: [
    ['dcm', '110153'],
    ['dcm', '110152'],
    ['participation', 'IRCP'],
  ],
  write: [
    ['dcm', '110153'],
    ['dcm', '110152'],
    ['participation', 'AUT'],
  ],
  end: [
    ['dcm', '110150'],
    ['custodian', 'custodian'],
    ['participation', 'AUT'],
  ],
  outward: [
    ['dcm', '110152'],
    ['dcm', '110153'],
    ['participation', 'AUT'],
  ],
  inward: [
    ['dcm', '110153'],
    ['dcm', '110152'],
    ['participation', 'AUT'],
  ],
  enter: [
    ['dcm', '110150'],
    ['dcm', '110152'],
    ['participation', 'IRCP'],
  ],
}

interface ActMeaning {
  readonly type: keyof typeof CODES
  readonly subtype: readonly (readonly [keyof typeof SYSTEMS, string])[]
  readonly action: 'C' | 'R' | 'U' | 'D' | 'E'
  readonly flow: Flow
  /** The profile of BALP, where there is one, without its `Patient`. */
  readonly profile?: string
}

const rest = (
  code: string,
  action: ActMeaning['action'],
  flow: Flow,
  profile?: string,
): ActMeaning => ({
  ...{ type: 'rest', subtype: [['rest', code]], action, flow },
  ...(profile !== undefined && { profile }),
})

const ACTS = {
  open: rest('read', 'R', 'read', 'Read'),
  older: rest('vread', 'R', 'read', 'Read'),
  past: rest('history', 'R', 'read', 'Read'),
  all: rest('operation', 'R', 'read', 'Read'),
  /** Unmasked. */
  bare: rest('operation', 'R', 'read', 'Read'),
  list: rest('read', 'R', 'read'),
  bulk: rest('operation', 'R', 'read'),
  find: rest('search', 'E', 'ask', 'Query'),
  match: rest('search', 'E', 'ask', 'Query'),
  new: rest('create', 'C', 'write', 'Create'),
  next: rest('update', 'U', 'write', 'Update'),
  mend: rest('patch', 'U', 'write', 'Update'),
  end: rest('delete', 'D', 'end', 'Delete'),
  many: rest('transaction', 'E', 'write'),
  batch: rest('batch', 'E', 'write'),
  join: rest('operation', 'U', 'write'),
  erase: rest('operation', 'D', 'write'),
  hold: rest('operation', 'E', 'write'),
  free: rest('operation', 'E', 'write'),
  other: rest('operation', 'E', 'ask'),
  sent: {
    ...{ type: 'export', subtype: [['lifecycle', 'disclose']], action: 'R', flow: 'outward' },
    profile: 'PrivacyDisclosure.Source',
  },
  taken: {
    ...{ type: 'import', subtype: [['lifecycle', 'disclose']], action: 'C', flow: 'inward' },
    profile: 'PrivacyDisclosure.Recipient',
  },
  enter: { type: 'signIn', subtype: [['dcm', '110122']], action: 'E', flow: 'enter' },
  /** What somebody may, or proves it by, was changed. */
  grade: { type: 'security', subtype: [['dcm', '110137']], action: 'U', flow: 'enter' },
  leave: { type: 'signIn', subtype: [['dcm', '110123']], action: 'E', flow: 'enter' },
} as const satisfies Record<string, ActMeaning>
