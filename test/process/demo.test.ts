/**
 * The demo as a command: whatever it says was measured, so what it leaves out is what can be wrong. Kept, its
 * daemons are walked through in a browser.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newClient } from '#cli'
import { siteRoutes } from '#contract'
import { needsChromium, newBrowser, watchPage } from '../browser/browser.ts'
import { walk } from '../browser/journey.ts'
import { DaemonProcess } from '../support/processes.ts'
import { newFolder } from '../support/two-sites.ts'
import { Hopeless, until } from '../support/until.ts'

interface Seen {
  readonly relayed: number
  readonly exposed: number
  readonly transfers: number
  readonly faultsPlanted: number
  readonly faultsFound: number
}

test(
  'the demo has shown what it promises, and goes on until it is ended',
  { timeout: 900_000 },
  async (t) => {
    const folder = join(newFolder(t), 'demo')
    const demo = new DaemonProcess('demo', [
      ...['--json', 'demo', '--keep', '--patients', '8', '--folder', folder],
    ])
    demo.launch()
    t.after(() => demo.kill('SIGTERM'))
    const said = await until(
      'the demo has come to its end',
      () => {
        if (!demo.isRunning) throw new Hopeless(`The demo has ended: ${demo.output}`)
        return /^\{.*\}$/ms.exec(demo.output)?.[0]
      },
      600_000,
    )
    const seen = JSON.parse(said) as Seen
    await t.test('every act came to its point', () => {
      assert(seen.relayed >= 3, 'before Eve, round by London, and the correction')
      assert(seen.exposed >= 1 && seen.exposed < seen.relayed, 'some rest on less, not all')
      assert(seen.transfers > seen.relayed)
      assert.deepEqual([seen.faultsPlanted, seen.faultsFound], [3, 3])
    })

    await t.test(
      'a visitor sees a key grow, sends a record, is Eve, and proves the alarm',
      { skip: needsChromium },
      async (inner) => {
        const admin = newClient(siteRoutes, join(folder, 'bristol', 'admin.sock'))
        await until('the physician of the demo is there', async () => {
          const people = await admin.call('people', {}, null)
          return people.some(({ login, roles }) => login === 'own' && roles.length > 0)
        })
        const page = await (await newBrowser(inner)).newPage()
        const { url } = await admin.call('consoleLink', {}, null)
        const complaints = watchPage(page, new URL(url).origin)
        const link = 'bristol-cambridge'
        await walk({ page, admin, link, sender: 'ada', to: 'cambridge' })
        assert.deepEqual(complaints, [])
      },
    )

    await demo.kill('SIGINT')
    assert.equal((await demo.ended()).status, 130, 'interrupted, as it says')
    assert(!existsSync(join(folder, 'bristol', 'admin.sock')), 'every daemon has ended')
  },
)
