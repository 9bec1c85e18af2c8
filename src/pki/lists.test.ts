/** Revocation lists reach the sites, and never go back. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, toCbor } from '#base'
import { createAuthority, crlsOf, replaceIssuer } from './authority.ts'
import { verifyChain } from './chain.ts'
import { federation, later, NOW, random } from './fixtures.test.ts'
import { acceptGrant, writeGrant } from './grant.ts'
import { refreshCrls, revoke, serialsOf } from './issuing.ts'
import { readLists, renewLists, writeLists } from './lists.ts'

test('a site goes on past the end of a list with the one that came in time', async () => {
  const { authority, sites } = await federation
  const [{ grant, keys, names }] = sites
  const then = later(6 * DAY_MS)
  const fresh = readLists(writeLists(await refreshCrls(authority, then)))
  const renewed = renewLists(grant, fresh, then)
  const after = later(8 * DAY_MS)
  const { chain, root } = renewed.sites
  const verify = (crls: readonly Uint8Array[]): string => {
    const check = verifyChain(chain, { anchors: [root], crls, now: after, usage: 'site-server' })
    return check.kind === 'refused' ? check.reason : check.kind
  }
  assert.equal(verify(grant.sites.crls), 'crl-expired')
  assert.equal(verify(renewed.sites.crls), 'verified')
  const anchors = { sites: renewed.sites.root, north: renewed.north.root }
  acceptGrant(writeGrant(renewed), keys, { ...names, anchors, now: after })
})

test('a site learns of its own revocation', async () => {
  const { authority, sites } = await federation
  const [{ grant, names }] = sites
  const [serial] = serialsOf(authority, { kind: 'site', site: names.site })
  const { authority: next } = await revoke(authority, serial, { now: NOW, reason: 'superseded' })
  const { chain, root, crls } = renewLists(grant, readLists(writeLists(next)), NOW).sites
  const check = verifyChain(chain, { anchors: [root], crls, now: NOW, usage: 'site-server' })
  assert(check.kind === 'refused' && check.reason === 'revoked')
})

test('older, foreign, expired or missing lists are not taken', async () => {
  const { authority, roots, sites } = await federation
  const [{ grant }] = sites
  const then = later(DAY_MS)
  const own = { sites: crlsOf(authority.sites), north: crlsOf(authority.north) }
  const renewed = renewLists(grant, readLists(writeLists(await refreshCrls(authority, then))), then)
  const stranger = (await createAuthority('Test Federation', { now: NOW, random })).authority
  const act = { now: NOW, random, reason: 'superseded' } as const
  const replaced = (await replaceIssuer(authority, roots, 'sites', act)).authority
  const [root, issuer] = own.sites
  const refused = [
    [renewed, own, then],
    [grant, { ...own, sites: crlsOf(stranger.sites) }, NOW],
    [grant, { ...own, sites: [root, crlsOf(stranger.sites)[1]] }, NOW],
    [grant, { ...own, north: own.sites }, NOW],
    [grant, { ...own, sites: [root, root] }, NOW],
    [grant, { ...own, sites: [root, issuer.subarray(1)] }, NOW],
    [grant, { ...own, sites: crlsOf(replaced.sites) }, NOW],
    [grant, own, later(8 * DAY_MS)],
  ] as const
  for (const [at, [held, lists, now]] of refused.entries()) {
    const refusal = { code: 'GRANT_INVALID' }
    assert.throws(() => renewLists(held, lists, now), refusal, `case ${at}`)
  }
  assert.deepEqual(renewLists(grant, own, NOW), grant)
  assert.throws(() => readLists(toCbor({ v: 1, sites: [], north: [] })), { code: 'SHAPE_INVALID' })
})
