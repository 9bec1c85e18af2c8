/**
 * `link explain` on two running hospitals: both ends tell the same of their last block.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExplanationView } from '#contract'
import { KeyLedger } from '../support/key-ledger.ts'
import { photonward } from '../support/processes.ts'
import { makeTwoSites, startTwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

test('both ends explain the last block alike, and an unknown link is refused', async (t) => {
  const { bristol, cambridge } = await startTwoSites(t)
  const [{ link }] = (await bristol.admin.call('links', {}, null)) as { link: string }[]
  const explained = async (folder: string): Promise<ExplanationView> => {
    const { status, stdout, stderr } = await photonward([
      ...['--site', folder, '--json', 'link', 'explain', link],
    ])
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout) as ExplanationView
  }
  // Blocks go on ending while both are asked: ask until both speak of one.
  const [one, other] = await until('both ends are at one block', async () => {
    const both = await Promise.all([explained(bristol.folder), explained(cambridge.folder)])
    return both[0].subject === both[1].subject && both
  })
  assert.match(one.subject, new RegExp(`^link ${link}, block \\d+/\\d+$`))
  assert.deepEqual([one.secretBits, one.verdict], [other.secretBits, other.verdict])
  const titled = ({ sections }: ExplanationView, title: string) =>
    sections.find((section) => section.title === title)
  assert.deepEqual(titled(one, 'Key length'), titled(other, 'Key length'))
  assert(titled(one, 'Key length') !== undefined)
  const shares = titled(one, 'Where the sifted bits went')?.terms.map(({ value }) => value) ?? []
  const [whole, ...parts] = shares
  assert.equal(
    parts.reduce((sum, value) => sum + value, 0),
    whole,
  )
  const page = await photonward(['--site', bristol.folder, 'link', 'explain', link])
  assert.match(page.stdout, /ℓ = [\d,]+ bit/)
  const unknown = await photonward(['--site', bristol.folder, 'link', 'explain', 'nowhere'])
  assert.equal(unknown.status, 3)
  assert.match(unknown.stderr, /LINK_UNKNOWN/)
  const neither = await photonward(['--site', bristol.folder, 'link', 'explain'])
  assert.equal(neither.status, 2)
})

test('two daemons correct one way where their link says so, and serve equal keys', async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol, cambridge } = sites
  for (const site of [bristol, cambridge]) {
    site.configure((value) => {
      const [link] = value['links'] as Record<string, unknown>[]
      link['reconciliation'] = 'ldpc'
    })
  }
  await sites.start()
  await Promise.all([bristol.hasKeys(1), cambridge.hasKeys(1)])
  const [link] = await bristol.admin.call('links', {}, null)
  assert(link.efficiency !== null && link.efficiency > 1.1, `f ${link.efficiency} is no Cascade's`)
  const keys = new KeyLedger()
  const ids = keys.made(await bristol.ward.ask('POST', 'cambridge.ward/enc_keys', { number: 8 }))
  const key_IDs = ids.map((key_ID) => ({ key_ID }))
  keys.fetched(await cambridge.ward.ask('POST', 'bristol.ward/dec_keys', { key_IDs }))
  assert.equal(keys.fetchedCount, 8)
  assert.deepEqual(keys.problems, [])
})
