/** The exported log, read by an independent client of tlog-tiles. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, hex, sameOctets, textOf } from '#base'
import { verifyCheckpoint } from './checkpoint.ts'
import { leafOf } from './event.ts'
import { exportTiles } from './export.ts'
import { eventNumber, Place } from './fixtures.test.ts'
import type { AuditLog } from './log.ts'
import { partialTiles, tileLevels, tilePath } from './tiles.ts'

/** MTH of RFC 6962 §2.1, straight from its recursion. */
function mth(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return sha256(concat(Uint8Array.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k))))
}

const filesOf = async (log: AuditLog): Promise<Map<string, Uint8Array>> =>
  new Map((await Array.fromAsync(exportTiles(log))).map(({ path, octets }) => [path, octets]))

function entriesOf(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = []
  const view = new DataView(bundle.buffer, bundle.byteOffset)
  for (let at = 0; at < bundle.length; at += 2 + view.getUint16(at)) {
    entries.push(bundle.subarray(at + 2, at + 2 + view.getUint16(at)))
  }
  return entries
}

test('a tree of 70,000 leaves has the tiles that the specification counts', () => {
  // C2SP tlog-tiles, "Partial Tiles".
  assert.deepEqual(
    tileLevels(70_000).map(({ hashes }) => Math.floor(hashes / 256)),
    [273, 1, 0],
  )
  assert.deepEqual(
    partialTiles(70_000).map(({ width }) => width),
    [112, 17, 1],
  )
  assert.deepEqual(partialTiles(256), [{ level: 1, index: 0, width: 1 }])
  assert.equal(tilePath({ level: 0, index: 1_234_067 }), 'tile/0/x001/x234/067')
  assert.equal(tilePath({ level: 1, index: 0 }, 17), 'tile/1/000.p/17')
})

test('an independent client recomputes the signed root from the exported files', async () => {
  const log = await new Place().filled(650)
  await log.record(eventNumber(700))
  const files = await filesOf(log)
  assert.deepEqual([...files.keys()].toSorted(), [
    'checkpoint',
    'tile/0/000',
    'tile/0/001',
    'tile/0/002.p/138',
    'tile/1/000.p/2',
    'tile/entries/000',
    'tile/entries/001',
    'tile/entries/002.p/138',
  ])
  const note = files.get('checkpoint') ?? assert.fail()
  const [, size, root] = textOf(note).split('\n')
  assert.equal(size, '650')
  assert.equal(verifyCheckpoint(note, { log: log.verifier }).kind, 'verified')
  const bundles = [...files].filter(([path]) => path.startsWith('tile/entries')).toSorted()
  const entries = bundles.flatMap(([, bundle]) => entriesOf(bundle))
  assert.deepEqual(
    entries,
    Array.from({ length: 650 }, (_, n) => leafOf(eventNumber(n))),
  )
  const hashes = entries.map((entry) => sha256(concat(Uint8Array.of(0), entry)))
  assert.equal(mth(hashes).toBase64(), root)
  const tiles = concat(
    ...['tile/0/000', 'tile/0/001', 'tile/0/002.p/138'].map((path) => files.get(path)!),
  )
  assert.equal(hex(tiles), hex(concat(...hashes)))
  const upper = concat(mth(hashes.slice(0, 256)), mth(hashes.slice(256, 512)))
  assert(sameOctets(files.get('tile/1/000.p/2')!, upper))
})

test('a log without a checkpoint exports nothing', async () => {
  assert.deepEqual([...(await filesOf(await new Place().filled(3, [])))], [])
})
