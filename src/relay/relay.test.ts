import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId, type SiteId } from '#base'
import { summary } from '#keystore'
import { gone, keysBetween, Net } from './fixture.test.ts'

const SQUARE = ['bristol london', 'london cambridge', 'bristol oxford', 'oxford cambridge']
const VIA_LONDON = ['bristol', 'london', 'cambridge'].map(siteId)
const VIA_OXFORD = ['bristol', 'oxford', 'cambridge'].map(siteId)
const cambridge = siteId('cambridge')

/** Four sites in a square; two ways lead from Bristol to Cambridge. */
async function square(
  pairing: { shares?: number; targetBits?: number; blockOctets?: number } = {},
) {
  const pair = { shares: 2, targetBits: 8192, ...pairing }
  const net = await new Net(SQUARE, { 'bristol cambridge': pair }).start()
  for (const fibre of SQUARE) await net.grow(fibre)
  net.ways.set('bristol cambridge', [VIA_LONDON, VIA_OXFORD])
  return net
}

/** Starts the relay of one site and lets it come to rest. */
async function relayed(net: Net, from = 'bristol', ms = 2000): Promise<void> {
  net.site(from).relay.start()
  await net.time.advance(ms)
}

test('keys of distant sites are equal at both ends, and tell by whom they went', async () => {
  const net = await square()
  await relayed(net)
  const [view] = net.site('bristol').relay.views()
  assert.deepEqual([view.state, view.blocks, view.ways], ['full', 1, [VIA_LONDON, VIA_OXFORD]])
  const keys = await keysBetween(net, 'bristol', 'cambridge', 4)
  for (const { made, fetched, provenance, fetchedProvenance } of keys) {
    assert.equal(made, fetched)
    assert.deepEqual(provenance, fetchedProvenance)
  }
  const [{ provenance }] = keys
  const { source, seenBy, heldWrappedBy, epsilon, authentication } = summary(provenance)
  assert.deepEqual([source, authentication], ['simulated', ['relay-wrap']])
  assert.deepEqual(seenBy, ['bristol', 'cambridge'])
  assert.deepEqual(heldWrappedBy, [], 'two ways have nobody in common')
  assert(Math.abs(epsilon - 4e-10) < 1e-15, 'the ε of four pads')
  const shares = provenance.parts[0].shares ?? []
  assert.deepEqual(
    shares.map(({ way, heldBy }) => [way, heldBy]),
    [
      [
        VIA_LONDON,
        ['bristol', 'cambridge', 'fibre-bristol-london', 'fibre-london-cambridge', 'london'],
      ],
      [
        VIA_OXFORD,
        ['bristol', 'cambridge', 'fibre-bristol-oxford', 'fibre-oxford-cambridge', 'oxford'],
      ],
    ],
  )
})

test('on a single way every node of it has held all, wrapped, and is named', async () => {
  const net = await square({ shares: 2 })
  net.ways.set('bristol cambridge', [VIA_LONDON])
  await relayed(net)
  const [{ provenance }] = await keysBetween(net, 'bristol', 'cambridge', 1)
  assert.deepEqual(summary(provenance).heldWrappedBy, [
    'fibre-bristol-london',
    'fibre-london-cambridge',
    'london',
  ])
})

test('blocks that the far end makes serve this end too', async () => {
  const net = await square()
  net.ways.set('cambridge bristol', [VIA_LONDON.toReversed(), VIA_OXFORD.toReversed()])
  await relayed(net, 'cambridge')
  const keys = await keysBetween(net, 'bristol', 'cambridge', 2)
  assert(keys.every(({ made, fetched }) => made === fetched))
})

test('no share crosses a fibre in clear, and no pad hides two', async () => {
  const net = await square({ targetBits: 40_000 })
  const seen: Uint8Array[] = []
  net.wire = (pass, deliver) => {
    if (pass.method === 'relay/hop') seen.push(pass.payload)
    return deliver()
  }
  await relayed(net)
  assert.equal(net.site('bristol').relay.views()[0].blocks, 5)
  assert.equal(seen.length, 5 * 4)
  const keys = await keysBetween(net, 'bristol', 'cambridge', 16)
  for (const { made } of keys) {
    const octets = Buffer.from(made, 'hex')
    assert(seen.every((message) => !Buffer.from(message).includes(octets.subarray(0, 8))))
  }
  // The two hops of a way carry one wrapped share: only the pads make them differ.
  assert.equal(
    new Set(seen.map((message) => Buffer.from(message.slice(-512)).toString('hex'))).size,
    20,
  )
})

for (const [what, change] of [
  ['a flipped bit of the body', (octets: Uint8Array) => flip(octets, octets.length - 600)],
  ['a flipped bit of the tag', (octets: Uint8Array) => flip(octets, octets.length - 1)],
  ['a flipped bit of the header', (octets: Uint8Array) => flip(octets, 160)],
  ['half of it', (octets: Uint8Array) => octets.slice(0, octets.length / 2)],
  ['nothing', () => new Uint8Array(0)],
] as const) {
  test(`a hop of which ${what} arrives makes no key, and the next block goes through`, async () => {
    const net = await square()
    let spoilt = 0
    net.wire = (pass, deliver) =>
      pass.method === 'relay/hop' && pass.to === 'cambridge' && spoilt++ === 0
        ? deliver(change(pass.payload))
        : deliver()
    await relayed(net, 'bristol', 200)
    const [first] = net.site('bristol').relay.views()
    assert.deepEqual([first.state, first.reason, first.blocks], ['waiting', 'RELAY_STUCK', 0])
    assert.equal(net.site('cambridge').keystore.pool(siteId('bristol')).heldBlocks, 0)
    await net.time.advance(5000)
    assert.deepEqual(net.site('bristol').relay.views()[0].state, 'full')
    const keys = await keysBetween(net, 'bristol', 'cambridge', 4)
    assert(keys.every(({ made, fetched }) => made === fetched))
    assert.equal(
      net.site('bristol').failedHops.length +
        net.site('london').failedHops.length +
        net.site('oxford').failedHops.length,
      1,
    )
  })
}

test('a node that changes what it passes on is found at the far end', async () => {
  const net = await square()
  // London seals the wrong share itself: its tag is good, the wrap is not.
  const { relay, keystore } = net.site('london')
  const honest = relay.handlers['relay/hop']
  let lied = 0
  Object.assign(relay.handlers, {
    'relay/hop': (from: SiteId, payload: Uint8Array) => {
      lied++
      return honest(from, payload)
    },
  })
  const issue = keystore.issue.bind(keystore)
  Object.assign(keystore, {
    // A node knows its pads: what it changes in the first octets changes the share beneath.
    issue: async (...rest: Parameters<typeof issue>) => {
      const keys = await issue(...rest)
      if (lied === 1) keys[0].octets.reveal()[0] ^= 1
      return keys
    },
  })
  await relayed(net, 'bristol', 200)
  const [view] = net.site('bristol').relay.views()
  assert.deepEqual([view.state, view.reason], ['waiting', 'RELAY_SHARE_FORGED'])
  await net.time.advance(5000)
  assert.equal(net.site('bristol').relay.views()[0].state, 'full')
  assert(lied >= 2)
})

for (const method of ['relay/open', 'relay/hop', 'relay/collect', 'relay/confirm']) {
  for (const lose of ['question', 'answer']) {
    test(`the ${lose} of ${method} lost: both ends agree on every block, and go on`, async () => {
      const net = await square({ targetBits: 24_000 })
      let passed = 0
      net.wire = async (pass, deliver) => {
        if (pass.method !== method || passed++ !== 1) return deliver()
        if (lose === 'answer') await deliver()
        throw gone()
      }
      await relayed(net, 'bristol', 20_000)
      if (method === 'relay/open') await reopened(net)
      await assertAgreed(net)
    })
  }
}

for (const name of ['bristol', 'london', 'cambridge']) {
  for (const at of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
    test(`${name} dies after message ${String(at)}: nothing is used at one end only`, async () => {
      const net = await square({ targetBits: 24_000 })
      let passed = 0
      net.wire = async ({ to }, deliver) => {
        const mine = passed++
        if (mine < at) return deliver()
        if (mine > at) {
          if (net.site(name).id === to) throw gone()
          return deliver()
        }
        await deliver()
        throw gone()
      }
      net.site('bristol').relay.start()
      await net.time.advance(300)
      await net.restart(name)
      net.wire = (_, deliver) => deliver()
      net.site('bristol').relay.start()
      await net.time.advance(40_000)
      await assertAgreed(net)
    })
  }
}

test('without pads a pair waits and says why; with the next block of the fibre it goes on', async () => {
  const net = await new Net(SQUARE, {
    'bristol cambridge': { shares: 2, targetBits: 8192 },
  }).start()
  net.ways.set('bristol cambridge', [VIA_LONDON, VIA_OXFORD])
  for (const fibre of SQUARE.slice(0, 3)) await net.grow(fibre)
  await relayed(net)
  const [view] = net.site('bristol').relay.views()
  assert.deepEqual([view.state, view.reason], ['waiting', 'RELAY_STUCK'])
  await net.grow('oxford cambridge')
  await net.time.advance(60_000)
  const [later] = net.site('bristol').relay.views()
  assert.deepEqual([later.state, later.reason], ['full', undefined])
})

test('a full pool is left alone until somebody takes from it, and is restocked at once then', async () => {
  const net = await square({ targetBits: 8192 })
  await relayed(net)
  const { keystore, relay } = net.site('bristol')
  const { pool } = keystore
  let looks = 0
  Object.assign(keystore, {
    pool: (peer: SiteId) => {
      looks++
      return pool(peer)
    },
  })
  await net.time.advance(300_000)
  assert(looks <= 20, `${looks} looks in five quiet minutes`)
  await keysBetween(net, 'bristol', 'cambridge', 4)
  assert(pool(cambridge).availableBits < 8192)
  relay.kick()
  assert.equal(relay.views()[0].state, 'relaying')
  await net.time.advance(300)
  const [{ state, blocks }] = relay.views()
  assert.deepEqual([state, blocks], ['full', 2])
})

test('keys that go while a run of the relay ends are seen a moment later', async () => {
  const net = await square()
  net.wire = async ({ method }, deliver) => {
    const answer = await deliver()
    if (method === 'relay/confirm') net.site('bristol').relay.kick()
    return answer
  }
  await relayed(net, 'bristol', 100)
  assert.equal(net.site('bristol').relay.views()[0].state, 'full')
  await keysBetween(net, 'bristol', 'cambridge', 4)
  await net.time.advance(1000)
  assert.equal(net.site('bristol').relay.views()[0].blocks, 2)
})

test('without a way a pair waits, and spends nothing', async () => {
  const net = await square()
  net.ways.clear()
  const asked: string[] = []
  net.wire = ({ method }, deliver) => {
    asked.push(method)
    return deliver()
  }
  await relayed(net, 'bristol', 10)
  assert.equal(net.site('bristol').relay.views()[0].reason, 'RELAY_NO_WAY')
  assert.deepEqual(asked, ['relay/open', 'relay/open'], 'each end opens its own, and no more')
})

test('a way that opens after a long time without one is taken within seconds', async () => {
  const net = await square()
  net.ways.delete('bristol cambridge')
  await relayed(net, 'bristol', 600_000)
  assert.equal(net.site('bristol').relay.views()[0].reason, 'RELAY_NO_WAY')
  net.ways.set('bristol cambridge', [VIA_LONDON, VIA_OXFORD])
  await net.time.advance(4000)
  assert.equal(net.site('bristol').relay.views()[0].state, 'full')
})

test('every node notes what it passed on, and nothing of the share', async () => {
  const net = await square()
  await relayed(net)
  const entries = await net.site('london').audit.entries()
  const passed = entries.filter(({ event }) => event.kind === 'relay.passed')
  assert.equal(passed.length, 1)
  const { from, to, octets, share } = passed[0].event.facts
  assert.deepEqual([from, to, octets, share], ['bristol', cambridge, 2064, 0])
})

/** Whether both ends count the same, hold no block for ever, and share equal keys to the last. */
async function assertAgreed(net: Net): Promise<void> {
  const [a, b] = ['bristol', 'cambridge'].map((name) => net.site(name))
  const [there, here] = [a.keystore.pool(b.id), b.keystore.pool(a.id)]
  assert.deepEqual([there.heldBlocks, here.heldBlocks], [0, 0])
  assert.deepEqual([there.availableBits, there.peerBits], [here.peerBits, here.availableBits])
  const number = Math.floor(there.availableBits / 256)
  assert(number > 60, `${number} keys`)
  const keys = await keysBetween(net, 'bristol', 'cambridge', number)
  assert(keys.every(({ made, fetched }) => made === fetched))
  assert.equal(new Set(keys.map(({ made }) => made)).size, number)
}

/** Lets the pair be opened once more, as after a restart. */
async function reopened(net: Net): Promise<void> {
  await net.restart('bristol')
  await relayed(net, 'bristol', 40_000)
}

function flip(octets: Uint8Array, at: number): Uint8Array {
  const changed = octets.slice()
  changed[at] ^= 1
  return changed
}

test('an end that declares the nodes on every way takes no bits of such a block', async () => {
  for (const end of ['bristol', 'cambridge']) {
    const net = await square()
    const asked: (readonly string[])[] = []
    net.site(end).accepts = ({ shares = [] }) => {
      asked.push(...shares.map(({ way }) => way))
      return false
    }
    await relayed(net)
    const [view] = net.site('bristol').relay.views()
    assert.deepEqual([view.state, view.blocks], ['waiting', 0])
    assert.deepEqual(asked.slice(0, 2), [VIA_LONDON, VIA_OXFORD])
    assert.equal(net.site('bristol').keystore.pool(cambridge).availableBits, 0)
    net.site(end).accepts = () => true
    await net.time.advance(60_000)
    assert.equal(net.site('bristol').relay.views()[0].state, 'full')
    const [one] = await keysBetween(net, 'bristol', 'cambridge', 1)
    assert.equal(one.made, one.fetched)
  }
})
