import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId } from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newSigningKeyPair } from '#crypto'
import type { Origin } from '#keystore'
import { MemoryStore, SimulatedTime } from '#world/ports'
import { declarationMigrations, Declarations } from './declarations.ts'

const site = siteId('bristol')
const [london, oxford] = ['london', 'oxford'].map(siteId)
const signer = {
  name: 'photonward.example/bristol',
  ed25519: newSigningKeyPair('ed25519'),
  mlDsa44: newSigningKeyPair('ml-dsa-44'),
}

async function daemon() {
  const time = new SimulatedTime()
  const clock = time.view()
  const store = new MemoryStore([...auditMigrations, ...declarationMigrations])
  const audit = await AuditLog.open({ site, store, clock, signer })
  const open = () => Declarations.open({ site, store, clock, audit })
  const kinds = async () => (await audit.entries({ after: -1 }, 100)).map(({ event }) => event.kind)
  return { time, clock, open, kinds, declarations: await open() }
}

const how = { breaksWrap: false, cut: true, actor: 'operator' }

/** Bits that came in shares by these nodes. */
const byWayOf = (...nodes: readonly string[]): Origin => ({
  ...{ source: 'simulated', randomness: 'operating-system', authentication: 'relay-wrap' },
  ...{ assumptions: [], epsilon: 0, seenBy: ['bristol', 'cambridge'] },
  shares: nodes.map((node) => ({
    ...{ way: ['bristol', node, 'cambridge'], heldBy: ['bristol', node, 'cambridge'] },
    ...{ source: 'simulated', epsilon: 0 },
  })),
})

test('a declaration outlives the daemon, and a pardon ends it only for what comes after', async () => {
  const { time, clock, open, kinds, declarations } = await daemon()
  await declarations.declare([london], how)
  await time.advance(1000)
  const [between, again] = [clock.now(), await open()]
  assert.deepEqual([...again.avoided('all')], [london])
  await time.advance(1000)
  assert.deepEqual(await again.pardon([london, oxford], 'operator'), [london])
  assert.deepEqual(await again.pardon([london], 'operator'), [], 'it stands no more')
  for (const one of [again, await open()]) {
    assert.deepEqual([...one.avoided('all')], [])
    assert.deepEqual([...one.adversary.compromised], [])
    assert.deepEqual([...one.adversaryOf(between).compromised], [london], 'what was known stays so')
    assert.deepEqual([...one.adversaryOf(clock.now()).compromised], [])
  }
  assert.deepEqual(await kinds(), ['network.node-declared', 'network.node-pardoned'])
})

test('declaring again adds, and takes nothing back', async () => {
  const { declarations, open } = await daemon()
  await declarations.declare([london], { ...how, breaksWrap: true })
  await declarations.declare([london, oxford], { ...how, cut: false })
  for (const one of [declarations, await open()]) {
    const [first, second] = one.standing.toSorted((a, b) => (a.node < b.node ? -1 : 1))
    assert.deepEqual([first.node, first.breaksWrap, first.cut], [london, true, true])
    assert.deepEqual([second.node, second.breaksWrap, second.cut], [oxford, false, false])
    assert.deepEqual([...one.avoided('cut')], [london])
    assert.equal(one.standing.length, 2)
  }
})

test('bits are refused of which nodes that are kept out have had every share', async () => {
  const { declarations } = await daemon()
  assert(declarations.accepts(byWayOf('london')))
  await declarations.declare([london], how)
  assert(!declarations.accepts(byWayOf('london')))
  assert(declarations.accepts(byWayOf('london', 'oxford')))
  assert(!declarations.accepts({ ...byWayOf('oxford'), seenBy: ['london'] }))
  await declarations.declare([oxford], { ...how, cut: false })
  assert(declarations.accepts(byWayOf('london', 'oxford')), 'Oxford is used as a last way')
})
