/**
 * Tombs: what is kept of a holder whose key was destroyed, so that nothing of it comes back.
 *
 * A tomb names the holder's objects by their random ids and says when and why, in a word of ours,
 * signed by the site with both keys. It opens nothing and holds nothing sealed. It stands in a row
 * and, before that, in a file of its own: a database that is put back from before is brought to
 * the same end when the vault opens next. Its hash is in the log.
 *
 * Rows of its objects stay as bare stones: version 0, no likeness. So whoever files, reads or sends
 * one of them again is told that it was erased.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  concat,
  epochMs,
  Exactly,
  Octets,
  OneOf,
  siteId,
  statement,
  Text,
  toCbor,
  Type,
  uuid,
  uuidOctets,
  uuidOf,
  Whole,
  type Disk,
  type EpochMs,
  type Row,
  type SiteId,
  type Statement,
  type Store,
  type Uuid,
} from '#base'
import {
  sha256,
  signDual,
  verifyDual,
  type DualSignature,
  type DualSigner,
  type DualVerifier,
} from '#crypto'
import { damaged } from './refusal.ts'
import { octetsOf } from './rows.ts'
import { db } from './tables.ts'

/** Why a record was erased; these words stand in clear in rows and in the log. */
export const ERASURE_CAUSES = ['wish', 'term', 'court', 'error'] as const
export type ErasureCause = (typeof ERASURE_CAUSES)[number]

/** What a tomb says. */
export interface TombBody {
  readonly site: SiteId
  readonly holder: Uuid
  readonly at: EpochMs
  readonly cause: ErasureCause
  /** Objects that nobody else held: they are no more. In order of their ids. */
  readonly objects: readonly Uuid[]
}

/** A tomb as it is kept. */
export interface Tomb {
  readonly statement: Uint8Array
  readonly signature: DualSignature
}

export function signTomb(body: TombBody, signer: DualSigner): Tomb {
  const { site, at, cause } = body
  const objects = concat(...body.objects.toSorted().map(uuidOctets))
  const text = toCbor({ v: 1, site, holder: uuidOctets(body.holder), at, cause, objects })
  return { statement: text, signature: signDual(signer, LABEL, text) }
}

/** Whether one of these keys signed it. */
export const isTombSigned = (tomb: Tomb, by: readonly DualVerifier[]): boolean =>
  by.some((verifier) => verifyDual(verifier, LABEL, tomb.statement, tomb.signature))

/** @throws Refusal unless the octets are a tomb's statement */
export function readTomb({ statement: octets }: Pick<Tomb, 'statement'>): TombBody {
  const { site, holder, at, cause, objects } = openStatement(octets)
  const ids: Uuid[] = []
  for (let from = 0; from + ID_OCTETS <= objects.length; from += ID_OCTETS) {
    ids.push(uuidOf(objects.subarray(from, from + ID_OCTETS)))
  }
  return { site: siteId(site), holder: uuidOf(holder), at: epochMs(at), cause, objects: ids }
}

/** By which the log names a tomb. */
export const tombHash = ({ statement: octets }: Pick<Tomb, 'statement'>): Uint8Array =>
  sha256(octets)

export const insertTomb = (site: SiteId, { holder, at }: TombBody, tomb: Tomb): Statement => {
  const { statement: text, signature } = tomb
  const row = [site, uuidOctets(holder), at, text, signature.mlDsa, signature.ed25519]
  return bind(INSERT_TOMB, ...row)
}

/** The tomb of a holder, or undefined. */
export async function tombOf(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  holder: Uuid,
): Promise<Tomb | undefined> {
  const rows = await store.read(bind(SELECT_TOMB, site, uuidOctets(holder)))
  return rows.map(tombIn).at(0)
}

/** All tombs of the site, in order of their holders, not verified. */
export async function* everyTomb({
  site,
  store,
}: {
  readonly site: SiteId
  readonly store: Store
}): AsyncGenerator<{ readonly holder: Uuid; readonly tomb: Tomb }> {
  let after: Uint8Array = blank
  for (;;) {
    const rows = await store.read(bind(SELECT_TOMBS, site, after, TOMBS_A_PAGE))
    for (const row of rows) yield { holder: uuidOf(octetsOf(row, 'holder_id')), tomb: tombIn(row) }
    if (rows.length < TOMBS_A_PAGE) return
    after = octetsOf(rows[rows.length - 1], 'holder_id')
  }
}

/** Keeps a tomb beside the database; durable when it resolves. */
export async function keepTomb(disk: Disk, holder: Uuid, tomb: Tomb): Promise<void> {
  const { mlDsa, ed25519 } = tomb.signature
  await disk.write(
    `${FOLDER}/${holder}`,
    toCbor({ v: 1, statement: tomb.statement, mlDsa, ed25519 }),
  )
}

/** The tombs that are kept beside the database. @throws VaultRefusal `VAULT_DAMAGED` */
export async function keptTombs(disk: Disk): Promise<readonly Tomb[]> {
  const tombs: Tomb[] = []
  for (const path of await disk.list(FOLDER)) {
    const octets = await disk.read(path)
    if (octets === undefined) continue
    try {
      const { statement: text, mlDsa, ed25519 } = openFile(octets)
      const tomb = { statement: text, signature: { mlDsa, ed25519 } }
      if (readTomb(tomb).holder !== uuid(path.slice(FOLDER.length + 1))) throw new RangeError(path)
      tombs.push(tomb)
    } catch (cause) {
      throw damaged(path, 'the file was changed', cause)
    }
  }
  return tombs
}

const tombIn = (row: Row): Tomb => ({
  statement: octetsOf(row, 'statement'),
  signature: { mlDsa: octetsOf(row, 'ml_dsa'), ed25519: octetsOf(row, 'ed25519') },
})

/** Objects of one holder that a tomb may name. */
export const TOMB_OBJECTS_MAX = 500_000
const FOLDER = 'tombs'
const ID_OCTETS = 16
const TOMBS_A_PAGE = 100
const LABEL = 'photonward/vault-tomb@v1'
const blank = new Uint8Array(0)
export const TOMB_OCTETS_MAX = TOMB_OBJECTS_MAX * ID_OCTETS + 256
const openStatement = cborDoor(
  Exactly({
    v: Type.Literal(1),
    site: Text(63, 1),
    holder: Octets(ID_OCTETS),
    at: Whole(0),
    cause: OneOf(...ERASURE_CAUSES),
    objects: Octets(0, TOMB_OBJECTS_MAX * ID_OCTETS),
  }),
  'tomb',
  TOMB_OCTETS_MAX,
)
const openFile = cborDoor(
  Exactly({
    v: Type.Literal(1),
    statement: Octets(1, TOMB_OCTETS_MAX),
    mlDsa: Octets(3309),
    ed25519: Octets(64),
  }),
  'file of a tomb',
  TOMB_OCTETS_MAX + 4096,
)
const COLUMNS = ['statement', 'ml_dsa', 'ed25519'] as const
const INSERT_TOMB = statement(
  db
    .insertInto('vault_tomb')
    .values({
      site_id: '',
      holder_id: blank,
      at: 0,
      statement: blank,
      ml_dsa: blank,
      ed25519: blank,
    })
    .onConflict((conflict) => conflict.doNothing()),
)
const SELECT_TOMB = statement(
  db
    .selectFrom('vault_tomb')
    .select(COLUMNS)
    .where('site_id', '=', '')
    .where('holder_id', '=', blank),
)
const SELECT_TOMBS = statement(
  db
    .selectFrom('vault_tomb')
    .select(['holder_id', ...COLUMNS])
    .where('site_id', '=', '')
    .where('holder_id', '>', blank)
    .orderBy('holder_id')
    .limit(TOMBS_A_PAGE),
)
