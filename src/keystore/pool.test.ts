import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, siteId } from '#base'
import { bristol, cambridge, code, grow, makeKeys, twoEnds } from './two-ends.test.ts'

test('a pool counts the keys that wait of its own peer, and no other’s', async () => {
  const ends = await twoEnds()
  const { b } = ends
  const ipswich = siteId('ipswich')
  const about = { transmitter: ipswich, receiver: cambridge, reserveOctets: 64 }
  b.otherLinks = [{ ...about, link: linkId('ipswich-cambridge'), peer: ipswich }]
  await b.open()
  await grow(ends, 1)
  await makeKeys(ends, { number: 2 })
  assert.equal(b.keys.pool(bristol).waitingKeys, 2)
  assert.equal(b.keys.pool(ipswich).waitingKeys, 0)
})

test('the site itself has what applications are left without', async () => {
  const ends = await twoEnds({ limits: { criticalBits: 1024 } })
  await grow(ends, 1)
  const { keys } = ends.a
  assert.equal(keys.storedKeys(cambridge, 256), 0)
  assert.equal(keys.storedKeys(cambridge, 256, 'relay'), 4)
  assert.deepEqual(keys.keySources(cambridge, 256), ['seeded-test'])
  assert.deepEqual(keys.keySources(cambridge, 2048), [])
})

test('an emergency has what other applications must leave, and the site itself even more', async () => {
  const ends = await twoEnds({ limits: { criticalBits: 256, emergencyBits: 512 } })
  await grow(ends, 1)
  const { keys } = ends.a
  const stored = (['application', 'emergency', 'relay'] as const).map((use) =>
    keys.storedKeys(cambridge, 256, use),
  )
  assert.deepEqual(stored, [1, 3, 4])
  assert.equal(keys.pool(cambridge).applicationBits, 256)
  await makeKeys(ends, { number: 1 })
  await assert.rejects(makeKeys(ends, { number: 1 }), code('KEYSTORE_EXHAUSTED'))
  await makeKeys(ends, { number: 2, use: 'emergency' })
  await assert.rejects(makeKeys(ends, { number: 1, use: 'emergency' }), code('KEYSTORE_EXHAUSTED'))
  await makeKeys(ends, { number: 1, use: 'relay' })
})
