/**
 * Entries of the log as messages for a SIEM: RFC 5424, with the entry as structured data or as OCSF.
 *
 * An entry holds nothing of a patient, and so does its message: kind, time, who by our own id, facts.
 * The events beside entries never leave this way. Every message bears the index of its entry, so that
 * whoever receives one twice can tell.
 *
 * @see RFC 5424 §6; RFC 5425 §4.3 (octet counting); OCSF 1.3
 * @module
 */

import { concat, isoTime, utf8 } from '#base'
import type { AuditEntry, EventFact } from '#audit'

export interface SiemAbout {
  readonly site: string
  readonly version: string
  readonly format: 'ocsf' | 'plain'
}

/** One entry as a syslog frame: its length, a space, the message. */
export function syslogFrame(entry: AuditEntry, about: SiemAbout): Uint8Array {
  const { index, event } = entry
  const { kind, at, actor, facts } = event
  const priority = FACILITY * 8 + SEVERITIES[severityOf(entry)].syslog
  const header = `<${priority}>1 ${isoTime(at)} ${about.site} photonward - ${kind.slice(0, 32)}`
  const named = Object.entries(facts).map(([name, fact]) => parameter(`f_${name}`, textOf(fact)))
  const data = [
    ...[parameter('index', String(index)), parameter('kind', kind), parameter('actor', actor)],
    ...(about.format === 'plain' ? named : []),
  ]
  const body = about.format === 'ocsf' ? ` ${JSON.stringify(ocsfEvent(entry, about))}` : ''
  const message = utf8(`${header} [entry@${ENTERPRISE} ${data.join(' ')}]${body}`)
  return concat(utf8(`${message.length} `), message)
}

/** One entry as an event of OCSF. */
export function ocsfEvent(
  entry: AuditEntry,
  { site, version }: Pick<SiemAbout, 'site' | 'version'>,
): Readonly<Record<string, unknown>> {
  const { index, event } = entry
  const { kind, at, actor, facts } = event
  const { category, type, activity, ...rest } = classOf(kind)
  const { ocsf: severity } = SEVERITIES[severityOf(entry)]
  const failed = FAILED.test(kind)
  return {
    ...{ category_uid: category, class_uid: type, activity_id: activity },
    ...{ type_uid: type * 100 + activity, severity_id: severity, status_id: failed ? 2 : 1 },
    ...{ time: at, message: kind },
    metadata: {
      ...{ version: OCSF, uid: String(index), event_code: kind, log_name: 'photonward' },
      product: { name: 'PhotonWard', vendor_name: 'PhotonWard', version },
    },
    device: { type_id: 1, hostname: site },
    actor: { user: { uid: actor } },
    ...(rest.isAuthentication && { user: { uid: textOf(facts['who'] ?? actor) } }),
    ...(rest.isApi && { api: { operation: kind }, src_endpoint: { name: actor } }),
    ...(rest.isFinding && { finding_info: { uid: String(index), title: textOf(facts['alarm']) } }),
    ...(rest.isData && { database: { name: site, type_id: 99 } }),
    unmapped: { ...facts },
  }
}

interface OcsfClass {
  readonly category: number
  readonly type: number
  readonly activity: number
  readonly isAuthentication?: boolean
  readonly isApi?: boolean
  readonly isFinding?: boolean
  readonly isData?: boolean
}

function classOf(kind: string): OcsfClass {
  const found = CLASSES.find(([pattern]) => pattern.test(kind))
  return found?.[1] ?? { category: 6, type: 6003, activity: 99, isApi: true }
}

const severityOf = ({ event: { kind, facts } }: AuditEntry): keyof typeof SEVERITIES => {
  const said = facts['severity']
  if (said === 'critical' || said === 'warning' || said === 'notice') return said
  return FAILED.test(kind) ? 'notice' : 'info'
}

/** RFC 5424 §6.3.3: `"`, `\` and `]` are escaped. */
const parameter = (name: string, value: string): string =>
  `${name.slice(0, 32)}="${value.replaceAll(/["\\\]]/g, '\\$&')}"`

const textOf = (fact: EventFact | undefined): string =>
  fact === undefined
    ? ''
    : typeof fact === 'object' && fact !== null
      ? fact.join(' ')
      : String(fact)

const FAILED = /(?:denied|refused|withheld|failed|doubted)$/
/** Of RFC 5424 (notice 5, warning 4, critical 2, informational 6) and OCSF. */
const SEVERITIES = {
  info: { syslog: 6, ocsf: 1 },
  notice: { syslog: 5, ocsf: 2 },
  warning: { syslog: 4, ocsf: 3 },
  critical: { syslog: 2, ocsf: 5 },
} as const
/** Authentication 3002, Account Change 3001, Detection Finding 2004, Datastore Activity 6005. */
const CLASSES: readonly (readonly [RegExp, OcsfClass])[] = [
  [
    /^people\.sign(?:ed-in|-in-denied)$|^app\.token$/,
    { ...{ category: 3, type: 3002, activity: 1 }, isAuthentication: true },
  ],
  [
    /^people\.signed-out|^app\.revoked$/,
    { ...{ category: 3, type: 3002, activity: 2 }, isAuthentication: true },
  ],
  [/^people\.|^app\./, { ...{ category: 3, type: 3001, activity: 99 }, isAuthentication: true }],
  [/^alarm\.raised$/, { ...{ category: 2, type: 2004, activity: 1 }, isFinding: true }],
  [/^alarm\.cleared$/, { ...{ category: 2, type: 2004, activity: 3 }, isFinding: true }],
  [
    /^vault\.(?:opened|listed|told)$/,
    { ...{ category: 6, type: 6005, activity: 1 }, isData: true },
  ],
  [/^vault\.(?:sought|found)$/, { ...{ category: 6, type: 6005, activity: 4 }, isData: true }],
  [/^vault\.filed$/, { ...{ category: 6, type: 6005, activity: 5 }, isData: true }],
  [/^vault\.erased$/, { ...{ category: 6, type: 6005, activity: 7 }, isData: true }],
]
/** Log audit. */
const FACILITY = 13
/** The number that RFC 5612 keeps for examples: this project has no enterprise number of its own. */
const ENTERPRISE = 32473
const OCSF = '1.3.0'
