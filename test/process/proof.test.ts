/**
 * Who looked at whom at a real site, and proofs of it: asked for by the command line, then checked
 * with the site stopped, and found false once anything in them was changed.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AccessView } from '#contract'
import { makeFhirSite } from '../support/fhir-site.ts'
import { photonward } from '../support/processes.ts'
import { cohort, merged } from '../support/records.ts'
import { until } from '../support/until.ts'
import { failuresOf } from '../../tools/proof-second.ts'

interface Check {
  readonly verified: boolean
  readonly event?: { readonly resourceType: string; readonly entity?: readonly object[] }
}

test('an access is reported, proven, and its proof holds when the site is gone', async (t) => {
  const { site } = await makeFhirSite(t, { clients: { 'bristol.ward': 'read' } })
  await site.daemon.start()
  const { admin, folder } = site
  const { patients } = await site.import(merged(cohort(1, 1)))
  const [patient] = patients
  const run = async <T>(status: number, ...args: readonly string[]): Promise<T> => {
    const ended = await photonward(['--site', folder, '--json', 'audit', ...args])
    assert.equal(ended.status, status, ended.stderr)
    return JSON.parse(ended.stdout) as T
  }
  await admin.all('readRecord', { patient }, null)
  const report = await run<AccessView[]>(0, 'access-report', '--patient', patient)
  assert.deepEqual(
    report.map(({ act, actor, outcome }) => [act, actor, outcome]),
    [
      ['find', 'operator', 'done'],
      ['all', 'operator', 'done'],
      ['many', 'operator', 'done'],
    ],
  )
  assert.deepEqual(await run(0, 'disclosures', '--patient', patient), [])
  const index = String(report[1].index)
  const { keys } = await run<{ keys: string[] }>(0, 'keys')
  const proof = await until('the entry is under a checkpoint', async () => {
    const ended = await photonward(['--site', folder, 'audit', 'prove', index])
    return ended.status === 0 ? ended.stdout : undefined
  })
  const back = await photonward(['--site', folder, 'audit', 'prove', index, '--keep-patient-back'])
  await admin.call('stop', {}, null)
  await site.daemon.ended()

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, '..', name), text)
    return join(folder, '..', name)
  }
  const alone = ['--witnesses', '0', '--keys', file('keys.txt', keys.join('\n'))]
  const whole = await run<Check>(0, 'verify-proof', file('proof.json', proof), ...alone)
  assert.equal(whole.event?.resourceType, 'AuditEvent')
  assert.equal(whole.event.entity?.length, 1)
  const kept = await run<Check>(0, 'verify-proof', file('back.json', back.stdout), ...alone)
  assert.equal(kept.event?.entity, undefined)
  assert(!back.stdout.includes(patient))
  for (const text of [proof, back.stdout]) {
    assert.deepEqual(failuresOf(text, { trusted: keys, witnessesLeast: 0 }), [])
  }
  const lie = proof.replace('operator', 'somebody')
  assert.notEqual(lie, proof)
  assert.equal(
    (await run<Check>(5, 'verify-proof', file('lie.json', lie), ...alone)).verified,
    false,
  )
  await run<Check>(5, 'verify-proof', file('proof.json', proof), '--witnesses', '1')
  await run<Check>(5, 'verify-proof', file('none.json', '{}'))
})
