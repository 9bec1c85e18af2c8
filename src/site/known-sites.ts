/**
 * Sites as they were: the keys of every statement that this site has ever found good, its own and
 * its peers'.
 *
 * Statements end, are renewed, and are revoked; what was signed while they held stays signed. So the
 * keys are kept, for what is stored here and was verified when it came. What comes new is held to
 * the statements of today.
 *
 * Rows are sealed under the root key: whoever writes the database without it cannot add keys of
 * his own. He can take rows away; then stored records are named as faulty.
 *
 * @module
 */

import {
  bind,
  cborDoor,
  epochMs,
  Exactly,
  Octets,
  siteId,
  statement,
  tablesOf,
  Text,
  toCbor,
  utf8,
  Whole,
  type EpochMs,
  type Log,
  type Migration,
  type RandomSource,
  type Row,
  type SecretBytes,
  type SiteId,
  type Store,
} from '#base'
import type { NoteVerifier } from '#audit'
import { open, seal, type DualVerifier } from '#crypto'
import type { SiteStatement } from '#pki'
import { keyFor, type RootKey } from './root-key/root-key.ts'

/** What is kept of a statement. */
export interface FormerStatement {
  readonly site: SiteId
  readonly serial: string
  readonly notBefore: EpochMs
  readonly notAfter: EpochMs
  readonly statement: DualVerifier
  /** Origin of the log, and its keys. */
  readonly audit: SiteStatement['audit']
}

/**
 * Keeps the statements that hold now, and gives all that ever held, newest first.
 *
 * @param root   stays the caller's
 */
export async function rememberStatements(
  input: {
    readonly site: SiteId
    readonly store: Store
    readonly random: RandomSource
    readonly log: Log
    readonly root: RootKey
  },
  current: readonly SiteStatement[],
): Promise<readonly FormerStatement[]> {
  const { site, store, random, log, root } = input
  using key = keyFor(root, 'former-statements')
  const rows = await store.read(bind(SELECT, site))
  const kept = new Set(rows.map((row) => nameOf(String(row['peer']), String(row['serial']))))
  const missing = current.filter((one) => !kept.has(nameOf(one.site, one.serial)))
  if (missing.length > 0) {
    await store.commit(
      missing.map((one) => {
        const nonce = random.octets(NONCE_OCTETS)
        const associated = labelOf(site, one.site, one.serial)
        const text = toCbor(keptOf(one))
        const sealed = seal('aes-256-gcm', { key: key.reveal(), nonce, associated }, text)
        return bind(INSERT, site, one.site, one.serial, nonce, sealed)
      }),
    )
  }
  const former = rows.flatMap((row) => {
    try {
      return [opened(site, row, key)]
    } catch {
      log.write('error', 'statement.row-damaged', { peer: String(row['peer']) })
      return []
    }
  })
  const all = [...former, ...missing]
  return all.toSorted((a, b) => b.notBefore - a.notBefore)
}

/** Keys under which stored records of a site may be signed, each once, newest first. */
export function formerKeysOf(
  known: readonly FormerStatement[],
  site: SiteId,
): readonly DualVerifier[] {
  const keys = new Map<string, DualVerifier>()
  for (const one of known) {
    if (one.site !== site) continue
    const { mlDsa, ed25519 } = one.statement
    const name = `${mlDsa.toHex()} ${ed25519.toHex()}`
    if (!keys.has(name)) keys.set(name, one.statement)
  }
  return [...keys.values()]
}

/** The newest keys of the log of an origin, from whatever statement. */
export function formerLogOf(
  known: readonly FormerStatement[],
  origin: string,
): NoteVerifier | undefined {
  const found = known.find(({ audit }) => audit.origin === origin)?.audit
  return found && { name: found.origin, ed25519: found.ed25519, mlDsa44: found.mlDsa44 }
}

function opened(site: SiteId, row: Row, key: SecretBytes): FormerStatement {
  const [nonce, sealed] = [row['nonce'], row['sealed']]
  if (!(nonce instanceof Uint8Array) || !(sealed instanceof Uint8Array)) {
    throw new TypeError('Expected octets')
  }
  const associated = labelOf(site, String(row['peer']), String(row['serial']))
  const read = door(open('aes-256-gcm', { key: key.reveal(), nonce, associated }, sealed))
  return {
    ...read,
    site: siteId(read.site),
    notBefore: epochMs(read.notBefore),
    notAfter: epochMs(read.notAfter),
  }
}

const keptOf = ({ site, serial, notBefore, notAfter, statement: keys, audit }: SiteStatement) => ({
  ...{ site, serial, notBefore, notAfter },
  statement: { mlDsa: keys.mlDsa, ed25519: keys.ed25519 },
  audit: { origin: audit.origin, ed25519: audit.ed25519, mlDsa44: audit.mlDsa44 },
})

const nameOf = (peer: string, serial: string): string => `${peer} ${serial}`

const labelOf = (site: string, peer: string, serial: string): Uint8Array =>
  utf8(`photonward/former-statement/v1 ${site} ${peer} ${serial}`)

const NONCE_OCTETS = 12
const OCTETS_MAX = 16_384
const door = cborDoor(
  Exactly({
    site: Text(63, 1),
    serial: Text(40, 2),
    notBefore: Whole(0),
    notAfter: Whole(0),
    statement: Exactly({ mlDsa: Octets(1952), ed25519: Octets(32) }),
    audit: Exactly({ origin: Text(255, 1), ed25519: Octets(32), mlDsa44: Octets(1312) }),
  }),
  'statement that was kept',
  OCTETS_MAX,
)

interface KnownTables {
  known_site: {
    site_id: string
    peer: string
    serial: string
    nonce: Uint8Array
    sealed: Uint8Array
  }
}
const db = tablesOf<KnownTables>()
const NONE = new Uint8Array(0)
const SELECT = statement(
  db
    .selectFrom('known_site')
    .select(['peer', 'serial', 'nonce', 'sealed'])
    .where('site_id', '=', '')
    .orderBy('peer')
    .orderBy('serial'),
)
const INSERT = statement(
  db
    .insertInto('known_site')
    .values({ site_id: '', peer: '', serial: '', nonce: NONE, sealed: NONE })
    .onConflict((conflict) => conflict.doNothing()),
)

export const knownSiteMigrations: readonly Migration[] = [
  {
    id: 'known-site-1',
    statements: [
      `CREATE TABLE known_site (
        site_id TEXT NOT NULL,
        peer TEXT NOT NULL,
        serial TEXT NOT NULL,
        nonce BLOB NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (site_id, peer, serial)
      )`,
    ],
  },
]
