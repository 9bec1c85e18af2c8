import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, SecretBytes, siteId, type SiteId } from '#base'
import { newDualSigner, newSigningKeyPair, verifierOf } from '#crypto'
import type { SiteStatement } from '#pki'
import { MemoryLog, MemoryStore, seededRandom } from '#world/ports'
import {
  formerKeysOf,
  formerLogOf,
  knownSiteMigrations,
  rememberStatements,
} from './known-sites.ts'
import { RootKey } from './root-key/root-key.ts'

const [bristol, cambridge] = [siteId('bristol'), siteId('cambridge')]

function statementOf(site: SiteId, serial: string, from: number): SiteStatement {
  const origin = `photonward.example/${site}`
  const [ed25519, mlDsa44] = [newSigningKeyPair('ed25519'), newSigningKeyPair('ml-dsa-44')]
  return {
    site,
    serial,
    notBefore: epochMs(from),
    notAfter: epochMs(from + 100),
    statement: verifierOf(newDualSigner()),
    audit: { origin, ed25519: ed25519.publicKey, mlDsa44: mlDsa44.publicKey },
  } as unknown as SiteStatement
}

const own = statementOf(bristol, '0a', 0)
const first = statementOf(cambridge, '0b', 0)
/** Renewed under the same keys, and then under others. */
const renewed = { ...first, serial: '0c', notBefore: epochMs(50) } as SiteStatement
const other = statementOf(cambridge, '0d', 90)

class Place {
  readonly store = new MemoryStore(knownSiteMigrations)
  readonly log = new MemoryLog()

  async start(current: readonly SiteStatement[], root = 7) {
    using key = new RootKey(SecretBytes.take(new Uint8Array(32).fill(root)))
    const random = seededRandom(1, 'known')
    const { store, log } = this
    return await rememberStatements({ site: bristol, store, log, random, root: key }, current)
  }
}

test('the keys of a site outlive its statements, newest first, each once', async () => {
  const place = new Place()
  await place.start([own, first])
  await place.start([own, renewed])
  await place.start([own, other])
  const known = await place.start([own])
  assert.deepEqual(formerKeysOf(known, cambridge), [other.statement, first.statement])
  assert.deepEqual(formerKeysOf(known, bristol), [own.statement])
  assert.deepEqual(formerKeysOf(known, siteId('ipswich')), [])
  const { ed25519 } = formerLogOf(known, other.audit.origin) ?? assert.fail()
  assert.deepEqual(ed25519, other.audit.ed25519)
  assert.equal(formerLogOf(known, 'photonward.example/ipswich'), undefined)
})

test('whoever writes the database adds no keys, and moves none to another site', async () => {
  const place = new Place()
  await place.start([own, first])
  const copied = `insert into known_site select site_id, 'bristol', serial, nonce, sealed
    from known_site where peer = 'cambridge'`
  const invented = `insert into known_site values ('bristol', 'ipswich', '0e', x'000000000000000000000000', x'00')`
  for (const sql of [copied, invented]) await place.store.commit([{ sql, parameters: [] }])
  const known = await place.start([own])
  assert.deepEqual(formerKeysOf(known, bristol), [own.statement])
  assert.deepEqual(formerKeysOf(known, siteId('ipswich')), [])
  assert.equal(place.log.lines.length, 2)
  const elsewhere = await place.start([own], 8)
  assert.deepEqual(formerKeysOf(elsewhere, cambridge), [], 'nothing opens under another root key')
})
