import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, epochMs, newUuid, SecretBytes, type SiteId } from '#base'
import { VaultRefusal } from '#vault'
import { seededRandom } from '#world/ports'
import { BRISTOL, CAMBRIDGE, ROOT } from './fixture.test.ts'
import { derivedSiteKey, SiteKey, traceKeyOf, type Holder } from './keys.ts'
import { Tags } from './tags.ts'
import { TrailKey } from './trail-key.ts'

const newKey = (site: SiteId, root = ROOT): SiteKey => {
  using secret = SecretBytes.copyOf(root)
  return derivedSiteKey(site, secret)
}
const random = seededRandom(2)
const holder: Holder = {
  id: newUuid(random),
  kind: 'patient',
  origin: BRISTOL,
  since: epochMs(1000),
  kek: 1,
}
const isDamaged = (error: unknown): boolean =>
  error instanceof VaultRefusal && error.code === 'VAULT_DAMAGED'

test('a holder key unwraps for the very holder it was made for, and no other', () => {
  using siteKey = newKey(BRISTOL)
  const { key, wrapped } = siteKey.newHolderKey(holder, random)
  assert.deepEqual(siteKey.unwrap(holder, wrapped).reveal(), key.reveal())
  const others: readonly Partial<Holder>[] = [
    { id: newUuid(random) },
    { kind: 'shared' },
    { origin: CAMBRIDGE },
    { since: epochMs(1001) },
    { kek: 2 },
  ]
  for (const change of others) {
    assert.throws(() => siteKey.unwrap({ ...holder, ...change }, wrapped), isDamaged)
  }
  for (let at = 0; at < wrapped.length; at++) {
    assert.throws(() => siteKey.unwrap(holder, wrapped.with(at, wrapped[at] ^ 1)), isDamaged)
  }
  assert.throws(() => siteKey.unwrap(holder, wrapped.subarray(1)), isDamaged)
})

test('another site, another version or another root has another site key', () => {
  using key = newKey(BRISTOL)
  const { wrapped } = key.newHolderKey(holder, random)
  for (const other of [
    newKey(CAMBRIDGE),
    newKey(BRISTOL, ROOT.with(0, 0)),
    new SiteKey(BRISTOL, SecretBytes.take(random.octets(32)), 2),
  ]) {
    assert.notDeepEqual(other.proof(), key.proof())
    assert.throws(() => other.check(key.proof()), { code: 'VAULT_ROOT_WRONG' })
    const mine = { ...holder, kek: other.version }
    assert.throws(() => other.unwrap(mine, wrapped), isDamaged)
    other[Symbol.dispose]()
  }
  key.check(newKey(BRISTOL).proof())
})

test('tags of different fields, texts or keys differ, those of the same agree', () => {
  using key = SecretBytes.copyOf(ROOT)
  using tags = new Tags(key)
  using same = new Tags(key)
  assert.deepEqual(tags.of('identifier', 'a', 'b'), same.of('identifier', 'a', 'b'))
  using otherKey = SecretBytes.copyOf(ROOT.with(5, 0))
  using other = new Tags(otherKey)
  const variants = [
    tags.of('identifier', 'a', 'b'),
    tags.of('identifier', 'ab', ''),
    tags.of('identifier', 'ab'),
    tags.of('value', 'a', 'b'),
    tags.of('reference', 'a', 'b'),
    other.of('identifier', 'a', 'b'),
  ].map((tag) => Buffer.from(tag.subarray(0, 8)).toString('hex'))
  assert.equal(new Set(variants).size, variants.length)
  assert.equal(tags.of('identifier', 'a').length, 8)
  assert.equal(tags.of('reference', 'a').length, 16)
})

test('a tag and a sealed part open with the key of the holder, beside their own entry only', () => {
  using key = SecretBytes.copyOf(ROOT)
  using another = SecretBytes.copyOf(ROOT.with(9, 0))
  using trail = new TrailKey(BRISTOL, traceKeyOf(key))
  using same = new TrailKey(BRISTOL, traceKeyOf(key))
  using other = new TrailKey(BRISTOL, traceKeyOf(another))
  using elsewhere = new TrailKey(CAMBRIDGE, traceKeyOf(key))
  const [noon, evening] = [epochMs(DAY_MS + 43_200_000), epochMs(DAY_MS + 64_800_000)]
  assert.deepEqual(trail.tag(noon, 'pacs'), same.tag(evening, 'pacs'))
  const others = [trail.tag(epochMs(2 * DAY_MS), 'pacs'), trail.tag(noon), other.tag(noon, 'pacs')]
  for (const tag of others) assert.notDeepEqual(tag, trail.tag(noon, 'pacs'))
  const commitment = random.octets(32)
  const sealed = trail.seal('general', commitment, ROOT, random)
  assert.deepEqual(same.open('general', commitment, sealed), ROOT)
  const refused = { code: 'DECRYPTION_FAILED' }
  assert.throws(() => trail.open('particular', commitment, sealed), refused)
  assert.throws(() => trail.open('general', random.octets(32), sealed), refused)
  assert.throws(() => other.open('general', commitment, sealed), refused)
  assert.throws(() => elsewhere.open('general', commitment, sealed), refused)
})
