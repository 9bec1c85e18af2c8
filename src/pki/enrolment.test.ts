/** Enrolment: what an authority grants, what it refuses, and what a site accepts. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  concat,
  DAY_MS,
  fromCbor,
  fromHex,
  kmeId,
  saeId,
  siteId,
  toCbor,
  type CborValue,
} from '#base'
import { eventOf, leafOf } from '#audit'
import { seededRandom } from '#world/ports'
import { openAuthority, openRoots, sealAuthority, sealRoots } from './authority-sealed.ts'
import { anchorsOf, createAuthority, crlsOf } from './authority.ts'
import { readCertificate, SIGNATURE_ALGORITHMS } from './certificate.ts'
import { verifyChain } from './chain.ts'
import { sequenceOf } from './der.ts'
import { enrolmentRequest, readEnrolment } from './enrolment.ts'
import { enrol, federation, later, namesOf, newFederation, NOW, random } from './fixtures.test.ts'
import { acceptGrant, grantSite } from './grant.ts'
import { issueLeaf, newCredentials, revoke, serialsOf } from './issuing.ts'
import { newSiteKeys, openSiteKeys, sealSiteKeys } from './site-keys.ts'
import { makeRequest } from './x509.ts'

const bristol = namesOf('bristol')
const keys = newSiteKeys()
const request = await enrolmentRequest(keys, bristol, NOW)

/** The request with something in it changed, and not signed again. */
function changed(change: (body: Record<string, CborValue>) => void): Uint8Array {
  const whole = fromCbor(request, 100_000) as { v: 1; body: Uint8Array; proofs: CborValue }
  const body = fromCbor(whole.body, 100_000) as Record<string, CborValue>
  change(body)
  return toCbor({ ...whole, body: toCbor(body) })
}

test('two sites enrol, and hold certificates and statements that verify', async () => {
  const { authority, sites } = await federation
  const anchors = anchorsOf(authority)
  for (const { names, grant, keys: own } of sites) {
    const trust = { anchors: [anchors.sites], crls: grant.sites.crls, now: NOW }
    for (const usage of ['site-server', 'site-client'] as const) {
      const check = verifyChain(grant.sites.chain, { ...trust, usage })
      assert(check.kind === 'verified', JSON.stringify(check))
      assert.deepEqual(check.leaf.identity, { kind: 'site', site: names.site })
      assert.deepEqual(check.leaf.spki, own.tls.spki)
    }
    const north = { anchors: [anchors.north], crls: grant.north.crls, now: NOW }
    const check = verifyChain(grant.north.chain, { ...north, usage: 'kme-server' })
    assert.equal(check.kind, 'verified')
  }
})

test('a site certificate has the profile that is promised', async () => {
  const { sites } = await federation
  const [leaf, issuer] = sites[0].grant.sites.chain.map((der) => readCertificate(der))
  assert(leaf !== undefined && issuer !== undefined)
  assert.deepEqual(leaf.names.dns, ['bristol', 'bristol.example'])
  assert.deepEqual(leaf.names.uri, ['photonward:site:bristol'])
  assert.equal(leaf.commonName, 'bristol')
  assert.equal(leaf.keyName, 'ml-dsa-65')
  assert.equal(leaf.keyUsage, 0x01)
  assert.deepEqual(leaf.basicConstraints, {
    isAuthority: false,
    pathLength: undefined,
    critical: true,
  })
  assert.deepEqual(leaf.extendedKeyUsage, ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'])
  assert.equal(leaf.notAfter - NOW, 30 * DAY_MS)
  assert.equal(NOW - leaf.notBefore, 5 * 60_000)
  assert.equal(issuer.basicConstraints?.pathLength, 0)
  assert.equal(issuer.keyName, 'ml-dsa-65')
  assert.deepEqual(leaf.unknownCritical, [])
  const [north] = sites[0].grant.north.chain.map((der) => readCertificate(der))
  assert(north !== undefined)
  assert.deepEqual(north.names.dns, ['localhost', 'kme.bristol.example'])
  assert.deepEqual(
    north.names.ip.map((ip) => ip.join('.')),
    ['127.0.0.1', '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1', '192.0.2.7'],
  )
  assert.equal(north.keyName, 'ecdsa-p256')
})

test('serial numbers have 126 random bits and never repeat', async () => {
  const { authority } = await federation
  const serials = [...authority.sites.issued, ...authority.north.issued].map((one) => one.serial)
  assert.equal(serials.length, 6)
  assert.equal(new Set(serials).size, 6)
  for (const serial of serials) assert.match(serial, /^[4-7][0-9a-f]{31}$/)
})

test('a request proves possession of every signing key in it', () => {
  const other = newSiteKeys()
  const enrolment = readEnrolment(request, NOW)
  assert.match(enrolment.fingerprint, /^[0-9a-f]{64}$/)
  assert.deepEqual([enrolment.site, enrolment.kme], [bristol.site, bristol.kme])
  const changes: readonly ((body: Record<string, CborValue>) => void)[] = [
    (body) => (body['site'] = 'cambridge'),
    (body) => (body['kme'] = 'kme-x'),
    (body) => (body['kem'] = other.kem.encapsulationKey),
    (body) =>
      (body['audit'] = {
        ed25519: other.audit.ed25519.publicKey,
        mlDsa44: keys.audit.mlDsa44.publicKey,
      }),
    (body) => (body['at'] = NOW + 1),
    (body) => (body['dns'] = ['evil.example']),
  ]
  for (const change of changes) {
    assert.throws(() => readEnrolment(changed(change), NOW), {
      code: 'ENROLMENT_INVALID',
    })
  }
})

test('each proof of possession is checked by itself', () => {
  const whole = fromCbor(request, 100_000) as {
    v: 1
    body: Uint8Array
    proofs: Record<string, Uint8Array>
  }
  for (const proof of Object.keys(whole.proofs)) {
    const bad = whole.proofs[proof].slice()
    bad[40] ^= 1
    const octets = toCbor({ ...whole, proofs: { ...whole.proofs, [proof]: bad } })
    assert.throws(() => readEnrolment(octets, NOW), {
      code: 'ENROLMENT_INVALID',
      facts: { proof },
    })
  }
})

test('a certificate request with a bad proof of possession is refused', async () => {
  const { authority } = await federation
  const subject = { commonName: 'x', organisation: 'x' }
  const good = await makeRequest(subject, keys.tls)
  const identity = { kind: 'site', site: siteId('bristol') } as const
  const leaf = { identity, names: {} }
  const bad = good.slice()
  bad[bad.length - 100] ^= 1
  const swapped = good.slice()
  // A name other than the one signed.
  swapped[good.indexOf('x'.charCodeAt(0), 20)] ^= 1
  const wrongKind = await makeRequest(subject, keys.north)
  const cut = good.subarray(0, good.length - 1)
  for (const one of [bad, swapped, wrongKind, cut, new Uint8Array(0), new Uint8Array(20_000)]) {
    await assert.rejects(issueLeaf(authority, { ...leaf, request: one }, { now: NOW, random }), {
      code: 'ENROLMENT_INVALID',
    })
  }
  await issueLeaf(authority, { ...leaf, request: good }, { now: NOW, random })
  const names = { dns: ['*.example'] }
  await assert.rejects(
    issueLeaf(authority, { ...leaf, names, request: good }, { now: NOW, random }),
    { code: 'CERTIFICATE_TERMS_INVALID' },
  )
})

test('a classical key does not pass for ML-DSA by the name of its algorithm', async () => {
  const { authority } = await federation
  const request = await makeRequest({ commonName: 'x', organisation: 'x' }, keys.north)
  const [signed, algorithm, signature] = sequenceOf(request) ?? []
  // The algorithm of a request stands outside of what is signed.
  const content = concat(signed.whole, SIGNATURE_ALGORITHMS['ml-dsa-65'], signature.whole)
  const posing = concat(fromHex('3081'), Uint8Array.of(content.length), content)
  assert(content.length < 256 && algorithm.whole.length === 12)
  const identity = { kind: 'site', site: siteId('bristol') } as const
  const leaf = { identity, names: {}, request: posing }
  await assert.rejects(issueLeaf(authority, leaf, { now: NOW, random }), {
    code: 'ENROLMENT_INVALID',
  })
})

test('what is over is forgotten when the next is issued', async () => {
  const { authority } = await federation
  const then = later(31 * DAY_MS)
  const device = { identity: { kind: 'device', device: 'fibre-1' }, names: {} } as const
  const { authority: next, serial } = await newCredentials(authority, device, { now: then, random })
  assert.deepEqual(
    next.sites.issued.map((one) => one.serial),
    [serial],
  )
  assert.equal(next.north.issued.length, authority.north.issued.length)
})

test('a request of yesterday, or of tomorrow, is refused', () => {
  readEnrolment(request, later(DAY_MS))
  for (const ms of [DAY_MS + 1, -DAY_MS - 1]) {
    assert.throws(() => readEnrolment(request, later(ms)), { code: 'ENROLMENT_INVALID' })
  }
})

test('an authority grants only what its operator expects', async () => {
  const { authority } = await federation
  const enrolment = readEnrolment(request, NOW)
  const act = { now: NOW, random }
  const other = namesOf('cambridge')
  const expected = [
    { site: other.site, kme: bristol.kme },
    { site: bristol.site, kme: other.kme },
  ]
  for (const one of expected) {
    await assert.rejects(grantSite(authority, enrolment, { ...act, expected: one }), {
      code: 'ENROLMENT_OTHER',
    })
  }
  const elsewhere = { ...authority, federation: 'Another' }
  await assert.rejects(grantSite(elsewhere, enrolment, { ...act, expected: bristol }), {
    code: 'ENROLMENT_OTHER',
  })
})

test('a site accepts a grant only for its own keys and names, under roots it trusts', async () => {
  const { authority } = await createAuthority('Test Federation', { now: NOW, random })
  const granted = await grantSite(authority, readEnrolment(request, NOW), {
    expected: bristol,
    now: NOW,
    random,
  })
  const anchors = anchorsOf(authority)
  const trusted = { ...bristol, anchors, now: NOW }
  acceptGrant(granted.grant, keys, trusted)
  const stranger = await createAuthority('Test Federation', { now: NOW, random })
  const refused = [
    [keys, { ...trusted, anchors: anchorsOf(stranger.authority) }, 'sites'],
    [keys, { ...trusted, anchors: { ...anchors, north: anchors.sites } }, 'north'],
    [keys, { ...trusted, site: siteId('cambridge') }, 'sites'],
    [keys, { ...trusted, kme: kmeId('other') }, 'north'],
    [keys, { ...trusted, now: later(31 * DAY_MS) }, 'sites'],
    [{ ...keys, tls: newSiteKeys().tls }, trusted, 'sites'],
    [{ ...keys, north: newSiteKeys().north }, trusted, 'north'],
    [{ ...keys, kem: newSiteKeys().kem }, trusted, 'statement'],
    [{ ...keys, audit: newSiteKeys().audit }, trusted, 'statement'],
    [{ ...keys, statement: newSiteKeys().statement }, trusted, 'statement'],
  ] as const
  for (const [own, trust, part] of refused) {
    assert.throws(() => acceptGrant(granted.grant, own, trust), {
      code: 'GRANT_INVALID',
      facts: { part },
    })
  }
  assert.throws(() => acceptGrant(new Uint8Array(9), keys, trusted), { code: 'GRANT_INVALID' })
})

test('names that no certificate may carry are refused before anything is signed', async () => {
  const refused = ['', 'a b', 'A.example', '-a.example', 'a..b', '*.example', 'a\n', 'a,b']
  for (const dns of refused) {
    await assert.rejects(enrolmentRequest(keys, { ...bristol, dns: [dns] }, NOW), {
      code: 'CERTIFICATE_TERMS_INVALID',
    })
  }
  const addresses = ['256.0.0.1', '1.2.3', '01.2.3.4', '::1::', '12345::', 'g::', '1:2:3:4:5:6:7']
  for (const ip of addresses) {
    const names = { ...bristol, north: { dns: [], ip: [ip] } }
    await assert.rejects(enrolmentRequest(keys, names, NOW), {
      code: 'CERTIFICATE_TERMS_INVALID',
    })
  }
  for (const ip of ['0.0.0.0', '255.255.255.255', '::', '::1', 'fe80::1:2', '1:2:3:4:5:6:7:8']) {
    await enrolmentRequest(keys, { ...bristol, north: { dns: [], ip: [ip] } }, NOW)
  }
  const act = { now: NOW, random }
  await assert.rejects(createAuthority('x\ny', act), { code: 'CERTIFICATE_TERMS_INVALID' })
})

test('an SAE ID of any character that the standard allows becomes a common name and a URI', async () => {
  const { authority } = await federation
  const sae = saeId("a~b:c@d!e$f&g'h(i)j*k+l,m;n=o-p._q")
  const made = await newCredentials(
    authority,
    { identity: { kind: 'sae', sae }, names: {} },
    { now: NOW, random },
  )
  const leaf = readCertificate(made.chain[0])
  assert(leaf !== undefined)
  assert.equal(leaf.commonName, sae)
  assert.deepEqual(leaf.names.uri, [`photonward:sae:${sae}`])
})

test('an authority survives sealing, and goes on', async () => {
  const { authority, roots } = await federation
  const key = seededRandom(5).octets(32)
  const opened = openAuthority(sealAuthority(authority, key, random), key)
  assert.deepEqual(
    {
      ...opened,
      sites: { ...opened.sites, issuerKey: 0 },
      north: { ...opened.north, issuerKey: 0 },
    },
    {
      ...authority,
      sites: { ...authority.sites, issuerKey: 0 },
      north: { ...authority.north, issuerKey: 0 },
    },
  )
  await enrol(opened, 'london')
  const both = openRoots(sealRoots(roots, key, random), key)
  assert.deepEqual([both.sites.spki, both.north.spki], [roots.sites.spki, roots.north.spki])
})

test('site keys survive sealing', async () => {
  const key = seededRandom(6).octets(32)
  const opened = openSiteKeys(sealSiteKeys(keys, key, random), key)
  const { authority } = await federation
  const again = readEnrolment(await enrolmentRequest(opened, bristol, NOW), NOW)
  const first = readEnrolment(request, NOW)
  assert.deepEqual(
    [again.kem, again.audit, again.statement],
    [first.kem, first.audit, first.statement],
  )
  assert.deepEqual(opened.tls.spki, keys.tls.spki)
  assert.equal(authority.federation, bristol.federation)
})

test('sealed state opens with its key, as what it is, and unchanged only', async () => {
  const { authority, roots } = await federation
  const key = seededRandom(7).octets(32)
  const sealed = sealRoots(roots, key, random)
  const wrong = [
    () => openRoots(sealed, seededRandom(8).octets(32)),
    () => openAuthority(sealed, key),
    () => openSiteKeys(sealAuthority(authority, key, random), key),
    () => openRoots(sealed.with(sealed.length - 20, sealed[sealed.length - 20] ^ 1), key),
    () => openRoots(sealed.subarray(1), key),
  ]
  for (const open of wrong) assert.throws(open, { code: 'SEALED_INVALID' })
})

test('what an authority does is an event for the log', async () => {
  const made = await createAuthority('Test Federation', { now: NOW, random })
  const granted = await grantSite(made.authority, readEnrolment(request, NOW), {
    expected: bristol,
    now: NOW,
    random,
  })
  const [serial] = serialsOf(granted.authority, { kind: 'site', site: bristol.site })
  const revoked = await revoke(granted.authority, serial, { now: NOW, reason: 'key-compromise' })
  const events = [...made.events, ...granted.events, ...revoked.events]
  assert.deepEqual(
    events.map(({ kind, facts }) => [kind, facts['profile'] ?? null]),
    [
      ['pki.authority-created', null],
      ['pki.issued', 'site'],
      ['pki.issued', 'kme'],
      ['pki.issued', 'statement'],
      ['pki.revoked', 'site'],
    ],
  )
  for (const event of events) assert.deepEqual(eventOf(leafOf(event)), event)
})

test('the private keys of a federation are in nothing that leaves it', async () => {
  const { authority, sites } = await newFederation()
  const [{ grant, keys: own }] = sites
  const seed = own.tls.privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32)
  const handedOut = [...grant.sites.chain, ...crlsOf(authority.sites), grant.statement]
  for (const octets of handedOut) assert.equal(Buffer.from(octets).indexOf(seed), -1)
})
