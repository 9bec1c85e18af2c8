/**
 * Statements about lots: bits of the own half that other daemons of the site have borrowed.
 *
 * @module
 */

import { bind, statement, type LinkId, type Statement } from '#base'
import type { Room } from './room.ts'
import { blockRow, db, type Place } from './tables.ts'

const NONE = new Uint8Array(0)

const INSERT_LOT = statement(
  db
    .insertInto('keystore_lot')
    .values({ site_id: '', lot: '', holder: '', ...blockRow, start: 0, octets: 0, used: 0 }),
)
/** Notes that a daemon has borrowed octets of a block, from `start` on. */
export const insertLot = (
  site: string,
  row: {
    readonly lot: string
    readonly holder: string
    readonly place: Place
    readonly start: number
    readonly octets: number
  },
): Statement => bind(INSERT_LOT, site, row.lot, row.holder, ...row.place, row.start, row.octets, 0)

const SELECT_LOTS = statement(db.selectFrom('keystore_lot').selectAll().where('site_id', '=', ''))
/** Every lot that has not been settled. */
export const selectLots = (site: string): Statement => bind(SELECT_LOTS, site)

const SELECT_LOT = statement(
  db.selectFrom('keystore_lot').select('used').where('site_id', '=', '').where('lot', '=', ''),
)
/** How much of a lot is used. */
export const selectLot = (site: string, lot: string): Statement => bind(SELECT_LOT, site, lot)

const USE_LOT = statement(
  db
    .updateTable('keystore_lot')
    .set({ used: 0 })
    .where('site_id', '=', '')
    .where('lot', '=', '')
    .where('holder', '=', '')
    .where('used', '=', 0),
  1,
)
/** Moves the use of a lot on; conflicts unless it is still the holder's, and used so far. */
export const useLot = (
  site: string,
  change: {
    readonly lot: string
    readonly holder: string
    readonly from: number
    readonly to: number
  },
): Statement => bind(USE_LOT, change.to, site, change.lot, change.holder, change.from)

const REVOKE_LOT = statement(
  db
    .updateTable('keystore_lot')
    .set({ holder: '' })
    .where('site_id', '=', '')
    .where('lot', '=', ''),
)
/** From this commit on, its holder makes nothing of a lot any more. */
export const revokeLot = (site: string, lot: string): Statement => bind(REVOKE_LOT, '', site, lot)

/** The statements that revoke all lots of a link, for a commit that takes its bits out of use. */
export function revokeLotsOf(room: Room, link: LinkId): readonly Statement[] {
  const some = [...room.lots.values()].filter((lot) => lot.link === link)
  for (const lot of some) lot.holder = ''
  return some.map(({ id }) => revokeLot(room.site, id))
}

const DELETE_LOT = statement(
  db
    .deleteFrom('keystore_lot')
    .where('site_id', '=', '')
    .where('lot', '=', '')
    .where('used', '=', 0),
  1,
)
/** Forgets a lot; conflicts unless it was used so far. */
export const deleteLot = (site: string, lot: string, used: number): Statement =>
  bind(DELETE_LOT, site, lot, used)

const INSERT_PART = statement(
  db
    .insertInto('keystore_lot_part')
    .values({ site_id: '', reservation: '', lot: '', message: NONE }),
)
/** Notes that bits of a lot are reserved, before the peer hears of it. */
export const insertLotPart = (
  site: string,
  row: { readonly id: string; readonly lot: string; readonly message: Uint8Array },
): Statement => bind(INSERT_PART, site, row.id, row.lot, row.message)

const ISSUE_PART = statement(
  db
    .deleteFrom('keystore_lot_part')
    .where('site_id', '=', '')
    .where('reservation', '=', '')
    .where((from) =>
      from.exists(
        from
          .selectFrom('keystore_lot')
          .select('lot')
          .where('site_id', '=', '')
          .where('lot', '=', '')
          .where('holder', '=', ''),
      ),
    ),
  1,
)
/** Makes reserved bits of a lot final; conflicts unless both are still the holder's. */
export const issueLotPart = (
  site: string,
  part: { readonly id: string; readonly lot: string; readonly holder: string },
): Statement => bind(ISSUE_PART, site, part.id, site, part.lot, part.holder)

const DELETE_PART = statement(
  db.deleteFrom('keystore_lot_part').where('site_id', '=', '').where('reservation', '=', ''),
  1,
)
/** Forgets reserved bits of a lot, in the commit that gives them up. */
export const deleteLotPart = (site: string, id: string): Statement => bind(DELETE_PART, site, id)

const SELECT_PARTS = statement(
  db.selectFrom('keystore_lot_part').selectAll().where('site_id', '=', '').where('lot', '=', ''),
)
/** What is reserved of a lot. */
export const selectLotParts = (site: string, lot: string): Statement =>
  bind(SELECT_PARTS, site, lot)
