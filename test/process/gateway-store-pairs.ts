/**
 * The rows that the crash tests of the store write: always two together, or none.
 *
 * @module
 */

import type { Migration, Statement } from '#base'

const migrations: readonly Migration[] = [
  {
    id: 'pairs-1',
    statements: [
      'create table left_half (site_id text not null, id integer not null, octets blob, ' +
        'primary key (site_id, id))',
      'create table right_half (site_id text not null, id integer not null, octets blob, ' +
        'primary key (site_id, id))',
    ],
  },
]

const octets = new Uint8Array(700).fill(7)

export const pairs = {
  migrations,
  insert: (id: number): readonly Statement[] =>
    ['left_half', 'right_half'].map((table) => ({
      sql: `insert into ${table} (site_id, id, octets) values (?, ?, ?)`,
      parameters: ['a', id, octets],
    })),
  ids: (half: 'left_half' | 'right_half'): Statement => ({
    sql: `select id from ${half} where length(octets) = 700 order by id`,
    parameters: [],
  }),
}
