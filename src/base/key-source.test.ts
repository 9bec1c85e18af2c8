import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { KEY_SOURCES, strongestSource, weakestSource } from '#base'

test('of two sources the earlier in the order is the weaker, however they are named', () => {
  for (const [at, one] of KEY_SOURCES.entries()) {
    for (const [otherAt, other] of KEY_SOURCES.entries()) {
      const [weak, strong] = [Math.min(at, otherAt), Math.max(at, otherAt)]
      assert.equal(weakestSource([one, other]), KEY_SOURCES[weak])
      assert.equal(strongestSource(new Set([other, one])), KEY_SOURCES[strong])
    }
  }
  assert.equal(weakestSource([]), undefined)
  assert.equal(strongestSource([]), undefined)
})

test('the specification of sessions names every source, in this order', () => {
  const spec = readFileSync(new URL('../../spec/hybrid-session.md', import.meta.url), 'utf8')
  const line = spec.split('\n').find((one) => one.startsWith('| source '))
  const named = [...(line ?? '').matchAll(/`([a-z-]+)`/g)].map(([, source]) => source)
  assert.deepEqual(named, [...KEY_SOURCES])
})
