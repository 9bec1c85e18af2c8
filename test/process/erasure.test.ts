/**
 * A patient is erased at one hospital and at the other that received the record, as daemons.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErasureView } from '#contract'
import { AdminError } from '../support/admin.ts'
import { cohort } from '../support/records.ts'
import { startTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const erased = (error: unknown): boolean =>
  error instanceof AdminError && error.code === 'VAULT_ERASED'

const erasureOf = ({ admin }: TestSite, patient: string): Promise<ErasureView> =>
  admin.call('erasure', { patient }, null)

test('an erasure waits for a hospital that is down, and is signed once it is back', async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge } = sites
  const bundles = cohort(5, 2)
  const patients: string[] = []
  for (const bundle of bundles) patients.push(...(await bristol.import(bundle)).patients)
  const [patient, other] = patients
  const { transfer } = await bristol.admin.call('send', {}, { patient, to: 'cambridge' })
  const { state, reason } = await bristol.finished(transfer)
  assert.equal(state, 'delivered', reason)
  const [there] = await cambridge.admin.call('patients', {}, null)

  await bristol.admin.call('hold', { patient }, { cause: 'court' })
  const held = (error: unknown) => error instanceof AdminError && error.code === 'VAULT_HELD'
  await assert.rejects(bristol.admin.call('erase', { patient }, { cause: 'wish' }), held)
  await bristol.admin.call('hold', { patient }, { cause: null })

  await cambridge.daemon.kill()
  const begun = await bristol.admin.call('erase', { patient }, { cause: 'wish' })
  assert.deepEqual(
    [begun.state, begun.sites.map(({ site, state: is }) => [site, is])],
    ['pending', [['cambridge', 'waiting']]],
  )
  await bristol.daemon.kill()
  await sites.start()
  await until('the other hospital has signed', async () => {
    const { state: is, sites: of } = await erasureOf(bristol, patient)
    return is === 'complete' && of.every(({ verified, items }) => verified && items > 0)
  })
  await assert.rejects(bristol.admin.all('readRecord', { patient }, null), erased)
  await assert.rejects(cambridge.admin.all('readRecord', { patient: there.patient }, null), erased)
  await assert.rejects(bristol.import(bundles[1]), erased)
  assert((await bristol.admin.all('readRecord', { patient: other }, null)).length > 5)
  for (const site of [bristol, cambridge]) {
    const lines = await site.admin.all('verify', {}, null)
    assert.deepEqual(
      lines.filter(({ kind }) => kind === 'fault'),
      [],
      site.name,
    )
  }
  const kinds = async ({ admin }: TestSite) =>
    (await admin.call('entries', { limit: '1000' }, null)).map(({ kind }) => kind)
  assert((await kinds(bristol)).includes('erasure.attested'))
  assert((await kinds(cambridge)).includes('erasure.obeyed'))
})
