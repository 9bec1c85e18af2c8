/**
 * The scrub: verifies everything that is stored against everything else.
 *
 * Every holder key unwraps; every group's signatures hold and its manifest leads to its root; every
 * version of a manifest is there and every version that is there is in a manifest, opens, and is
 * what it was sealed as; newest versions, tags, lookups and holdings are those that the opened
 * contents call for; every group is in the log and every group of the log is here. So a changed
 * octet, a swapped or missing row, and an old version put in place of a new one are found.
 *
 * Runs beside other work: what looks faulty is looked at twice, and only reported if it still is.
 * Does not see what an attacker with the root key and the signing keys has written.
 *
 * @module
 */

import { bind, hex, statement, uuidOctets, uuidOf, type Row } from '#base'
import type { VaultContext } from './context.ts'
import { faultOf, Findings, type Fault, type ScrubFinding } from './findings.ts'
import { subjectOfEntry } from './group.ts'
import { placeIn, type VerifiedGroup } from './groups.ts'
import { holderColumns } from './keyring.ts'
import { HOLDER_KINDS, holderOf } from './keys.ts'
import { Rolls } from './kinds.ts'
import { placeOf } from './reading.ts'
import { damaged } from './refusal.ts'
import { idIn, numberOf, octetsOf } from './rows.ts'
import { GoodStatements, holderFaults } from './scrub-holder.ts'
import { loggedGroupFaults, strayFaults } from './scrub-strays.ts'
import { buriedIn, type Buried } from './scrub-tombs.ts'
import { db } from './tables.ts'

export interface ScrubOptions {
  /**
   * Entries of the log that its own verification has named: what they say of groups is no evidence
   * against the groups.
   */
  readonly entriesInDoubt?: ReadonlySet<number>
}

/** Verifies the whole store. The last finding is `done`. */
export async function* scrub(
  context: VaultContext,
  { entriesInDoubt = new Set() }: ScrubOptions = {},
): AsyncGenerator<ScrubFinding> {
  const findings = new Findings()
  const buried = await buriedIn(context)
  const totals = await countRows(context)
  yield* scrubHolders(context, findings, totals.holders)
  yield* scrubGroups(context, findings, { total: totals.groups, buried })
  yield* scrubRecords(context, findings, { total: totals.objects, buried })
  for (const fault of buried.faults) yield* findings.fault('strays', fault)
  for (const fault of await strayFaults(context)) yield* findings.fault('strays', fault)
  for await (const fault of loggedGroupFaults(context, findings, entriesInDoubt)) {
    yield* findings.fault('log', fault)
  }
  yield findings.done()
}

async function* scrubHolders(
  context: VaultContext,
  findings: Findings,
  total: number,
): AsyncGenerator<ScrubFinding> {
  const { site, store, keyring } = context
  for (const fault of await keyring.proofFaults()) yield* findings.fault('holders', fault)
  for await (const row of pages(context, SELECT_HOLDERS, 'holder_id')) {
    findings.count('holders')
    try {
      keyring.check(holderOf(row), octetsOf(row, 'wrapped'))
    } catch (error) {
      yield* findings.fault('holders', faultOf(error, `vault_holder ${nameIn(row, 'holder_id')}`))
    }
  }
  const kinds = await store.read(bind(SELECT_KINDS, site))
  for (const kind of [HOLDER_KINDS.index, HOLDER_KINDS.shared, HOLDER_KINDS.unassigned]) {
    const counted = kinds.find((row) => row['kind'] === kind)
    if (counted !== undefined && numberOf(counted, 'count') === 1) continue
    const place = `vault_holder of kind ${kind}`
    yield* findings.fault('holders', { place, problem: 'expected exactly one row' })
  }
  yield findings.progress('holders', total)
}

async function* scrubGroups(
  context: VaultContext,
  findings: Findings,
  { total, buried }: { readonly total: number; readonly buried: Buried },
): AsyncGenerator<ScrubFinding> {
  const rolls = new Rolls(context)
  for await (const row of pages(context, SELECT_GROUPS, 'group_id')) {
    findings.count('groups')
    const id = nameIn(row, 'group_id')
    try {
      const group = context.groups.check(idIn(row, 'group_id'), row)
      if ((await rolls.of(group.read.group)).length !== group.read.size) {
        throw damaged(`vault_roll ${id}`, 'has another size than the group')
      }
      for (const fault of await missingVersions(context, group, buried)) {
        yield* findings.fault('versions', fault)
      }
    } catch (error) {
      yield* findings.fault('groups', faultOf(error, `vault_group ${id}`))
    }
    yield findings.progress('groups', total)
  }
}

/** Versions that a group lists and that are not where it lists them. */
async function missingVersions(
  context: VaultContext,
  group: VerifiedGroup,
  { objects: ended }: Buried,
): Promise<readonly Fault[]> {
  const { site, store } = context
  const { size, group: id } = group.read
  const faults: Fault[] = []
  for (let from = 0; from < size; from += ENTRIES_A_QUERY) {
    const count = Math.min(ENTRIES_A_QUERY, size - from)
    const listed = Array.from({ length: count }, (_, at) => {
      const { object, version } = subjectOfEntry(placeIn(group, from + at) ?? new Uint8Array(52))
      return { object, version, place: from + at }
    })
    const query = db
      .selectFrom('vault_edition')
      .select(['object_id', 'edition', 'group_id', 'place'])
      .where('site_id', '=', site)
      .where(
        'object_id',
        'in',
        listed.map(({ object }) => uuidOctets(object)),
      )
    const rows = await store.read(statement(query))
    const there = new Map(
      rows.map((row) => [`${idIn(row, 'object_id')} ${numberOf(row, 'edition')}`, row]),
    )
    for (const { object, version, place } of listed) {
      const row = there.get(`${object} ${version}`)
      const where = placeOf(object, version)
      if (ended.has(object)) {
        if (row !== undefined) faults.push({ place: where, problem: 'is here, and was erased' })
      } else if (row === undefined) faults.push({ place: where, problem: 'the row is missing' })
      else if (idIn(row, 'group_id') !== id || numberOf(row, 'place') !== place) {
        faults.push({ place: where, problem: 'the row names another group or place' })
      }
    }
  }
  return faults
}

async function* scrubRecords(
  context: VaultContext,
  findings: Findings,
  { total, buried }: { readonly total: number; readonly buried: Buried },
): AsyncGenerator<ScrubFinding> {
  const good = new GoodStatements(context)
  for await (const row of pages(context, SELECT_HOLDERS, 'holder_id')) {
    // What is no id of ours has been reported with the holders.
    if (octetsOf(row, 'holder_id').length !== 16) continue
    const id = idIn(row, 'holder_id')
    let found = await holderFaults(context, id, { good, buried })
    // A commit in between may have made it look so: what is wrong stays wrong.
    if (found.faults.length > 0) found = await holderFaults(context, id, { good, buried })
    for (const fault of found.faults) yield* findings.fault('objects', fault)
    findings.count('objects', found.objects)
    findings.count('versions', found.versions)
    if (found.objects > 0) yield findings.progress('objects', total)
  }
}

/** Rows of a table in order of their key, page by page. */
async function* pages(
  { site, store }: VaultContext,
  query: typeof SELECT_HOLDERS,
  key: string,
): AsyncGenerator<Row> {
  let after: Uint8Array = blank
  for (;;) {
    const rows = await store.read(bind(query, site, after, ROWS_A_PAGE))
    yield* rows
    if (rows.length < ROWS_A_PAGE) return
    after = octetsOf(rows[rows.length - 1], key)
  }
}

async function countRows({ site, store }: VaultContext) {
  const count = async (query: typeof COUNT_HOLDERS): Promise<number> => {
    const [row] = await store.read(bind(query, site))
    return numberOf(row, 'count')
  }
  return {
    holders: await count(COUNT_HOLDERS),
    groups: await count(COUNT_GROUPS),
    objects: await count(COUNT_HOLDINGS),
  }
}

const countOf = (table: 'vault_holder' | 'vault_group' | 'vault_holding') =>
  statement(
    db
      .selectFrom(table)
      .select((select) => select.fn.countAll<number>().as('count'))
      .where('site_id', '=', ''),
  )

/** An id as findings spell it, whatever stands in its column. */
const nameIn = (row: Row, column: string): string => {
  const octets = octetsOf(row, column)
  return octets.length === 16 ? uuidOf(octets) : hex(octets)
}

const blank = new Uint8Array(0)
const ENTRIES_A_QUERY = 400
const ROWS_A_PAGE = 100
const COUNT_HOLDERS = countOf('vault_holder')
const COUNT_GROUPS = countOf('vault_group')
const COUNT_HOLDINGS = countOf('vault_holding')
const SELECT_KINDS = statement(
  db
    .selectFrom('vault_holder')
    .select('kind')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('site_id', '=', '')
    .groupBy('kind'),
)
const SELECT_HOLDERS = statement(
  db
    .selectFrom('vault_holder')
    .select(holderColumns)
    .where('site_id', '=', '')
    .where('holder_id', '>', blank)
    .orderBy('holder_id')
    .limit(ROWS_A_PAGE),
)
const SELECT_GROUPS = statement(
  db
    .selectFrom('vault_group')
    .select(['group_id', 'statement', 'manifest', 'ml_dsa', 'ed25519'])
    .where('site_id', '=', '')
    .where('group_id', '>', blank)
    .orderBy('group_id')
    .limit(ROWS_A_PAGE),
)
