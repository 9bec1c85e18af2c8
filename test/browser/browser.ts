/**
 * Debian's chromium, looking at the console of a real daemon.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import axe, { type AxeResults } from 'axe-core'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'
/** The bundled pages. */
export const PAGES = resolve(import.meta.dirname, '../../console/dist')

/** Why a test of a browser cannot run here, or false. */
export const noChromium: string | false = existsSync(CHROMIUM)
  ? false
  : 'Debian’s chromium is not installed'

/** Why a test of the console cannot run here, or false. */
export const needsChromium: string | false = noChromium
  ? noChromium
  : existsSync(join(PAGES, 'index.html'))
    ? false
    : 'the console has not been bundled: npm test does it'

/** A browser with nothing in it, which ends with the test; what it complains of fails the test. */
export async function newBrowser(
  t: TestContext,
  more: readonly string[] = [],
): Promise<BrowserContext> {
  const browser = await openChromium(more)
  t.after(() => browser.close())
  return browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' })
}

export const openChromium = (more: readonly string[] = []): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    // Under root there is no sandbox; pages are ours.
    args: ['--no-sandbox', '--disable-gpu', ...more],
  })

/** Complaints of a page: errors, refusals of the content security policy, foreign requests. */
export function watchPage(page: Page, origin: string): readonly string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('console', (message) => {
    // A refused login is told by the browser as well.
    const isOurs = /status of 40[13]/.test(message.text())
    if (message.type() === 'error' && !isOurs) complaints.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(origin) && !url.startsWith('data:')) complaints.push(`request to ${url}`)
  })
  return complaints
}

/** Fails on any violation that axe finds on the page as it stands. */
export async function expectAccessible(page: Page): Promise<void> {
  assert.deepEqual(await violationsOn(page), [], page.url())
}

/** What axe finds on the page as it stands. */
export async function violationsOn(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary ?? ''}`),
  )
}

/** Waits until everything that the screen has asked is answered, or refused. */
export async function hasAnswers(page: Page): Promise<void> {
  const asking = page.getByRole('status', { name: 'Asking the site …' })
  while ((await asking.count()) > 0) await asking.first().waitFor({ state: 'detached' })
}

/** What a network tells its sites: where they stand, so that a map is drawn. */
export const PLACED = {
  nodes: [
    { site: 'bristol', kind: 'hospital', place: { latitude: 51.45, longitude: -2.59 } },
    { site: 'cambridge', kind: 'hospital', place: { latitude: 52.21, longitude: 0.12 } },
  ],
  links: [{ link: 'bristol-cambridge', a: 'bristol', b: 'cambridge' }],
}
