/**
 * Builds the index of a store that has none, or one of an older form: holder by holder, each in one
 * commit; and puts its groups on the roll.
 *
 * Called before a vault serves. A crash on the way costs the holder that was under way; the rest is
 * done when the vault opens next. That all is done is remembered in a row in clear: whoever takes
 * it away causes work, and whoever writes it where charts are missing is found when one is read.
 *
 * @module
 */

import { bind, present, statement, type SiteId, type Statement } from '#base'
import type { ChartEntry } from './chart-page.ts'
import type { VaultContext } from './context.ts'
import { entryOf, firstChart, indexedVersion, markStatements } from './indexing.ts'
import { subjectOfEntry } from './group.ts'
import { placeIn, type VerifiedGroup } from './groups.ts'
import type { HolderKey } from './holder-key.ts'
import { HOLDER_KINDS } from './keys.ts'
import { groupsOffRoll } from './kinds.ts'
import { isLongName } from './names.ts'
import { everyObjectOf, objectById, type HeldObject } from './objects.ts'
import { openAt } from './opened.ts'
import { openVersion, readNewest } from './reading.ts'
import { damaged, VaultRefusal } from './refusal.ts'
import { idIn, numberOf } from './rows.ts'
import { insertLookup, lookupOfSubject } from './subjects.ts'
import { db } from './tables.ts'

/** Builds what is missing. @throws VaultRefusal `VAULT_DAMAGED` if a record does not open */
export async function completeIndex(context: VaultContext): Promise<void> {
  const { site, store, keyring } = context
  const row = (await store.read(bind(SELECT_UPTO, site))).at(0)
  const edition = row === undefined ? undefined : numberOf(row, 'edition')
  if (edition === INDEX_EDITION) return
  if (edition === WITHOUT_RECEIVED) await store.commit(clearReceived(site))
  else if (edition !== undefined) await store.commit(CLEAR.map((query) => bind(query, site)))
  for (const found of await store.read(bind(SELECT_UNINDEXED, site, HOLDER_KINDS.index))) {
    using key = await keyring.readerOf(idIn(found, 'holder_id'))
    if (key !== undefined) await indexHolder(context, key)
  }
  await completeRoll(context)
  await store.commit([bind(INSERT_UPTO, site, INDEX_EDITION)])
}

/** Puts groups on the roll that were written before there was one. What is damaged stays off it. */
async function completeRoll(context: VaultContext): Promise<void> {
  const { groups, kinds, random, store } = context
  for (const id of await groupsOffRoll(context)) {
    try {
      const group = await groups.verified(id)
      const { at, size } = group.read
      const types: string[] = []
      for (let place = 0; place < size; place++) types.push(await typeAt(context, group, place))
      await store.commit([kinds.roll({ id, at }, types, random)])
    } catch (error) {
      if (!(error instanceof VaultRefusal)) throw error
    }
  }
}

async function typeAt(context: VaultContext, group: VerifiedGroup, place: number): Promise<string> {
  const { object: id, version } = subjectOfEntry(present(placeIn(group, place), 'a listed version'))
  const object = await objectById(context, id)
  if (object === undefined) throw damaged(`vault_object ${id}`, 'the row is missing')
  using opening = await openAt(context, object, version)
  return opening.opened.type
}

async function indexHolder(context: VaultContext, key: HolderKey): Promise<void> {
  const entries: ChartEntry[] = []
  for await (const held of everyObjectOf(context, key.holder.id)) {
    entries.push(await entryHeld(context, held, key))
  }
  const about = { isNext: false, keys: [key] }
  const { site, tags } = context
  const abroad = entries.filter(({ type, id }) => type === 'Patient' && isLongName(id))
  await context.store.commit([
    ...abroad.map(({ id }) => {
      const subject = { kind: 'reference', reference: `Patient/${id}` } as const
      return insertLookup(site, lookupOfSubject(tags, subject, site), key.holder.id)
    }),
    ...firstChart(context, key, entries),
    ...entries.flatMap((entry) => markStatements(context, entry, about)),
  ])
}

/** What a chart must say of an object, from its newest version. */
async function entryHeld(
  context: VaultContext,
  held: HeldObject,
  key: HolderKey,
): Promise<ChartEntry> {
  const verified = await readNewest(context, held)
  const body = openVersion(verified, key)
  return entryOf(indexedVersion(context, verified, body), verified.storedAt)
}

/** The form of charts and marks: what is extracted, and how it is written. */
const INDEX_EDITION = 2
/** What other sites sealed stood in charts as they name it, and had no marks. */
const WITHOUT_RECEIVED = 1
const SELECT_UPTO = statement(
  db.selectFrom('vault_upto').select('edition').where('site_id', '=', ''),
)
const INSERT_UPTO = statement(db.insertInto('vault_upto').values({ site_id: '', edition: 0 }))
/** Takes away the charts in which something of another site stands, to be built anew. */
const clearReceived = (site: SiteId): Statement[] => [
  ...(['vault_page', 'vault_chart'] as const).map((table) =>
    statement(
      db
        .deleteFrom(table)
        .where('site_id', '=', site)
        .where('holder_id', 'in', (select) =>
          select
            .selectFrom('vault_holding as held')
            .innerJoin('vault_object as object', (join) =>
              join
                .onRef('object.site_id', '=', 'held.site_id')
                .onRef('object.object_id', '=', 'held.object_id'),
            )
            .select('held.holder_id')
            .where('held.site_id', '=', site)
            .where('object.origin', '<>', site),
        ),
    ),
  ),
  statement(db.deleteFrom('vault_upto').where('site_id', '=', site)),
]
const CLEAR = (['vault_chart', 'vault_page', 'vault_mark', 'vault_upto'] as const).map((table) =>
  statement(db.deleteFrom(table).where('site_id', '=', '')),
)
const SELECT_UNINDEXED = statement(
  db
    .selectFrom('vault_holder as holder')
    .leftJoin('vault_chart as chart', (join) =>
      join
        .onRef('chart.site_id', '=', 'holder.site_id')
        .onRef('chart.holder_id', '=', 'holder.holder_id'),
    )
    .select('holder.holder_id')
    .where('holder.site_id', '=', '')
    .where('holder.kind', '<>', 0)
    .where('chart.holder_id', 'is', null),
)
