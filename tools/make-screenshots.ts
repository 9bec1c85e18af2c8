/**
 * Takes the pictures of the console that README and docs show, of a site that runs:
 *
 *   ./photonward demo --keep --folder /tmp/two-hospitals
 *   tools/with-node node tools/make-screenshots.ts /tmp/two-hospitals/bristol
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { newClient } from '#cli'
import { siteRoutes } from '#contract'

const folder = process.argv[2]
if (process.argv.length < 3) throw new Error('Expected the folder of a site that runs')
const out = resolve(import.meta.dirname, '../docs/pictures/console')
mkdirSync(out, { recursive: true })
const admin = newClient(siteRoutes, join(resolve(folder), 'admin.sock'))
const { url } = await admin.call('consoleLink', {}, null)
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 940 } })
  const open = async (path: string, heading: string): Promise<void> => {
    await page.goto(new URL(path, url).href)
    await page.getByRole('heading', { level: 1, name: heading }).waitFor()
  }
  await page.goto(url)
  await page
    .getByRole('row', { name: /running/ })
    .first()
    .waitFor()
  // So long, until the curves show something.
  await page.waitForTimeout(60_000)
  await take(page, 'network')
  // Within the page, so that it keeps what it has seen.
  await page.getByRole('link', { name: 'Keys' }).click()
  await page
    .getByText(/voided \d/)
    .first()
    .waitFor()
  await take(page, 'keys')
  await page.getByRole('link', { name: 'Network' }).click()
  await page
    .getByRole('row', { name: /running/ })
    .first()
    .getByRole('link')
    .first()
    .click()
  await page.getByRole('img', { name: /Quantum bit error rate/ }).waitFor()
  await take(page, 'link')
  // What the site that was sent to last would know, were it compromised.
  await open('/transfers', 'Transfers')
  await page.getByRole('row').nth(1).waitFor()
  await take(page, 'transfers')
  const told = await page.getByRole('row').nth(1).getByRole('cell').nth(1).innerText()
  const peer = told.split(' ').at(-1) ?? ''
  await page.getByRole('row').nth(1).getByRole('link').first().click()
  await page.getByRole('heading', { name: 'How it came' }).waitFor()
  await take(page, 'key')
  await open(`/exposure?nodes=${peer}`, 'Exposure')
  await page.getByRole('columnheader', { name: 'Keys of sessions' }).waitFor()
  await take(page, 'exposure')
  await open('/lab', 'Attack lab')
  await page.getByRole('button', { name: 'Begin' }).click()
  await page.getByText(/qber-above-limit: /).waitFor({ timeout: 90_000 })
  await take(page, 'lab')
  await page.getByRole('button', { name: 'End' }).click()
  await open('/audit?kind=transfer', 'Audit log')
  await page.getByRole('row').nth(1).getByRole('link').click()
  await page
    .getByText(/Proven/)
    .first()
    .waitFor()
  await take(page, 'proof')
  await open('/site', 'Site')
  await page.getByRole('heading', { name: 'Certificates and lists' }).scrollIntoViewIfNeeded()
  await page.getByRole('heading', { name: 'Certificates and lists' }).waitFor()
  await take(page, 'site')
  await open('/people/grid?role=nurse', 'Who may')
  await page.getByRole('row').nth(3).waitFor()
  await take(page, 'grid')
  await page.emulateMedia({ colorScheme: 'dark' })
  await open('/audit', 'Audit log')
  await take(page, 'audit-dark')
  await page.setViewportSize({ width: 390, height: 760 })
  await open('/alarms?show=all', 'Alarms')
  await take(page, 'alarms-phone')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1200, height: 940 })
  await enter(page, 'ada')
  await page.getByRole('button', { name: 'All I may see' }).click()
  await page.getByRole('table').getByRole('link').first().click()
  await page.getByText(/\d+ of \d+ entries/).waitFor()
  await take(page, 'chart')
  await page.getByRole('tab', { name: 'Measured' }).click()
  await page.getByRole('img').first().waitFor()
  await take(page, 'chart-measured')
  await enter(page, 'own')
  await page.getByRole('tab', { name: 'Who looked' }).click()
  await page.getByRole('row').nth(1).waitFor()
  await take(page, 'who-looked')
} finally {
  await browser.close()
}

/** Enters as a person of the demo. */
async function enter(page: Page, as: string): Promise<void> {
  const link = await admin.call('consoleLink', {}, { as })
  await page.goto(link.url)
  await page.getByRole('heading', { level: 1 }).waitFor()
}

async function take(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(1500)
  await page.screenshot({ path: join(out, `${name}.png`) })
  console.log(join(out, `${name}.png`))
}
