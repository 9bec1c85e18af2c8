/**
 * Which holders there are, by their kinds.
 *
 * @module
 */

import { bind, statement, uuidOctets, type SiteId, type Store, type Uuid } from '#base'
import { HOLDER_KINDS, type HolderKind } from './keys.ts'
import { idIn } from './rows.ts'
import { db } from './tables.ts'

interface At {
  readonly site: SiteId
  readonly store: Store
}

/** The holders of what belongs to no patient; made at the first start, and the same for ever. */
export interface SiteHolders {
  /** Of what belongs to the whole site. */
  readonly shared: readonly Uuid[]
  /** Of what should name a patient and does not. */
  readonly unassigned: readonly Uuid[]
}

export const siteHolders = async (at: At): Promise<SiteHolders> => ({
  shared: await pageOf(at, 'shared'),
  unassigned: await pageOf(at, 'unassigned'),
})

/** Every patient, in order of their random ids. */
export async function* everyPatient(at: At): AsyncGenerator<Uuid> {
  let after: Uuid | undefined
  for (;;) {
    const page = await pageOf(at, 'patient', after)
    yield* page
    if (page.length < HOLDERS_A_PAGE) return
    after = page[page.length - 1]
  }
}

async function pageOf(
  { site, store }: At,
  kind: HolderKind,
  after?: Uuid,
): Promise<readonly Uuid[]> {
  const last = after === undefined ? blank : uuidOctets(after)
  const rows = await store.read(bind(SELECT_KIND, site, HOLDER_KINDS[kind], last, HOLDERS_A_PAGE))
  return rows.map((row) => idIn(row, 'holder_id'))
}

const HOLDERS_A_PAGE = 500
const blank = new Uint8Array(0)
const SELECT_KIND = statement(
  db
    .selectFrom('vault_holder')
    .select('holder_id')
    .where('site_id', '=', '')
    .where('kind', '=', 0)
    .where('holder_id', '>', blank)
    .orderBy('holder_id')
    .limit(HOLDERS_A_PAGE),
)
