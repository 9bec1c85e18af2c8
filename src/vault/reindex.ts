/**
 * Builds the index of a store that has none yet: holder by holder, each in one commit.
 *
 * Called before a vault serves. A crash on the way costs the holder that was under way; the rest is
 * done when the vault opens next. That all is done is remembered in the row of the site's own
 * holder of the index, so that an ordinary start asks one question.
 *
 * @module
 */

import { bind, statement } from '#base'
import { isGone, resourceOf } from './body.ts'
import type { ChartEntry } from './chart-page.ts'
import { headRow } from './charts.ts'
import type { VaultContext } from './context.ts'
import { entryOf, firstChart, markStatements } from './indexing.ts'
import type { HolderKey } from './keyring.ts'
import { HOLDER_KINDS } from './keys.ts'
import { everyObjectOf } from './objects.ts'
import { openVersion, readNewest } from './reading.ts'
import { idIn } from './rows.ts'
import { db } from './tables.ts'

/** Builds what is missing. @throws VaultRefusal `VAULT_DAMAGED` if a record does not open */
export async function completeIndex(context: VaultContext): Promise<void> {
  const { site, store, keyring } = context
  const [own] = await store.read(bind(SELECT_OWN, site, HOLDER_KINDS.index))
  const marker = idIn(own, 'holder_id')
  if ((await headRow(context, marker)) !== undefined) return
  for (const row of await store.read(bind(SELECT_UNINDEXED, site, HOLDER_KINDS.index))) {
    using key = await keyring.readerOf(idIn(row, 'holder_id'))
    if (key !== undefined) await indexHolder(context, key)
  }
  using key = await keyring.readerOf(marker)
  if (key !== undefined) await store.commit(firstChart(context, key, []))
}

async function indexHolder(context: VaultContext, key: HolderKey): Promise<void> {
  const entries: ChartEntry[] = []
  for await (const held of everyObjectOf(context, key.holder.id)) {
    entries.push(await entryHeld(context, held, key))
  }
  if (entries.length === 0) return
  const about = { isNext: false, keys: [key] }
  await context.store.commit([
    ...firstChart(context, key, entries),
    ...entries.flatMap((entry) => markStatements(context, entry, about)),
  ])
}

/** What a chart must say of an object, from its newest version. */
export async function entryHeld(
  context: VaultContext,
  held: Parameters<typeof readNewest>[1],
  key: HolderKey,
): Promise<ChartEntry> {
  const verified = await readNewest(context, held)
  const body = openVersion(verified, key)
  const { object, version, tenant: origin, storedAt } = verified
  const value = isGone(body) ? undefined : resourceOf(body)
  return entryOf({ object, version, origin, type: body.type, id: body.id, value }, storedAt)
}

const SELECT_OWN = statement(
  db.selectFrom('vault_holder').select('holder_id').where('site_id', '=', '').where('kind', '=', 0),
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
