import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, keyId, siteId, toCbor, uuid } from '#base'
import { SUITE, type Protection } from '#session'
import type { Item } from '#vault'
import { itemView } from './item-view.ts'

const way = (change: Partial<Protection>): Protection => ({
  mode: 'require-quantum',
  used: 'hybrid-quantum',
  suite: SUITE,
  keyIds: [keyId('0198c5a0-0000-4000-8000-000000000001')],
  keySource: 'hardware',
  keyPath: 'direct',
  sessionId: uuid('0198c5a0-0000-4000-8000-000000000002'),
  transcript: 'ab'.repeat(48),
  at: epochMs(1),
  ...change,
})
const strong = way({})
const simulated = way({ keySource: 'simulated' })
const without = way({
  mode: 'prefer-quantum',
  used: 'hybrid-post-quantum',
  keyIds: [],
  keySource: 'none',
  keyPath: 'none',
})

const item = (...ways: readonly Protection[]): Item => ({
  object: uuid('0198c5a0-0000-4000-8000-000000000003'),
  version: 1,
  octets: 100,
  hash: '00',
  origin: siteId('bristol'),
  storedAt: epochMs(2),
  protections: ways.map((one) => ({
    mode: one.mode,
    used: one.used,
    record: toCbor({ ...one }),
  })),
})

test('an item is shown as its weakest way, whichever that was, and with all of them', () => {
  for (const ways of [
    [strong, without],
    [without, strong],
    [simulated, without, strong],
  ]) {
    const view = itemView(item(...ways))
    assert.deepEqual(view.protection, without)
    assert.deepEqual(view.protections, ways)
  }
  assert.deepEqual(itemView(item(strong, simulated)).protection, simulated)
  const own = itemView(item())
  assert.deepEqual([own.protection, own.protections], [null, []])
})
