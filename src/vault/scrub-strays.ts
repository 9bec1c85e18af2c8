/**
 * The parts of a scrub that look for what should not be there, or is there no longer: rows whose
 * counterpart is missing, signed statements of other sites, and the groups of the log.
 *
 * @module
 */

import {
  base64,
  bind,
  hex,
  isUuid,
  Refusal,
  statement,
  uuid,
  uuidOctets,
  uuidOf,
  type SqlValue,
  type Statement,
  type Uuid,
} from '#base'
import type { AuditEntry } from '#audit'
import { storedVerifiersOf, type VaultContext } from './context.ts'
import { faultOf, type Fault, type Findings } from './findings.ts'
import { isSigned, readStatement, statementHash } from './group.ts'
import { idIn, numberOf, octetsOf, siteIn } from './rows.ts'
import { db } from './tables.ts'

/** Rows without the rows they belong to. Each check is one statement, and so consistent. */
export async function strayFaults(context: VaultContext): Promise<readonly Fault[]> {
  const { site, store } = context
  const faults: Fault[] = []
  for (const { query, columns, table, problem } of STRAYS) {
    for (const row of await store.read(bind(query, site, STRAYS_MAX))) {
      const key = columns.map((column) => spelled(row[column])).join(' ')
      faults.push({ place: `${table} ${key}`, problem })
    }
  }
  for (const row of await store.read(bind(SELECT_FOREIGN, site))) {
    const place = `vault_foreign ${idIn(row, 'group_id')}`
    try {
      const tenant = siteIn(row, 'origin')
      const text = octetsOf(row, 'statement')
      const signature = { mlDsa: octetsOf(row, 'ml_dsa'), ed25519: octetsOf(row, 'ed25519') }
      const isGood = isSigned(storedVerifiersOf(context)(tenant), { statement: text, signature })
      const read = readStatement(text)
      if (isGood && read.site === tenant && read.group === idIn(row, 'group_id')) continue
      faults.push({ place, problem: 'the signatures do not hold' })
    } catch (error) {
      faults.push(faultOf(error, place))
    }
  }
  return faults
}

/**
 * Groups that the log names and that are not here as it names them, and the reverse. Entries in
 * doubt say nothing, and each may have named a group.
 */
export async function* loggedGroupFaults(
  context: VaultContext,
  findings: Findings,
  entriesInDoubt: ReadonlySet<number>,
): AsyncGenerator<Fault> {
  const { site, store } = context
  const [stored] = await store.read(bind(COUNT_GROUPS, site))
  const doubted = new Set(entriesInDoubt)
  let logged = 0
  for await (const entry of loggedGroups(context)) {
    const { index } = entry
    if (doubted.has(index)) continue
    if (entry.kind === 'unreadable') {
      doubted.add(index)
      yield { place: `entry ${index}`, problem: 'cannot be read' }
      continue
    }
    const { group, hash } = entry
    logged++
    findings.count('log')
    const place = `vault_group ${group}`
    const rows = await store.read(bind(SELECT_STATEMENT, site, uuidOctets(group)))
    const text = rows.map((row) => octetsOf(row, 'statement')).at(0)
    if (text === undefined) {
      yield { place, problem: `the row is missing; entry ${index} of the log names it` }
    } else if (base64(statementHash(text)) !== hash) {
      yield { place, problem: `the statement is not the one of entry ${index} of the log` }
    }
  }
  if (numberOf(stored, 'count') <= logged + doubted.size) return
  const names = new Set<string>()
  const rows = await store.read(bind(SELECT_GROUP_IDS, site))
  for await (const entry of loggedGroups(context)) {
    if (entry.kind === 'named') names.add(entry.group)
  }
  for (const row of rows) {
    const group = idIn(row, 'group_id')
    if (!names.has(group))
      yield { place: `vault_group ${group}`, problem: 'the log does not name it' }
  }
}

/** What the log says of one group. */
type LoggedGroup =
  | { readonly kind: 'named'; readonly index: number; readonly group: Uuid; readonly hash: string }
  | { readonly kind: 'unreadable'; readonly index: number }

/** The groups of the log, oldest first. */
async function* loggedGroups(context: VaultContext): AsyncGenerator<LoggedGroup> {
  for (const kind of ['vault.sealed', 'vault.received']) {
    let after = -1
    for (;;) {
      const page = await pageOfGroups(context, kind, after)
      yield* page
      const last = page.at(-1)
      if (last === undefined) break
      after = last.index
    }
  }
}

/** Entries of a kind after an index; one alone if there is one among them that cannot be read. */
async function pageOfGroups(
  { audit }: VaultContext,
  kind: string,
  after: number,
): Promise<readonly LoggedGroup[]> {
  const read = async (limit: number): Promise<readonly LoggedGroup[]> => {
    return (await audit.entries({ kind, after }, limit)).map(groupIn)
  }
  try {
    return await read(ENTRIES_A_PAGE)
  } catch {
    return read(1).catch((error: unknown) => {
      const index = error instanceof Refusal ? error.facts['index'] : undefined
      if (typeof index !== 'number') throw error
      return [{ kind: 'unreadable', index }]
    })
  }
}

/** The group that an entry names, if that can be read. */
function groupIn({ index, event: { facts } }: AuditEntry): LoggedGroup {
  const { group, statement: hash } = facts
  if (typeof group !== 'string' || !isUuid(group)) return { kind: 'unreadable', index }
  return { kind: 'named', index, group: uuid(group), hash: String(hash) }
}

/** A column of a key, as findings spell it. */
function spelled(value: SqlValue): string {
  if (!(value instanceof Uint8Array)) return String(value)
  return value.length === 16 ? uuidOf(value) : hex(value)
}

interface Stray {
  readonly table: string
  readonly columns: readonly string[]
  readonly problem: string
  /** Takes the site and a limit. */
  readonly query: Statement
}

const blank = new Uint8Array(0)
const ENTRIES_A_PAGE = 500
/** Strays of one kind that are named. */
const STRAYS_MAX = 100
const COUNT_GROUPS = statement(
  db
    .selectFrom('vault_group')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('site_id', '=', ''),
)
const SELECT_GROUP_IDS = statement(
  db.selectFrom('vault_group').select('group_id').where('site_id', '=', ''),
)
const SELECT_STATEMENT = statement(
  db
    .selectFrom('vault_group')
    .select('statement')
    .where('site_id', '=', '')
    .where('group_id', '=', blank),
)
const SELECT_FOREIGN = statement(
  db
    .selectFrom('vault_foreign')
    .select(['origin', 'group_id', 'statement', 'ml_dsa', 'ed25519'])
    .where('site_id', '=', ''),
)

/** Rows of `table` for which `other` has none with the same key, as far as a condition holds. */
function without(
  table: string,
  columns: readonly string[],
  other: string,
  key: readonly string[],
  condition = '1 = 1',
): Statement {
  const same = key.map((column) => `and other.${column} = stray.${column}`).join(' ')
  const sql = `select distinct ${columns.map((column) => `stray.${column}`).join(', ')}
    from ${table} stray where stray.site_id = ? and ${condition} and not exists
    (select 1 from ${other} other where other.site_id = stray.site_id ${same}) limit ?`
  return { sql, parameters: [] }
}

const STRAYS: readonly Stray[] = [
  {
    table: 'vault_edition',
    columns: ['object_id', 'edition'],
    problem: 'there is no such object',
    query: without('vault_edition', ['object_id', 'edition'], 'vault_object', ['object_id']),
  },
  {
    table: 'vault_object',
    columns: ['object_id'],
    problem: 'no holder has the object',
    query: without(
      'vault_object',
      ['object_id'],
      'vault_holding',
      ['object_id'],
      'stray.newest > 0',
    ),
  },
  {
    table: 'vault_holding',
    columns: ['holder_id', 'object_id'],
    problem: 'there is no such object',
    query: without('vault_holding', ['holder_id', 'object_id'], 'vault_object', ['object_id']),
  },
  {
    table: 'vault_holding',
    columns: ['holder_id'],
    problem: 'there is no such holder',
    query: without('vault_holding', ['holder_id'], 'vault_holder', ['holder_id']),
  },
  {
    table: 'vault_lookup',
    columns: ['holder_id'],
    problem: 'there is no such holder',
    query: without(
      'vault_lookup',
      ['holder_id'],
      'vault_holder',
      ['holder_id'],
      `not exists (select 1 from vault_tomb tomb where tomb.site_id = stray.site_id
        and tomb.holder_id = stray.holder_id)`,
    ),
  },
  ...['vault_chart', 'vault_page'].map((table) => ({
    table,
    columns: ['holder_id'],
    problem: 'there is no such holder',
    query: without(table, ['holder_id'], 'vault_holder', ['holder_id']),
  })),
  {
    table: 'vault_mark',
    columns: ['object_id'],
    problem: 'there is no such object',
    query: without('vault_mark', ['object_id'], 'vault_object', ['object_id']),
  },
  {
    table: 'vault_roll',
    columns: ['group_id'],
    problem: 'there is no such group',
    query: without('vault_roll', ['group_id'], 'vault_group', ['group_id']),
  },
  {
    table: 'vault_origin',
    columns: ['object_id', 'edition'],
    problem: 'there is no such version',
    query: without('vault_origin', ['object_id', 'edition'], 'vault_edition', [
      'object_id',
      'edition',
    ]),
  },
  {
    table: 'vault_origin',
    columns: ['object_id', 'edition'],
    problem: 'the version was sealed at this site',
    query: {
      sql: `select stray.object_id, stray.edition from vault_origin stray
        join vault_object other on other.site_id = stray.site_id
        and other.object_id = stray.object_id and other.origin = stray.site_id
        where stray.site_id = ? limit ?`,
      parameters: [],
    },
  },
]
