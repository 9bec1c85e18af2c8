/**
 * Keys that were served, and keys that wait, stand nowhere in clear: not in a database, its log
 * ahead, a sealed file, a log, an error, or anything a daemon has said.
 *
 * Looks for every run of eight octets of each key, as octets, in hex of either case and in base64
 * wherever it may begin. It cannot look into memory that was given back, or swapped out; the
 * documentation says what holds there (docs/internals/keys.md).
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { keysIn, type ServedKey } from '../support/north.ts'
import { filesIn } from '../support/readable.ts'
import { startTwoSites, type TwoSites } from '../support/two-sites.ts'

test('no octet of a key that was served or waits stands in the folder of a site', async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge } = sites
  const [enc, dec] = ['cambridge.ward/enc_keys', 'bristol.ward/dec_keys']
  const keys = keysIn(await bristol.ward.ask('POST', enc, { number: 6 }))
  assert.equal(keys.length, 6)
  const wanted = keys.slice(0, 3).map(({ key_ID }) => ({ key_ID }))
  const fetched = await cambridge.ward.ask('POST', dec, { key_IDs: wanted })
  assert.deepEqual(keysIn(fetched), keys.slice(0, 3))
  // What is refused must not be told of either.
  for (const key_IDs of [wanted, [{ key_ID: keys[0].key }], [{ key_ID: 'x'.repeat(70_000) }]]) {
    assert((await cambridge.ward.ask('POST', dec, { key_IDs })).status >= 400)
  }
  await bristol.ward.ask('POST', `${encodeURIComponent(keys[1].key)}/enc_keys`, { number: 1 })
  const needles = keys.flatMap(needlesOf)

  await t.test('while the daemons run', () => assertNowhere(sites, needles))
  await t.test('after kill -9 of both and a new start', async () => {
    await Promise.all([bristol.daemon.kill(), cambridge.daemon.kill()])
    assertNowhere(sites, needles)
    await sites.start()
    assertNowhere(sites, needles)
  })
  await t.test('after an orderly end', async () => {
    await Promise.all([bristol, cambridge].map((site) => site.daemon.kill('SIGTERM')))
    assertNowhere(sites, needles)
  })
  await t.test('and one that is planted is found', () => {
    const octets = Buffer.from(keys[5].key, 'base64')
    for (const planted of [
      octets.subarray(3, 20),
      Buffer.from(octets.subarray(9, 24).toString('hex').toUpperCase()),
      Buffer.from(`x${Buffer.from([1, 2, ...octets.subarray(0, 28)]).toString('base64')}`),
    ]) {
      assert(needles.some((needle) => planted.includes(needle)))
    }
  })
})

/** Every spelling of every eighth run of octets of a key, so that any longer run has one. */
function needlesOf({ key }: ServedKey): readonly Buffer[] {
  const octets = Buffer.from(key, 'base64')
  return Array.from({ length: octets.length - RUN + 1 }, (_, at) => {
    const run = octets.subarray(at, at + RUN)
    const hex = run.toString('hex')
    // Of base64 only whole groups are the same wherever what is before them ends.
    const groups = octets.subarray(at, at + RUN + 1).toString('base64')
    return [run, Buffer.from(hex), Buffer.from(hex.toUpperCase()), Buffer.from(groups)]
  }).flat()
}

function assertNowhere({ bristol, cambridge, folder }: TwoSites, needles: readonly Buffer[]): void {
  const places = new Map<string, Buffer>()
  for (const site of [bristol, cambridge]) {
    for (const file of filesIn(site.folder)) places.set(relative(folder, file), readFileSync(file))
    places.set(`what ${site.name} has said`, Buffer.from(site.daemon.output))
  }
  assert(places.has(join('bristol', 'state.db')))
  for (const [place, octets] of places) {
    const found = needles.filter((needle) => octets.includes(needle))
    assert.equal(found.length, 0, `octets of a key stand in ${place}`)
  }
}

const RUN = 8
