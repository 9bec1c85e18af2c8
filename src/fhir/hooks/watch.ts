/**
 * How far each subscription has watched, sealed: what was seen, what is still to be told, and when.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  epochMs,
  Exactly,
  statement,
  tablesOf,
  Text,
  toCbor,
  Type,
  utf8,
  Whole,
  type EpochMs,
  type Migration,
  type RandomSource,
  type SecretBytes,
  type SiteId,
  type Store,
} from '#base'
import { hkdfExpand, hmac, open, seal } from '#crypto'
import { FhirRefusal } from '../refusal.ts'

/** What is kept of one subscription. */
export interface Watch {
  /** Everything written before is dealt with … */
  readonly upTo: EpochMs
  /** … and of what was written shortly before, this: `Type/id/version`. */
  readonly seen: readonly string[]
  /** Whether there is something to tell. */
  readonly isPending: boolean
  /** Knocks in a row that nobody answered. */
  readonly failures: number
  /** Not before. */
  readonly nextAt: EpochMs
}

export interface WatchStore {
  readonly site: SiteId
  readonly store: Store
  readonly random: RandomSource
  /** 32 octets; stays its owner's. */
  readonly key: SecretBytes
}

/** @param id   of the Subscription @throws FhirRefusal `FHIR_RECORD_DAMAGED` */
export async function watchOf(at: WatchStore, id: string): Promise<Watch | undefined> {
  const name = nameOf(at, id)
  const row = (await at.store.read(bind(SELECT, at.site, name))).at(0)
  if (row === undefined) return undefined
  try {
    const sealed = row['sealed'] as Uint8Array
    const input = { ...inputOf(at, name), nonce: sealed.subarray(0, NONCE_OCTETS) }
    const watch = read(open('aes-256-gcm-siv', input, sealed.subarray(NONCE_OCTETS)))
    const { seen, isPending, failures } = watch
    const [upTo, nextAt] = [epochMs(watch.upTo), epochMs(watch.nextAt)]
    return { upTo, seen, isPending, failures, nextAt }
  } catch (cause) {
    throw new FhirRefusal('FHIR_RECORD_DAMAGED', 'A watch is not as it was written', { cause })
  }
}

/** Keeps how far a subscription is, durably. */
export async function keepWatch(at: WatchStore, id: string, watch: Watch): Promise<void> {
  const name = nameOf(at, id)
  const nonce = at.random.octets(NONCE_OCTETS)
  const octets = toCbor({ v: 1, ...watch, seen: [...watch.seen] })
  const sealed = seal('aes-256-gcm-siv', { ...inputOf(at, name), nonce }, octets)
  const row = Uint8Array.of(...nonce, ...sealed)
  await at.store.commit([bind(UPSERT, at.site, name, row, row)])
}

const nameOf = ({ key }: WatchStore, id: string): Uint8Array =>
  hmac('sha256', key.reveal(), utf8(`${LABEL} name`), utf8(id))

const inputOf = ({ key, site }: WatchStore, name: Uint8Array) => ({
  key: hkdfExpand('sha256', { key: key.reveal(), info: utf8(`${LABEL} key`), length: 32 }),
  associated: utf8(`${LABEL} ${site} ${name.toHex()}`),
})

interface HookTables {
  readonly fhir_hook: {
    readonly site_id: string
    /** Keyed hash of the logical id. */
    readonly hook_id: Uint8Array
    /** nonce(12) ‖ sealed watch. */
    readonly sealed: Uint8Array
  }
}

/** The schema of watches. */
export const hookMigrations: readonly Migration[] = [
  {
    id: 'fhir-hook-1',
    statements: [
      `CREATE TABLE fhir_hook (
        site_id TEXT NOT NULL, hook_id BLOB NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY (site_id, hook_id))`,
    ],
  },
]

const LABEL = 'photonward fhir hook v1'
const NONCE_OCTETS = 12
/** What was written within the time that is looked at twice. */
export const SEEN_MAX = 2000
const read = cborDoor(
  Exactly({
    v: Type.Literal(1),
    upTo: Whole(0),
    seen: Type.Array(Text(160), { maxItems: SEEN_MAX }),
    isPending: Type.Boolean(),
    failures: Whole(0),
    nextAt: Whole(0),
  }),
  'watch of a subscription',
  1024 * 1024,
)
const db = tablesOf<HookTables>()
const blank = new Uint8Array(0)
const SELECT = statement(
  db
    .selectFrom('fhir_hook')
    .select('sealed')
    .where('site_id', '=', '')
    .where('hook_id', '=', blank),
)
const UPSERT = statement(
  db
    .insertInto('fhir_hook')
    .values({ site_id: '', hook_id: blank, sealed: blank })
    .onConflict((conflict) =>
      conflict.columns(['site_id', 'hook_id']).doUpdateSet({ sealed: blank }),
    ),
)
