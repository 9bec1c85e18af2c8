import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS } from '#base'
import { CRL_DAYS, ISSUER_DAYS } from './authority.ts'
import { federation, later, NOW } from './fixtures.test.ts'
import { readGrant, writeGrant } from './grant.ts'
import { refreshCrls } from './issuing.ts'
import { readLists, renewLists, writeLists } from './lists.ts'
import { termsOf } from './terms.ts'

test('the terms of a grant are the ends of its certificates and lists', async () => {
  const { sites } = await federation
  const terms = termsOf(readGrant(writeGrant(sites[0].grant)))
  const days = terms.map(({ kind, hierarchy, endsAt }) => {
    return `${hierarchy} ${kind} ${String((endsAt - NOW) / DAY_MS)}`
  })
  const of = (hierarchy: string, leafDays: number): string[] => [
    `${hierarchy} certificate ${String(leafDays)}`,
    `${hierarchy} issuer ${String(ISSUER_DAYS)}`,
    `${hierarchy} root 3650`,
    `${hierarchy} root-revocation-list ${String(ISSUER_DAYS)}`,
    `${hierarchy} revocation-list ${String(CRL_DAYS)}`,
  ]
  assert.deepEqual(days, [...of('sites', 30), ...of('north', 90)])
})

test('a new list moves the end of the old one, and nothing warns from the first day', async () => {
  const { authority, sites } = await federation
  const [{ grant }] = sites
  const then = later(3 * DAY_MS)
  const fresh = readLists(writeLists(await refreshCrls(authority, then)))
  const ends = (terms: ReturnType<typeof termsOf>) =>
    terms.filter(({ kind }) => kind === 'revocation-list').map(({ endsAt }) => endsAt)
  const week = CRL_DAYS * DAY_MS
  assert.deepEqual(ends(termsOf(grant)), [later(week), later(week)])
  assert.deepEqual(ends(termsOf(renewLists(grant, fresh, then))), [then + week, then + week])
  for (const { kind, endsAt, warnMs } of termsOf(grant)) assert(endsAt - warnMs > NOW, kind)
})
