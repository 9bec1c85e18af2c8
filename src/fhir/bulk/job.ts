/**
 * Exports as they are kept: nothing of one opens without the ticket that its requester was given.
 *
 * A ticket is 32 random octets in the address that an export was answered with. The site keeps a
 * hash of it; state and files are sealed under keys made of it. A stolen disk shows that there were
 * exports, how large and when, even to whoever holds the root key. Whoever learns the address still
 * has to be the requester: the state says who that is.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  epochMs,
  Exactly,
  Octets,
  statement,
  tablesOf,
  Text,
  toCbor,
  Type,
  utf8,
  uuidOctets,
  uuidOf,
  Whole,
  type EpochMs,
  type Migration,
  type RandomSource,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import { hkdfExpand, open, seal, sha256 } from '#crypto'
import type { WalkPlace, WalkQuery } from '#vault'
import { FhirRefusal } from '../refusal.ts'

/** Keys and name of one export, made of its ticket. */
export interface Ticket {
  /** Hash of the ticket: the key of its row. */
  readonly job: Uint8Array
  /** 32 octets. */
  readonly key: Uint8Array
}

/** Resources of one type, in one file. */
export interface BulkFile {
  readonly type: string
  /** Resources, one a line. */
  readonly count: number
  readonly path: string
  readonly nonce: Uint8Array
}

/** What is known of an export. */
export interface BulkState {
  /** Who asked for it, as it stands in the log. */
  readonly actor: string
  /** The URL that asked for it. */
  readonly request: string
  readonly begunAt: EpochMs
  readonly types: readonly string[]
  /** Only what was written since then. */
  readonly since: EpochMs | undefined
  readonly whose: WalkQuery['whose']
  readonly place: WalkPlace | undefined
  /** Charts that have been gone through. */
  readonly charts: number
  readonly files: readonly BulkFile[]
  /** `failed`: something stored is not as it was sealed; the operator's log says what. */
  readonly stage: 'going' | 'done' | 'failed'
}

/** An export as stored, and the number of its last change. */
export interface BulkJob {
  readonly ticket: Ticket
  readonly edition: number
  readonly until: EpochMs
  readonly state: BulkState
}

/** Where exports are kept. */
export interface BulkStore {
  readonly site: SiteId
  readonly store: Store
  readonly random: RandomSource
}

/** @param octets   the ticket, 32 octets */
export const ticketOf = (octets: Uint8Array): Ticket => ({
  job: sha256(utf8(`${LABEL} job`), octets),
  key: hkdfExpand('sha256', { key: octets, info: utf8(`${LABEL} key`), length: 32 }),
})

/** The export of a ticket, or undefined. @throws FhirRefusal `FHIR_RECORD_DAMAGED` */
export async function jobOf(at: BulkStore, ticket: Ticket): Promise<BulkJob | undefined> {
  const row = (await at.store.read(bind(SELECT, at.site, ticket.job))).at(0)
  if (row === undefined) return undefined
  const [edition, until] = [Number(row['edition']), epochMs(Number(row['until_at']))]
  const sealed = row['sealed']
  try {
    if (!(sealed instanceof Uint8Array)) throw new TypeError('The column holds no octets')
    const associated = stateName(at.site, ticket, edition)
    const nonce = sealed.subarray(0, NONCE_OCTETS)
    const input = { key: ticket.key, nonce, associated }
    const octets = open('aes-256-gcm-siv', input, sealed.subarray(NONCE_OCTETS))
    return { ticket, edition, until, state: decoded(octets) }
  } catch (cause) {
    throw new FhirRefusal('FHIR_RECORD_DAMAGED', 'The export is not as it was written', { cause })
  }
}

/** The statement that makes an export known. */
export const insertJob = (at: BulkStore, { ticket, until, state }: BulkJob): Statement =>
  bind(INSERT, at.site, ticket.job, 1, until, sealedState(at, ticket, { edition: 1, state }))

/** The statement that takes it on, unless somebody else has. */
export function moveJob(at: BulkStore, { ticket, edition, state }: BulkJob): Statement {
  const next = edition + 1
  const sealed = sealedState(at, ticket, { edition: next, state })
  return bind(UPDATE, next, sealed, at.site, ticket.job, edition)
}

/** The statement that forgets it. */
export const deleteJob = (at: BulkStore, job: Uint8Array): Statement => bind(DELETE, at.site, job)

/** Hashes of all tickets, and until when their exports are kept. */
export async function everyJob(
  at: BulkStore,
): Promise<readonly { readonly job: Uint8Array; readonly until: number }[]> {
  const rows = await at.store.read(bind(SELECT_ALL, at.site))
  return rows.map((row) => ({
    job: row['job_id'] instanceof Uint8Array ? row['job_id'] : new Uint8Array(0),
    until: Number(row['until_at']),
  }))
}

/** A file's octets, sealed for its ticket and its path. */
export function sealFile({ key }: Ticket, file: Omit<BulkFile, 'count' | 'type'>, text: string) {
  return seal(
    'aes-256-gcm-siv',
    { key, nonce: file.nonce, associated: utf8(file.path) },
    utf8(text),
  )
}

/** @throws FhirRefusal `FHIR_RECORD_DAMAGED` */
export function openFile({ key }: Ticket, file: BulkFile, sealed: Uint8Array): Uint8Array {
  try {
    const associated = utf8(file.path)
    return open('aes-256-gcm-siv', { key, nonce: file.nonce, associated }, sealed)
  } catch (cause) {
    throw new FhirRefusal('FHIR_RECORD_DAMAGED', 'A file is not as it was written', { cause })
  }
}

function sealedState(
  { site, random }: BulkStore,
  ticket: Ticket,
  { edition, state }: { readonly edition: number; readonly state: BulkState },
): Uint8Array {
  const nonce = random.octets(NONCE_OCTETS)
  const associated = stateName(site, ticket, edition)
  const sealed = seal('aes-256-gcm-siv', { key: ticket.key, nonce, associated }, encoded(state))
  return Uint8Array.of(...nonce, ...sealed)
}

const stateName = (site: SiteId, { job }: Ticket, edition: number): Uint8Array =>
  utf8(`${LABEL} ${site} ${job.toHex()} ${edition}`)

const encoded = ({ since, place, whose, files, ...state }: BulkState): Uint8Array =>
  toCbor({
    ...{ v: 1, ...state, types: [...state.types], since: since ?? null },
    whose: typeof whose === 'string' ? whose : whose.map(({ id }) => id),
    place:
      place === undefined
        ? null
        : [uuidOctets(place.holder), place.object === undefined ? null : uuidOctets(place.object)],
    files: files.map(({ type, count, path, nonce }) => [type, count, path, nonce]),
  })

function decoded(octets: Uint8Array): BulkState {
  const { since, place, whose, files, types, actor, request, ...state } = readState(octets)
  return {
    ...{ actor, request, types, charts: state.charts, stage: state.stage },
    begunAt: epochMs(state.begunAt),
    since: since === null ? undefined : epochMs(since),
    whose: typeof whose === 'string' ? whose : whose.map((id) => ({ type: 'Patient', id })),
    place:
      place === null
        ? undefined
        : { holder: uuidOf(place[0]), object: place[1] === null ? undefined : uuidOf(place[1]) },
    files: files.map(([type, count, path, nonce]) => ({ type, count, path, nonce })),
  }
}

interface BulkTables {
  readonly fhir_bulk: {
    readonly site_id: string
    /** Hash of the ticket. */
    readonly job_id: Uint8Array
    /** Counts the changes. */
    readonly edition: number
    readonly until_at: number
    /** nonce(12) ‖ sealed state. */
    readonly sealed: Uint8Array
  }
}

/** The schema of exports. */
export const bulkMigrations: readonly Migration[] = [
  {
    id: 'fhir-bulk-1',
    statements: [
      `CREATE TABLE fhir_bulk (
        site_id TEXT NOT NULL, job_id BLOB NOT NULL, edition BIGINT NOT NULL,
        until_at BIGINT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (site_id, job_id))`,
    ],
  },
]

const LABEL = 'photonward fhir bulk v1'
export const NONCE_OCTETS = 12
const STATE_OCTETS_MAX = 16 * 1024 * 1024
const UuidOctets = Octets(16)
const readState = cborDoor(
  Exactly({
    v: Type.Literal(1),
    actor: Text(256),
    request: Text(32_768),
    begunAt: Whole(0),
    types: Type.Array(Text(64)),
    since: Type.Union([Type.Null(), Whole(0)]),
    whose: Type.Union([Type.Literal('everyone'), Type.Literal('patients'), Type.Array(Text(64))]),
    place: Type.Union([
      Type.Null(),
      Type.Tuple([UuidOctets, Type.Union([Type.Null(), UuidOctets])]),
    ]),
    charts: Whole(0),
    files: Type.Array(Type.Tuple([Text(64), Whole(1), Text(256), Octets(NONCE_OCTETS)])),
    stage: Type.Union([Type.Literal('going'), Type.Literal('done'), Type.Literal('failed')]),
  }),
  'state of an export',
  STATE_OCTETS_MAX,
)
const db = tablesOf<BulkTables>()
const blank = new Uint8Array(0)
const SELECT = statement(
  db
    .selectFrom('fhir_bulk')
    .select(['edition', 'until_at', 'sealed'])
    .where('site_id', '=', '')
    .where('job_id', '=', blank),
)
const SELECT_ALL = statement(
  db.selectFrom('fhir_bulk').select(['job_id', 'until_at']).where('site_id', '=', ''),
)
const INSERT = statement(
  db
    .insertInto('fhir_bulk')
    .values({ site_id: '', job_id: blank, edition: 0, until_at: 0, sealed: blank }),
)
const UPDATE = statement(
  db
    .updateTable('fhir_bulk')
    .set({ edition: 0, sealed: blank })
    .where('site_id', '=', '')
    .where('job_id', '=', blank)
    .where('edition', '=', 0),
  1,
)
const DELETE = statement(
  db.deleteFrom('fhir_bulk').where('site_id', '=', '').where('job_id', '=', blank),
)
