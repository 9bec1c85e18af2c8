import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, siteId } from '#base'
import { bristol, cambridge, grow, makeKeys, twoEnds } from './two-ends.test.ts'

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
