import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, keyId, linkId, saeId, SecretBytes, siteId, toCbor, uuid } from '#base'
import type { Provenance } from '#keystore'
import { SUITE, type Protection } from '#session'
import type { Item } from '#vault'
import { MemoryStore, SimulatedTime } from '#world/ports'
import { itemView } from './item-view.ts'
import { Judge } from './judgement.ts'
import { KeyMemory, keyMemoryMigrations } from './key-memory.ts'

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

/** How the key of these ways came: by London alone, or by one link. */
const provenanceOf = (heldBy: readonly string[]): Provenance => {
  const origin = {
    ...({ source: 'hardware', randomness: 'quantum', authentication: 'relay-wrap' } as const),
    ...{ assumptions: [], epsilon: 0, seenBy: ['bristol', 'cambridge'] },
    shares: heldBy.map((party) => ({
      ...{ way: ['bristol', party, 'cambridge'], heldBy: ['bristol', party, 'cambridge'] },
      ...({ source: 'hardware', epsilon: 0 } as const),
    })),
  }
  const place = { link: linkId('bristol--cambridge'), epoch: 1, sequence: 1, offset: 0 }
  const ends = { from: siteId('bristol'), to: siteId('cambridge') }
  return { parts: [{ ...origin, ...place, ...ends, octets: 32 }] }
}

async function judging(
  provenance: Provenance | undefined,
  compromised: readonly string[],
  breaksWrap = false,
): Promise<Judge> {
  const at = { site: siteId('cambridge'), clock: new SimulatedTime().view() }
  const memory = new KeyMemory({ ...at, store: new MemoryStore(keyMemoryMigrations) })
  if (provenance !== undefined) {
    const give = () =>
      Promise.resolve({
        ...{ keyId: strong.keyIds[0], octets: SecretBytes.take(new Uint8Array(32)), provenance },
      })
    const sae = saeId('photonward.cambridge')
    const supply = { sae, sources: () => [], getKey: give, getKeyWithId: give }
    await memory.remembering(supply).getKey({ slave: sae, sizeBits: 256 })
  }
  return new Judge(memory, () => ({ compromised: new Set(compromised), breaksWrap }))
}

test('an item is shown as its weakest way, whichever that was, and with all of them', async () => {
  const judge = await judging(provenanceOf(['london']), [])
  for (const ways of [
    [strong, without],
    [without, strong],
    [simulated, without, strong],
  ]) {
    const view = await itemView(item(...ways), judge)
    assert.equal(view.protection?.used, 'hybrid-post-quantum')
    assert.deepEqual(
      view.protections.map(({ keySource }) => keySource),
      ways.map(({ keySource }) => keySource),
    )
  }
  assert.equal((await itemView(item(strong, simulated), judge)).protection?.keySource, 'simulated')
  const own = await itemView(item(), judge)
  assert.deepEqual([own.protection, own.protections], [null, []])
})

test('a transmission rests on less once nodes that had its key are declared', async () => {
  const one = provenanceOf(['london'])
  const two = provenanceOf(['london', 'oxford'])
  const standing = async (...by: Parameters<typeof judging>) =>
    (await itemView(item(strong), await judging(...by))).protection?.standing
  assert.equal(await standing(one, []), 'hybrid')
  assert.equal(await standing(one, ['oxford']), 'hybrid')
  assert.equal(await standing(one, ['london']), 'post-quantum', 'only the wrap is left of the key')
  assert.equal(await standing(one, ['london'], true), 'open')
  assert.equal(await standing(two, ['london'], true), 'hybrid', 'one share tells nothing')
  assert.equal(await standing(two, ['london', 'oxford']), 'post-quantum')
  assert.equal(await standing(one, ['cambridge']), 'open', 'an end has what was sent')
  assert.equal(await standing(undefined, ['london']), 'unknown')
  assert.equal(await standing(undefined, ['bristol']), 'open', 'it sealed the item')
})

test('the way that rests on the least now is shown before one that was weaker at first', async () => {
  const judge = await judging(provenanceOf(['london']), ['london'], true)
  const { protection } = await itemView(item(without, strong), judge)
  assert.deepEqual([protection?.standing, protection?.used], ['open', 'hybrid-post-quantum'])
  const partly = await judging(provenanceOf(['london']), ['london'])
  const other = { ...strong, keyIds: [keyId('0198c5a0-0000-4000-8000-000000000009')] }
  const view = await itemView(item({ ...other, keySource: 'simulated' }, strong), partly)
  assert.deepEqual(
    view.protections.map(({ standing }) => standing),
    ['unknown', 'post-quantum'],
  )
  assert.deepEqual(view.protection?.keys[0].exposure, 'wrapped')
})
