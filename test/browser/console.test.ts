/**
 * The console in a real browser, against real daemons: a key grows, a record is sent, Eve comes.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { cohort, merged } from '../support/records.ts'
import { makeTwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'
import {
  expectProvenEntry,
  expectProvenOffline,
  expectRewriteFound,
  FULL_OR_HALF,
} from './proofs.ts'
import { freePorts } from '#cli'
import { expectAccessible, needsChromium, newBrowser, PLACED, watchPage } from './browser.ts'

const SCREENS = [
  'Network',
  'Keys',
  'Transfers',
  'Exposure',
  'Records',
  'Broken glass',
  'Alarms',
  'Audit log',
  'Attack lab',
  'People',
  'Site',
] as const

test(
  'an operator watches a key grow, a record go, and an eavesdropper come',
  {
    skip: needsChromium,
  },
  async (t) => {
    const sites = await makeTwoSites(t)
    const { bristol, cambridge, fibre } = sites
    const [port] = await freePorts(1)
    bristol.configure((value) =>
      Object.assign(value, {
        consoleListener: { host: '127.0.0.1', port },
        consoleFibres: [fibre.folder],
        network: PLACED,
      }),
    )
    await sites.start()
    await bristol.hasKeys(1)
    const origin = `http://127.0.0.1:${port}`
    const context = await newBrowser(t)
    const page = await context.newPage()
    const complaints = watchPage(page, origin)
    const { url } = await bristol.admin.call('consoleLink', {}, null)

    await t.test('a one-time link leads in, and is gone from the address', async () => {
      await page.goto(origin)
      await page.getByText('Log in').waitFor()
      await expectAccessible(page)
      await page.goto(url)
      await page.getByRole('heading', { name: 'Network' }).waitFor()
      assert.equal(page.url(), `${origin}/`)
      const again = await context.newPage()
      await again.goto(url)
      await again.getByText('LOGIN_REFUSED').waitFor()
      await again.close()
    })

    await t.test('its link grows keys before his eyes', async () => {
      const row = page.getByRole('row', { name: /bristol-cambridge/ })
      await row.getByText('running').waitFor()
      const before = await numberIn(page)
      await until('more keys are shown', async () => (await numberIn(page)) > before)
      await row.getByRole('link', { name: 'bristol-cambridge' }).click()
      await page.getByRole('img', { name: /Quantum bit error rate: QBER \d/ }).waitFor()
      await page.getByText('Key length', { exact: true }).click()
      await page
        .getByText(/distilled/)
        .first()
        .waitFor()
      await expectAccessible(page)
    })

    await t.test('it lies on a map, and a neighbour’s keys come over one hop', async () => {
      await page.getByRole('link', { name: 'Network' }).click()
      await page.getByRole('img', { name: /bristol-cambridge \d.\d\d %/ }).waitFor()
      // The land is loaded when a map is.
      await page.locator('svg path.land[d^="M"]').waitFor()
      await expectAccessible(page)
      await page.getByText('Schematic').click()
      await page.waitForURL(/view=schematic/)
      await page.locator('svg path.land').waitFor({ state: 'detached' })
      await page.getByRole('link', { name: 'cambridge', exact: true }).click()
      await page.getByRole('heading', { name: 'Keys shared with cambridge' }).waitFor()
      await page.getByText('Nobody between the two ends has it in clear.').waitFor()
      await expectAccessible(page)
    })

    await t.test('a transfer names its key, and the key what it protected', async () => {
      const [patient] = (await bristol.import(merged(cohort(5, 1)))).patients
      const { transfer } = await bristol.admin.call(
        'send',
        {},
        { patient, to: 'cambridge', mode: 'require-quantum' },
      )
      assert.equal((await bristol.finished(transfer)).state, 'delivered')
      await page.getByRole('link', { name: 'Transfers' }).click()
      const row = page.getByRole('row', { name: /hybrid-quantum, simulated/ })
      await row.getByRole('link').first().click()
      await page.getByRole('heading', { name: 'How it came' }).waitFor()
      await page.getByRole('row', { name: /hybrid-quantum, simulated/ }).waitFor()
      await page.getByRole('rowheader', { name: 'In clear at' }).first().waitFor()
      await expectAccessible(page)
    })

    await t.test('a link and a site lead to what their keys have touched', async () => {
      await page.getByRole('link', { name: 'Exposure' }).click()
      await page.getByLabel('What went under keys of this link?').selectOption('bristol-cambridge')
      await page.getByRole('row', { name: /hybrid-quantum, simulated/ }).waitFor()
      await page.goto(`${origin}/exposure?nodes=cambridge&wrap=broken`)
      await page.getByText('photonward network compromise cambridge --breaks-wrap').waitFor()
      // The other end of a session has had its key: what went there is open to it.
      await page.getByText('▲ open').first().waitFor()
      await expectAccessible(page)
      assert.deepEqual((await bristol.admin.call('network', {}, null)).declared, [], 'only a trial')
    })

    await t.test('what a person is called is text, whatever it looks like', async () => {
      const { person } = await bristol.admin.call('addPerson', {}, HOSTILE)
      await page.getByRole('link', { name: 'People' }).click()
      await page.getByText(HOSTILE.name).waitFor()
      await page.getByRole('link', { name: HOSTILE.login }).click()
      await page.getByRole('heading', { name: HOSTILE.login }).waitFor()
      await page.getByText(HOSTILE.department).waitFor()
      await page.getByRole('combobox', { name: 'Roles' }).fill('nurse')
      await page.keyboard.press('Enter')
      await page.keyboard.press('Escape')
      await page.getByRole('listbox').waitFor({ state: 'hidden' })
      await page.getByRole('group', { name: 'The change' }).getByText('+ nurse').waitFor()
      await expectAccessible(page)
      assert.equal(await page.evaluate('window.touched'), undefined)
      assert.equal(new URL(page.url()).pathname, `/people/${person}`)
    })

    await t.test('the log is proven in the browser, and by a page from the disk', async () => {
      const proof = await expectProvenEntry(page, sites.folder)
      await expectProvenOffline(context, proof, 'transfer.delivered')
      await expectRewriteFound(page)
    })

    await t.test(
      'every screen can be reached by keys and read by everybody, light and dark',
      async () => {
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          for (const name of SCREENS) {
            await page.keyboard.press('Control+k')
            await page.getByPlaceholder('Screens, links, peers').fill(name)
            await page.keyboard.press('Enter')
            await page.getByRole('heading', { name, level: 1 }).waitFor()
            await page.getByRole('dialog').waitFor({ state: 'hidden' })
            await expectAccessible(page)
          }
        }
      },
    )

    await t.test(
      'he is the eavesdropper himself, and a telephone shows the alarm as well',
      async () => {
        await page.goto(`${origin}/lab`)
        await page.getByText('Nobody listens').waitFor()
        await page.getByRole('button', { name: 'Begin' }).click()
        await page.getByText('Under intercept-resend').waitFor()
        await page.getByText(/qber-above-limit: /).waitFor({ timeout: 60_000 })
        await page.getByText(/Eve knows .*: [1-9]/).waitFor()
        await page.getByRole('button', { name: 'End' }).click()
        await page.getByText('Nobody listens').waitFor()
        assert.equal((await fibre.admin.call('fibre', {}, null)).attack.kind, 'none')
        await page.getByRole('button', { name: 'Begin' }).click()
        await page.setViewportSize({ width: 390, height: 800 })
        await page.goto(`${origin}/alarms`)
        await page.getByText(/qber-above-limit/).waitFor({ timeout: 60_000 })
        await expectAccessible(page)
        const wide = await page.evaluate('document.documentElement.scrollWidth')
        assert(Number(wide) <= 390, `${String(wide)} px`)
        await page.setViewportSize({ width: 1280, height: 900 })
        await page.goto(origin)
        await page
          .getByRole('row', { name: /bristol-cambridge/ })
          .getByText('suspended')
          .waitFor()
      },
    )

    await t.test('the alarm stands in the log, proven here: the end of the journey', async () => {
      await page.goto(`${origin}/audit?kind=alarm.raised`)
      await page
        .getByRole('row', { name: /qber-above-limit/ })
        .first()
        .getByRole('link')
        .click()
      await page.getByRole('row', { name: /alarm .*qber-above-limit/ }).waitFor()
      // A checkpoint that another site has seen covers it within seconds.
      await until('the entry is proven', async () => {
        const again = page.getByRole('button', { name: 'Try again' })
        if (await again.isVisible()) await again.click()
        return await page.getByRole('status').filter({ hasText: FULL_OR_HALF }).isVisible()
      })
    })

    await t.test('what is old is said to be old, and comes back by itself', async () => {
      await bristol.daemon.kill()
      await page.getByText(/No news for/).waitFor({ timeout: 30_000 })
      await expectAccessible(page)
      await bristol.daemon.start()
      // The session has gone with the daemon: the page says so instead of showing old figures.
      await page.getByRole('heading', { name: 'Log in' }).waitFor({ timeout: 60_000 })
    })

    // While its daemon was down.
    const own = complaints.filter((one) => !/net::ERR_/.test(one))
    assert.deepEqual(own, [])
    assert.equal((await cambridge.status()).site, 'cambridge')
  },
)

/** Somebody whose name and department would run, if they were markup. */
const HOSTILE = {
  kind: 'person',
  login: 'mallory',
  name: '<img src=x onerror="window.touched=1"><script>window.touched=1</script>',
  department: 'javascript:window.touched=1 "><svg onload=window.touched=1>',
} as const

/** Keys ready, in the row of the link. */
async function numberIn(page: Page): Promise<number> {
  const cells = page.getByRole('row', { name: /bristol-cambridge/ }).getByRole('cell')
  const text = await cells.nth(6).innerText()
  return Number(text.replaceAll(/\D/g, ''))
}
