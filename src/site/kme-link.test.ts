import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId } from '#base'
import { summary } from '#keystore'
import { SimulatedTime } from '#world/ports'
import {
  allKeys,
  bristol,
  cambridge,
  gone,
  KmePair,
  link,
  noAnswer,
  ownVendor,
  QuirkyVendor,
  type KmeSiteSettings,
  type Quirks,
} from './kme-link-fixture.test.ts'

async function pairOf(quirks: Quirks, settings: KmeSiteSettings = {}) {
  const vendor = new QuirkyVendor(quirks)
  const pair = await new KmePair(vendor, settings).start()
  await pair.time.advance(5000)
  return { pair, vendor }
}

const stateOf = ({ link: one }: KmePair['a']) => {
  const { state, reason } = one.view()
  return `${state} ${reason}`.trimEnd()
}

async function assertKeysAgree(pair: KmePair): Promise<void> {
  for (const [own, others] of pair.counts) assert.equal(own, others)
  const keys = [...(await allKeys(pair.a, pair.b)), ...(await allKeys(pair.b, pair.a))]
  for (const { made, fetched } of keys) assert.equal(made, fetched)
  assert.equal(new Set(keys.map(({ made }) => made)).size, keys.length, 'no key twice')
}

test("keys of a vendor's two KMEs become keys of both sites, noted as asserted", async () => {
  const pair = new KmePair(await ownVendor(new SimulatedTime(), 400))
  await pair.start()
  await pair.time.advance(5000)
  assert.equal(stateOf(pair.a), 'running')
  assert.equal(stateOf(pair.b), 'running')
  assert(pair.a.pool.availableBits >= 4096)
  const [{ provenance }] = await allKeys(pair.a, pair.b)
  const { source, seenBy, authentication, epsilon } = summary(provenance)
  assert.deepEqual(
    { source, seenBy, authentication, epsilon },
    {
      source: 'kme-asserted',
      seenBy: [siteId('acme'), bristol, cambridge],
      authentication: ['vendor'],
      epsilon: 1e-9,
    },
  )
  await pair.time.advance(5000)
  await assertKeysAgree(pair)
  const { protocol, simulated, blocksDistilled, secretBits } = pair.a.link.view()
  assert.deepEqual({ protocol, simulated }, { protocol: 'etsi-014', simulated: false })
  assert.equal(secretBits, blocksDistilled * 16 * 256)
})

test('a pool is filled to its target and no further, and again once keys have gone', async () => {
  const { pair, vendor } = await pairOf({})
  const full = vendor.given
  assert.equal(full, 32)
  await pair.time.advance(60_000)
  assert.equal(vendor.given, full)
  await allKeys(pair.b, pair.a)
  pair.a.link.kick()
  await pair.time.advance(1000)
  assert(vendor.given - full > 0)
})

for (const [what, quirks] of Object.entries<Quirks>({
  'gives ten keys at most': { keysAtMost: 10 },
  'gives one key at a time': { keysAtMost: 1 },
  'says nothing of its limits': { saysNothing: true, keysAtMost: 3 },
  'knows GET only': { getOnly: true },
  'answers in another order': { answersShuffled: true },
})) {
  test(`a KME that ${what} is coped with`, async () => {
    const { pair, vendor } = await pairOf(quirks)
    assert.equal(stateOf(pair.a), 'running')
    assert.equal(vendor.given, 32)
    await assertKeysAgree(pair)
  })
}

for (const empty of [400, 404, 503] as const) {
  test(`what is left of a KME that runs dry with ${String(empty)} is used`, async () => {
    const { pair, vendor } = await pairOf({ stock: 23, empty })
    // 16 keys, then 7 of which 4 would be enough for a block.
    assert.equal(vendor.given, 23)
    assert.equal(pair.a.pool.availableBits, 4 * 1024 - 4 * 1024 + (23 * 256) / 2)
    assert.equal(stateOf(pair.a), 'degraded KME_CLIENT_EXHAUSTED')
    await assertKeysAgree(pair)
    vendor.quirks = {}
    await pair.time.advance(3000)
    assert.equal(stateOf(pair.a), 'running')
  })
}

test('fewer keys than a block needs are kept until more come', async () => {
  const { pair, vendor } = await pairOf({ stock: 3 })
  assert.equal(vendor.given, 3)
  assert.equal(pair.a.pool.availableBits, 0)
  vendor.quirks = { stock: 16 }
  await pair.time.advance(3000)
  assert.equal(pair.a.pool.availableBits, 8 * 256)
  assert.equal(vendor.fetched.length, 16)
})

test('an empty KME is asked as often as configured, however often keys are wanted', async () => {
  const { pair, vendor } = await pairOf({ stock: 0 })
  let asked = 0
  vendor.quirks = { stock: 0, fault: (_n, answer) => (asked++, answer) }
  for (let n = 0; n < 100; n++) {
    pair.a.link.kick()
    await pair.time.advance(100)
  }
  // Ten times, each with halved numbers down to one.
  assert(asked <= 60, `asked ${String(asked)} times`)
})

const SUSPICIOUS: Readonly<Record<string, NonNullable<Quirks['spoil']>>> = {
  'a key of zeros': (key, n) => (n === 40 ? key.fill(0) : key),
  'a key that came before': (key, n) => (n >= 40 ? new Uint8Array(32).map((_, at) => at) : key),
  'different keys to the two sites': (key, n, site) => {
    if (n === 40 && site === cambridge) key[31] ^= 1
    return key
  },
}
for (const [what, spoil] of Object.entries(SUSPICIOUS)) {
  test(`a vendor that gives ${what} makes all keys of the link wait`, async () => {
    const { pair, vendor } = await pairOf({})
    vendor.quirks = { spoil }
    await allKeys(pair.a, pair.b)
    pair.a.link.kick()
    await pair.time.advance(2000)
    const isTold = what.startsWith('different')
    for (const site of isTold ? [pair.a, pair.b] : [pair.a]) {
      assert.match(stateOf(site), /^suspended KME_LINK_KEYS_/)
      assert.equal(site.pool.availableBits, 0)
      const kinds = site.alarms.standing.map(({ kind }) => kind)
      assert.deepEqual(kinds, ['kme-link.keys-suspicious'])
    }
    const given = vendor.given
    await pair.restart(pair.a)
    await pair.time.advance(120_000)
    assert.equal(vendor.given, given, 'nothing is asked of it any more')
    assert.match(stateOf(pair.a), /^suspended /)
    vendor.quirks = {}
    for (const site of [pair.b, pair.a]) {
      if (site.link.suspicion !== undefined) await site.link.release({ discard: true })
    }
    await pair.time.advance(5000)
    assert.deepEqual([stateOf(pair.a), stateOf(pair.b)], ['running', 'running'])
    assert.deepEqual(pair.a.alarms.standing, [])
    await assertKeysAgree(pair)
    await assert.rejects(pair.a.link.release({ discard: false }), {
      code: 'KME_LINK_NOT_SUSPENDED',
    })
  })
}

test('a key is asked for once, whatever becomes of the answer', async () => {
  const { pair, vendor } = await pairOf({ fault: (n, answer) => (n % 3 === 0 ? lost() : answer) })
  await pair.time.advance(300_000)
  assert.equal(new Set(vendor.fetched).size, vendor.fetched.length)
  assert(Object.keys(pair.a.link.view().blocksDiscarded).length > 0)
  vendor.quirks = {}
  await pair.time.advance(120_000)
  assert.equal(stateOf(pair.a), 'running')
  await assertKeysAgree(pair)
})

test('what a KME refuses is the state of the link, at whichever end it is', async () => {
  const { pair, vendor } = await pairOf({ fault: () => ({ status: 401, body: new Uint8Array(0) }) })
  await pair.time.advance(300_000)
  assert.equal(stateOf(pair.a), 'down KME_CLIENT_DENIED')
  const at = vendor.given
  let n = 0
  vendor.quirks = {
    fault: (_n, answer) => (++n % 2 === 1 ? answer : { status: 404, body: new Uint8Array(0) }),
  }
  await pair.time.advance(300_000)
  assert(vendor.given > at)
  assert.equal(stateOf(pair.a), 'down peer KME_CLIENT_KEY_NOT_FOUND')
  assert.equal(stateOf(pair.b), 'down KME_CLIENT_KEY_NOT_FOUND')
  assert.deepEqual(pair.counts, [
    [0, 0],
    [0, 0],
  ])
})

test('ends that are configured differently share no keys', async () => {
  for (const other of [{ vendor: siteId('other') }, { epsilon: 0 }, { receiverSae: 'sae.leeds' }]) {
    const { pair, vendor } = await pairOf({}, { terms: other })
    assert.match(stateOf(pair.a), /peer KME_LINK_CONFIG_DIFFERS$/)
    assert.equal(vendor.given, 0)
  }
})

test('a message that is changed, lost or repeated on its way harms no key', async () => {
  for (const method of ['open', 'collect', 'confirm'] as const) {
    for (const fault of ['lost', 'unanswered', 'repeated', 'changed'] as const) {
      const pair = new KmePair(new QuirkyVendor())
      let faults = 2
      pair.wire = async (asked, payload, deliver) => {
        if (asked !== method || faults-- <= 0) return deliver(payload)
        if (fault === 'lost') throw gone()
        if (fault === 'changed') payload[payload.length - 1] ^= 1
        const answer = await deliver(payload)
        if (fault === 'unanswered') throw gone()
        return fault === 'repeated' ? deliver(payload).catch(() => answer) : answer
      }
      await pair.start()
      await pair.time.advance(30_000)
      const { suspicion } = pair.a.link
      // A changed digest cannot be told from KMEs that differ.
      const isTold = fault === 'changed' && method === 'collect'
      assert.equal(suspicion, isTold ? 'KME_LINK_KEYS_DIFFER' : undefined, `${method} ${fault}`)
      for (const [own, others] of pair.counts) assert.equal(own, others)
      if (isTold) continue
      assert.equal(stateOf(pair.a), 'running', `${method} ${fault}`)
      await assertKeysAgree(pair)
      assert.equal(pair.a.pool.heldBlocks + pair.b.pool.heldBlocks, 0)
    }
  }
})

test('nobody but the other end is answered, and it only at the receiving end', async () => {
  const { pair } = await pairOf({})
  const question = new Uint8Array(0)
  const unknown = { code: 'KME_LINK_UNKNOWN' }
  await assert.rejects(pair.b.link.answer(siteId('leeds'), 'open', question), unknown)
  await assert.rejects(pair.a.link.answer(cambridge, 'open', question), unknown)
  await assert.rejects(pair.b.link.answer(bristol, 'open', question), { code: 'CBOR_INVALID' })
})

for (const name of ['bristol', 'cambridge'] as const) {
  test(`whatever ${name} dies of, both ends agree and no key is used twice`, async () => {
    const deaths = { [name]: 0 }
    for (let at = 1; at <= EFFECTS; at++) {
      for (const after of [false, true]) {
        const vendor = new QuirkyVendor()
        const pair = new KmePair(vendor)
        pair.deaths.set(siteId(name), { at, after })
        await pair.start()
        await pair.time.advance(3000)
        const site = name === 'bristol' ? pair.a : pair.b
        if (!site.life.over) continue
        deaths[name]++
        await pair.restart(site)
        await pair.time.advance(90_000)
        assert.equal(stateOf(pair.a), 'running', `dead ${String(at)} ${String(after)}`)
        assert.equal(pair.a.pool.heldBlocks + pair.b.pool.heldBlocks, 0)
        assert.equal(new Set(vendor.fetched).size, vendor.fetched.length)
        await assertKeysAgree(pair)
      }
    }
    assert.equal(deaths[name], 2 * EFFECTS)
  })
}

test('what a link has gone through is in its history', async () => {
  const { pair } = await pairOf({})
  const states = (await pair.a.link.history.entries(0, 10)).map((entry) =>
    entry.kind === 'state' ? entry.state : entry.kind,
  )
  assert.deepEqual(states, ['starting', 'running'])
  assert.equal(pair.a.link.link, link)
})

/** Of either end until its pool is full: every one of them is tried as the last. */
const EFFECTS = 19

const lost = (): never => {
  throw noAnswer()
}
