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
  const page = await browser.newPage({ viewport: { width: 1200, height: 760 } })
  await page.goto(url)
  await page
    .getByRole('row', { name: /running/ })
    .first()
    .waitFor()
  // So long, until the curves show something.
  await page.waitForTimeout(45_000)
  await take(page, 'network')
  await page
    .getByRole('row', { name: /running/ })
    .first()
    .getByRole('link')
    .first()
    .click()
  await page.getByRole('img', { name: /Quantum bit error rate/ }).waitFor()
  await take(page, 'link')
  // What the site that was sent to last would know, were it compromised.
  await page.goto(new URL('/transfers', url).href)
  await page.getByRole('row').nth(1).waitFor()
  const told = await page.getByRole('row').nth(1).getByRole('cell').nth(1).innerText()
  const peer = told.split(' ').at(-1) ?? ''
  await page.goto(new URL(`/exposure?nodes=${peer}`, url).href)
  await page.getByRole('columnheader', { name: 'Keys of sessions' }).waitFor()
  await take(page, 'exposure')
  await page.goto(new URL('/audit?kind=transfer', url).href)
  await page.getByRole('row').nth(1).getByRole('link').click()
  await page
    .getByText(/Proven/)
    .first()
    .waitFor()
  await take(page, 'proof')
  await page.getByRole('link', { name: 'Transfers' }).click()
  await page.getByRole('heading', { name: 'Transfers' }).waitFor()
  await take(page, 'transfers')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.getByRole('link', { name: 'Audit log' }).click()
  await page.getByRole('heading', { name: 'Audit log' }).waitFor()
  await take(page, 'audit-dark')
  await page.setViewportSize({ width: 390, height: 760 })
  await page.goto(new URL('/alarms?show=all', url).href)
  await page.getByRole('heading', { name: 'Alarms' }).waitFor()
  await take(page, 'alarms-phone')
} finally {
  await browser.close()
}

async function take(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(1500)
  await page.screenshot({ path: join(out, `${name}.png`) })
  console.log(join(out, `${name}.png`))
}
