/**
 * Attacks on running daemons: asked for at the fibre, found by the sites, over when Eve has gone.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttackView, LinkView } from '#contract'
import { startTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

interface Case {
  readonly attack: AttackView['kind']
  /** Alarms that stand at the transmitting and at the receiving site, among others. */
  readonly bristol: readonly string[]
  readonly cambridge: readonly string[]
  /** Whether keys of the link wait, and are given out again only after sound blocks. */
  readonly suspect: boolean
}

const CASES: readonly Case[] = [
  {
    attack: 'blinding',
    bristol: ['link.peer-device'],
    cambridge: ['link.photocurrent'],
    suspect: true,
  },
  {
    attack: 'trojan-horse',
    bristol: ['link.incoming-light'],
    cambridge: ['link.peer-device'],
    suspect: true,
  },
  {
    attack: 'failing-source',
    bristol: ['link.source-health'],
    cambridge: ['link.detector-balance'],
    suspect: true,
  },
  {
    attack: 'time-shift',
    bristol: ['link.peer-device'],
    cambridge: ['link.arrival-times'],
    suspect: true,
  },
  {
    attack: 'fibre-cut',
    bristol: [],
    cambridge: ['link.rate-collapse'],
    suspect: false,
  },
]

test('sites find each attack, let no key of it through, and recover by themselves', async (t) => {
  const { bristol, cambridge, fibre } = await startTwoSites(t)
  for (const { attack, suspect, ...alarms } of CASES) {
    const attacked = await fibre.admin.call('attack', {}, { kind: attack, fraction: 1 })
    assert.equal(attacked.attack.kind, attack)
    for (const [site, kinds] of [
      [bristol, alarms.bristol],
      [cambridge, alarms.cambridge],
    ] as const) {
      for (const kind of kinds)
        await until(`${attack}: ${site.name} raises ${kind}`, stands(site, kind))
      if (!suspect) continue
      await until(`${attack}: ${site.name} gives no key out`, async () => {
        const [{ state }, [pool]] = [await linkOf(site), await site.admin.call('pools', {}, null)]
        return state === 'suspended' && !pool.serving
      })
    }
    await fibre.admin.call('attack', {}, { kind: 'none', fraction: 0 })
    for (const site of [bristol, cambridge]) {
      await until(`${attack}: ${site.name} recovers`, async () => {
        const { alarms: all } = await site.status()
        const standing = all.filter(({ kind, clearedAt }) => kind.startsWith('link.') && !clearedAt)
        return standing.length === 0 && (await linkOf(site)).state === 'running'
      })
      await site.hasKeys(1)
    }
  }
  const { eve } = await fibre.admin.call('fibre', {}, null)
  assert.ok(eve.siftedBits > 0)
  assert.equal(eve.knownBits, 0, 'nobody has listened since')
})

const linkOf = async (site: TestSite): Promise<LinkView> =>
  (await site.admin.call('links', {}, null))[0]

const stands = (site: TestSite, kind: string) => async (): Promise<boolean> => {
  const { alarms } = await site.status()
  return alarms.some((alarm) => alarm.kind === kind && alarm.clearedAt === null)
}
