/**
 * The attack lab and a link in a real browser: what came of an attack, a link without decoys, old blocks.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeTwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'
import { expectAccessible, needsChromium, newBrowser, watchPage } from './browser.ts'
import { consoleAt } from './charts.ts'

test('a visitor of the lab sees what an attack comes to', { skip: needsChromium }, async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol, fibre } = sites
  bristol.configure((value) => (value['consoleFibres'] = [fibre.folder]))
  const origin = await consoleAt(bristol)
  await sites.start()
  await bristol.hasKeys(1)
  const page = await (await newBrowser(t)).newPage()
  page.setDefaultTimeout(60_000)
  const complaints = watchPage(page, origin)
  const { url } = await bristol.admin.call('consoleLink', {}, null)
  await page.goto(url)
  await page.getByRole('heading', { level: 1, name: 'Network' }).waitFor()

  await t.test('a link without decoys stays green while it is broken', async () => {
    await page.goto(`${origin}/lab?attack=photon-number-splitting`)
    const share = page.getByRole('slider', { name: 'Stealth: how far she keeps the count rate' })
    await share.first().press('Home')
    await page.getByText('photonward attack run photon-number-splitting').waitFor()
    await page.getByText(/--stealth 0$/).waitFor()
    await page.getByRole('button', { name: 'Compare' }).click()
    const without = page.getByRole('group', { name: 'Without decoys' })
    await without.getByText('● Green to itself, and broken').waitFor()
    await without.getByText(/^Eve knows 9\d\.\d\d % of .* No alarm\.$/).waitFor()
    const beside = page.getByRole('group', { name: 'With one decoy' })
    await beside.getByText('▲ Caught: no key is made of it').waitFor()
    await expectAccessible(page)
  })

  await t.test('a block of before is still there in full, with what its devices saw', async () => {
    await page.goto(`${origin}/links/bristol-cambridge`)
    await page.getByRole('link', { name: '1/0', exact: true }).click()
    await page.waitForURL(/block=/)
    await page.getByRole('heading', { name: /^Block 1\/0, with every/ }).waitFor()
    await page.getByText('How the devices are set', { exact: true }).click()
    await page.getByRole('row', { name: /^keyBasisReceiver/ }).waitFor()
    await page.getByText('What the device of this end observed last', { exact: true }).click()
    await page.getByText('What the simulation was made with').click()
    await page.getByRole('row', { name: /^receiver\.detector\.efficiency/ }).waitFor()
    await expectAccessible(page)
    await page.setViewportSize({ width: 390, height: 800 })
    // Charts are drawn anew a moment after.
    await until('the page is no wider than a phone', async () => {
      return Number(await page.evaluate('document.documentElement.scrollWidth')) <= 390
    })
    await page.setViewportSize({ width: 1280, height: 900 })
  })

  await t.test('blocks are refused, keys wait, and the log has it, all on one screen', async () => {
    await page.goto(`${origin}/lab`)
    await page.getByText('Nobody listens').waitFor()
    await page.getByRole('button', { name: 'Begin' }).click()
    await page.getByRole('button', { name: 'Change' }).waitFor()
    await page.getByText(/● [1-9]\d* of \d+ blocks refused, the last by qber-above-limit/).waitFor()
    await page.getByText(/● The keys of the link wait at both ends/).waitFor()
    await page.getByRole('link', { name: /^link\.qber-above-limit, / }).waitFor()
    await page.getByRole('row', { name: /^Length of the key .*bit.* 0 bit$/ }).waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'End' }).click()
    await page.getByText('Nobody listens').waitFor()
  })
  assert.deepEqual(complaints, [])
})
