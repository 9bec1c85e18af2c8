/** Chains: the good one, and for each rule the nearest that breaks it. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, DAY_MS, utf8, type EpochMs } from '#base'
import { anchorsOf, createAuthority, crlsOf, replaceIssuer } from './authority.ts'
import { verifyChain, type CertificateUsage, type ChainCheck } from './chain.ts'
import { pem } from './der.ts'
import { enrol, federation, later, NOW, random } from './fixtures.test.ts'
import { newCredentials, refreshCrls, revoke } from './issuing.ts'

const reasonOf = (check: ChainCheck): string =>
  check.kind === 'refused' ? `${check.reason} at ${check.place}` : 'verified'

/** The first site's chain against the federation, with something changed. */
async function verifySite(
  change: Partial<{
    chain: readonly Uint8Array[]
    anchors: readonly Uint8Array[]
    crls: readonly Uint8Array[]
    now: EpochMs
    usage: CertificateUsage
  }> = {},
): Promise<string> {
  const { authority, sites } = await federation
  const { chain, crls, root } = sites[0].grant.sites
  const anchors = [anchorsOf(authority).north, root]
  const usual = { anchors, crls, now: NOW, usage: 'site-server' } as const
  return reasonOf(verifyChain(change.chain ?? chain, { ...usual, ...change }))
}

test('a site verifies with or without the root in its chain, in its time', async () => {
  const { sites } = await federation
  const { chain, root } = sites[0].grant.sites
  assert.equal(await verifySite(), 'verified')
  assert.equal(await verifySite({ chain: [...chain, root] }), 'verified')
  const renewed = await refreshCrls((await federation).authority, later(29 * DAY_MS))
  const crls = crlsOf(renewed.sites)
  assert.equal(await verifySite({ now: later(29 * DAY_MS), crls }), 'verified')
})

test('a site whose certificate is over, or not valid yet, is refused', async () => {
  const renewed = await refreshCrls((await federation).authority, later(31 * DAY_MS))
  const crls = crlsOf(renewed.sites)
  assert.equal(await verifySite({ now: later(31 * DAY_MS), crls }), 'expired at 0')
  assert.equal(await verifySite({ now: later(-6 * 60_000) }), 'not-yet-valid at 2')
  assert.equal(await verifySite({ now: later(4000 * DAY_MS) }), 'expired at 2')
})

test('a chain under no trusted root is refused, also one of the same names', async () => {
  const { authority, sites } = await federation
  const [leaf, issuer] = sites[0].grant.sites.chain
  const twin = (await createAuthority('Test Federation', { now: NOW, random })).authority
  const same = { anchors: [twin.sites.root] }
  assert.equal(await verifySite(same), 'untrusted at 1')
  assert.equal(await verifySite({ anchors: [] }), 'untrusted at 1')
  assert.equal(await verifySite({ anchors: [authority.north.root] }), 'untrusted at 1')
  assert.equal(await verifySite({ chain: [leaf] }), 'untrusted at 0')
  assert.equal(await verifySite({ chain: [issuer, leaf] }), 'untrusted at 1')
  assert.equal(await verifySite({ chain: [leaf, twin.sites.issuer] }), 'untrusted at 1')
  const forged = { chain: [leaf, twin.sites.issuer, twin.sites.root], anchors: [twin.sites.root] }
  assert.equal(await verifySite(forged), 'signature-invalid at 0')
  assert.equal(
    await verifySite({ chain: [leaf, sites[0].grant.north.chain[1]] }),
    'issuer-other at 0',
  )
})

test('no octet of a chain can change', async () => {
  const { sites } = await federation
  const { chain } = sites[0].grant.sites
  for (const [place, der] of chain.entries()) {
    for (let at = 0; at < der.length; at += 211) {
      const changed = chain.with(place, der.with(at, der[at] ^ 4))
      assert.notEqual(await verifySite({ chain: changed }), 'verified', `octet ${at} of ${place}`)
    }
  }
})

test('what is not a chain of certificates is refused', async () => {
  const { sites } = await federation
  const [leaf, issuer] = sites[0].grant.sites.chain
  const malformed = [
    [],
    [new Uint8Array(0)],
    [concat(leaf, Uint8Array.of(0)), issuer],
    [leaf.subarray(0, leaf.length - 1), issuer],
    [new Uint8Array(20_000), issuer],
    [leaf, issuer, issuer, issuer, issuer, issuer],
    [utf8(pem('CERTIFICATE', leaf)), issuer],
  ]
  for (const chain of malformed) assert.match(await verifySite({ chain }), /^malformed/)
})

test('a certificate is refused for what it is not meant for', async () => {
  const { authority, sites } = await federation
  assert.equal(await verifySite({ usage: 'device-server' }), 'identity at 0')
  const { chain } = sites[0].grant.north
  const crls = crlsOf(authority.north)
  assert.equal(await verifySite({ chain, crls, usage: 'kme-server' }), 'verified')
  assert.equal(await verifySite({ chain, crls, usage: 'sae-client' }), 'extended-key-usage at 0')
  // A classical certificate never stands between sites, whatever it says.
  assert.equal(await verifySite({ chain, crls, usage: 'site-server' }), 'algorithm at 0')
  const device = { identity: { kind: 'device', device: 'fibre-1' }, names: {} } as const
  const fibre = await newCredentials(authority, device, { now: NOW, random })
  const used = { chain: fibre.chain, usage: 'device-server' } as const
  assert.equal(await verifySite(used), 'verified')
  assert.equal(await verifySite({ ...used, usage: 'site-server' }), 'identity at 0')
  const issuer = { chain: [authority.sites.issuer] }
  assert.equal(await verifySite(issuer), 'extended-key-usage at 0')
})

test('a revoked certificate is refused, from the moment the list says so', async () => {
  const { authority } = await federation
  const { authority: next, site } = await enrol(authority, 'ipswich')
  const { chain, crls } = site.grant.sites
  const serial = next.sites.issued.at(-2)?.serial ?? ''
  const { authority: after } = await revoke(next, serial, { now: NOW, reason: 'superseded' })
  assert.equal(await verifySite({ chain, crls }), 'verified')
  assert.equal(await verifySite({ chain, crls: crlsOf(after.sites) }), 'revoked at 0')
  // An older list beside the newer one changes nothing.
  assert.equal(await verifySite({ chain, crls: [...crlsOf(after.sites), ...crls] }), 'revoked at 0')
  await assert.rejects(revoke(after, serial, { now: NOW, reason: 'superseded' }), {
    code: 'SERIAL_UNKNOWN',
  })
  await assert.rejects(revoke(after, '00', { now: NOW, reason: 'superseded' }), {
    code: 'SERIAL_UNKNOWN',
  })
  const over = await refreshCrls(after, later(61 * DAY_MS))
  assert.deepEqual(over.sites.revoked, [])
  assert.equal(over.sites.crlNumber, after.sites.crlNumber + 1)
})

test('no certificate is trusted without a present list of every issuer above it', async () => {
  const { authority } = await federation
  const [root, issuer] = crlsOf(authority.sites)
  const twin = (await createAuthority('Test Federation', { now: NOW, random })).authority
  assert.equal(await verifySite({ crls: [issuer] }), 'crl-missing at 1')
  assert.equal(await verifySite({ crls: [root] }), 'crl-missing at 0')
  assert.equal(await verifySite({ crls: [root, ...crlsOf(authority.north)] }), 'crl-missing at 0')
  const forged = [root, crlsOf(twin.sites)[1]]
  assert.equal(await verifySite({ crls: forged }), 'crl-signature-invalid at 0')
  assert.equal(await verifySite({ now: later(7 * DAY_MS) }), 'crl-expired at 0')
  assert.equal(await verifySite({ now: later(7 * DAY_MS - 1) }), 'verified')
  const changed = issuer.with(issuer.length - 9, issuer[issuer.length - 9] ^ 1)
  assert.equal(await verifySite({ crls: [root, changed] }), 'crl-signature-invalid at 0')
  assert.equal(await verifySite({ crls: [root, issuer.subarray(1)] }), 'crl-missing at 0')
})

test('a replaced issuer takes everything it issued with it', async () => {
  const { authority, roots, sites } = await federation
  const { chain } = sites[0].grant.sites
  const act = { now: NOW, random, reason: 'key-compromise' } as const
  const replaced = await replaceIssuer(authority, roots, 'sites', act)
  const crls = crlsOf(replaced.authority.sites)
  assert.equal(await verifySite({ crls }), 'revoked at 1')
  assert.equal(
    await verifySite({ chain, crls: [...crls, ...sites[0].grant.sites.crls] }),
    'revoked at 1',
  )
  const { site } = await enrol(replaced.authority, 'ipswich')
  assert.equal(await verifySite({ chain: site.grant.sites.chain, crls }), 'verified')
  assert.deepEqual(
    replaced.events.map(({ kind }) => kind),
    ['pki.issuer-replaced'],
  )
})
