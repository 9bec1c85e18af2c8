/** Statements: what peers learn of a site, and what they must not believe. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, fromCbor, siteId, toCbor, type CborValue, type EpochMs, type SiteId } from '#base'
import { sign } from '#crypto'
import {
  anchorsOf,
  createAuthority,
  crlsOf,
  issuerCrl,
  replaceIssuer,
  subjectOf,
  validity,
} from './authority.ts'
import { enrol, federation, later, NOW, random } from './fixtures.test.ts'
import { newCredentials, refreshCrls, revoke, serialsOf } from './issuing.ts'
import { newCertificateKey } from './keys.ts'
import {
  cosignerVerifierOf,
  logVerifierOf,
  signStatement,
  verifyStatement,
  type StatementCheck,
} from './statement.ts'
import { makeCertificate, newSerial } from './x509.ts'

interface Envelope {
  readonly v: 1
  readonly body: Uint8Array
  readonly issuer: Uint8Array
  readonly signature: Uint8Array
}

const reasonOf = (check: StatementCheck): string =>
  check.kind === 'refused' ? [check.reason, check.issuer].filter(Boolean).join(': ') : 'verified'

async function verifyFirst(
  change: Partial<{
    statement: Uint8Array
    anchors: readonly Uint8Array[]
    crls: readonly Uint8Array[]
    now: EpochMs
    site: SiteId
  }> = {},
): Promise<string> {
  const { authority, sites } = await federation
  const { statement, sites: held } = sites[0].grant
  const usual = { anchors: [anchorsOf(authority).sites], crls: held.crls, now: NOW }
  return reasonOf(verifyStatement(change.statement ?? statement, { ...usual, ...change }))
}

const envelopeOf = async (): Promise<Envelope> =>
  fromCbor((await federation).sites[0].grant.statement, 100_000) as Envelope

test('from one statement a peer learns every public key of a site', async () => {
  const { authority, sites } = await federation
  const [{ names, keys, grant }] = sites
  const trust = { anchors: [authority.sites.root], crls: grant.sites.crls, now: NOW }
  const check = verifyStatement(grant.statement, { ...trust, site: names.site })
  assert(check.kind === 'verified')
  const { statement } = check
  assert.deepEqual([statement.site, statement.kme], [names.site, names.kme])
  assert.deepEqual(statement.tls, keys.tls.spki)
  assert.deepEqual(statement.kem, keys.kem.encapsulationKey)
  assert.deepEqual(statement.statement.mlDsa, keys.statement.mlDsa.publicKey)
  assert.equal(statement.notAfter, NOW + 30 * DAY_MS)
  assert.deepEqual(logVerifierOf(statement), {
    name: 'photonward.example/bristol',
    ed25519: keys.audit.ed25519.publicKey,
    mlDsa44: keys.audit.mlDsa44.publicKey,
  })
  assert.equal(cosignerVerifierOf(statement).name, 'photonward.example/bristol/cosigner')
  assert(authority.sites.issued.some(({ serial }) => serial === statement.tlsSerial))
})

test('a statement with any octet changed is refused', async () => {
  const { statement } = (await federation).sites[0].grant
  for (let at = 0; at < statement.length; at += 101) {
    const changed = statement.with(at, statement[at] ^ 2)
    assert.notEqual(await verifyFirst({ statement: changed }), 'verified', `octet ${at}`)
  }
  const envelope = await envelopeOf()
  const body = fromCbor(envelope.body, 100_000) as Record<string, CborValue>
  const renamed = toCbor({ ...envelope, body: toCbor({ ...body, site: 'cambridge' }) })
  assert.equal(await verifyFirst({ statement: renamed }), 'signature-invalid')
  const extra = toCbor({ ...envelope, body: toCbor({ ...body, more: 1 }) })
  assert.equal(await verifyFirst({ statement: extra }), 'malformed')
})

test('the statement of another site is not taken for the one asked for', async () => {
  assert.equal(await verifyFirst({ site: siteId('cambridge') }), 'site-other')
  assert.equal(await verifyFirst({ site: siteId('bristol') }), 'verified')
})

test('a statement holds in its time, under a trusted root and present lists', async () => {
  const { authority } = await federation
  const crls = crlsOf((await refreshCrls(authority, later(31 * DAY_MS))).sites)
  assert.equal(await verifyFirst({ now: later(31 * DAY_MS), crls }), 'expired')
  assert.equal(await verifyFirst({ now: later(-6 * 60_000) }), 'issuer: not-yet-valid')
  assert.equal(await verifyFirst({ now: later(8 * DAY_MS) }), 'issuer: crl-expired')
  assert.equal(await verifyFirst({ anchors: [authority.north.root] }), 'issuer: untrusted')
  assert.equal(await verifyFirst({ crls: [] }), 'issuer: crl-missing')
})

test('a statement is void once it, its certificate or its issuer is revoked', async () => {
  const { authority, roots, sites } = await federation
  const serials = serialsOf(authority, { kind: 'site', site: sites[0].names.site })
  assert.equal(serials.length, 2)
  for (const serial of serials) {
    const after = await revoke(authority, serial, { now: NOW, reason: 'key-compromise' })
    assert.equal(await verifyFirst({ crls: crlsOf(after.authority.sites) }), 'revoked')
  }
  const act = { now: NOW, random, reason: 'key-compromise' } as const
  const replaced = await replaceIssuer(authority, roots, 'sites', act)
  const crls = crlsOf(replaced.authority.sites)
  assert.equal(await verifyFirst({ crls }), 'issuer: revoked')
})

test('only an issuer of the federation signs statements', async () => {
  const { authority, sites } = await federation
  const { authority: next, site } = await enrol(authority, 'ipswich')
  const trust = { crls: crlsOf(next.sites) }
  const { statement } = sites[0].grant
  const verified = verifyStatement(statement, {
    anchors: [authority.sites.root],
    ...trust,
    now: NOW,
  })
  assert(verified.kind === 'verified')
  // A site signs for another with its own certificate: no authority, so not even a path.
  const [leaf, issuer] = site.grant.sites.chain
  const bySite = signStatement(verified.statement, { certificate: leaf, key: site.keys.tls })
  assert.equal(await verifyFirst({ statement: bySite, ...trust }), 'issuer: untrusted')
  const asIssuer = signStatement(verified.statement, { certificate: issuer, key: site.keys.tls })
  assert.equal(await verifyFirst({ statement: asIssuer, ...trust }), 'signature-invalid')
  const twin = (await createAuthority('Test Federation', { now: NOW, random })).authority
  const byTwin = signStatement(verified.statement, {
    certificate: twin.sites.issuer,
    key: twin.sites.issuerKey,
  })
  assert.equal(await verifyFirst({ statement: byTwin }), 'issuer: untrusted')
  const crls = [...crlsOf(authority.sites), ...crlsOf(twin.sites)]
  const own = { statement: byTwin, anchors: [twin.sites.root], crls: crlsOf(twin.sites) }
  assert.equal(await verifyFirst(own), 'verified')
  assert.equal(await verifyFirst({ statement: byTwin, crls }), 'issuer: untrusted')
})

test('a root does not sign statements, nor does a leaf that the root would vouch for', async () => {
  const { authority, roots, sites } = await federation
  const { root } = sites[0].grant.sites
  const envelope = await envelopeOf()
  const asRoot = toCbor({ ...envelope, issuer: root })
  assert.equal(await verifyFirst({ statement: asRoot }), 'issuer: key-usage')
  assert.equal(roots.sites.name, 'ml-dsa-87')
  const device = { identity: { kind: 'device', device: 'fibre-1' }, names: {} } as const
  const fibre = await newCredentials(authority, device, { now: NOW, random })
  // A trusted leaf is still a leaf.
  const asLeaf = toCbor({ ...envelope, issuer: fibre.chain[0] })
  const anchors = [fibre.chain[0], root]
  assert.notEqual(await verifyFirst({ statement: asLeaf, anchors }), 'verified')
})

test('an authority above the issuers does not sign statements', async () => {
  const { authority, roots, sites } = await federation
  const { statement } = sites[0].grant
  const anchors = [authority.sites.root]
  const trust = { anchors, crls: crlsOf(authority.sites), now: NOW }
  const check = verifyStatement(statement, trust)
  assert(check.kind === 'verified')
  const key = newCertificateKey('ml-dsa-65')
  const made = (pathLength: number) =>
    makeCertificate(
      {
        serial: newSerial(random),
        subject: subjectOf('Test Federation', 'sites', 'issuer 1'),
        issuer: subjectOf('Test Federation', 'sites', 'root'),
        spki: key.spki,
        ...validity(NOW, 9),
        role: { kind: 'authority', pathLength },
      },
      roots.sites,
    )
  const crl = await issuerCrl(
    'Test Federation',
    'sites',
    { ...authority.sites, issuerKey: key },
    NOW,
  )
  const crls = [...trust.crls, crl]
  for (const [pathLength, expected] of [
    [0, 'verified'],
    [1, 'issuer: key-usage'],
  ] as const) {
    const certificate = await made(pathLength)
    const signed = signStatement(check.statement, { certificate, key })
    assert.equal(await verifyFirst({ statement: signed, crls }), expected)
  }
})

test('a statement of tomorrow does not hold today', async () => {
  const { authority, sites } = await federation
  const { issuer: certificate, issuerKey: key } = authority.sites
  const trust = { anchors: [authority.sites.root], crls: crlsOf(authority.sites), now: NOW }
  const check = verifyStatement(sites[0].grant.statement, trust)
  assert(check.kind === 'verified')
  const tomorrow = { ...check.statement, notBefore: later(DAY_MS) }
  const statement = signStatement(tomorrow, { certificate, key })
  assert.equal(await verifyFirst({ statement }), 'not-yet-valid')
  assert.equal(await verifyFirst({ statement, now: later(DAY_MS) }), 'verified')
})

test('a signature of another kind by the issuer is not a statement', async () => {
  const { authority } = await federation
  const envelope = await envelopeOf()
  const { privateKey } = authority.sites.issuerKey
  const signer = { name: 'ml-dsa-65', publicKey: new Uint8Array(0), privateKey } as const
  const signature = sign(signer, 'photonward/other/v1', envelope.body)
  const statement = toCbor({ ...envelope, signature })
  assert.equal(await verifyFirst({ statement }), 'signature-invalid')
})
