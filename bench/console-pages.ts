/**
 * The first load of the console of a real daemon, and every screen of it under axe.
 *
 * @module
 */

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { freePorts } from '#cli'
import { hasAnswers, openChromium, PLACED, violationsOn } from '../test/browser/browser.ts'
import { median } from './bench.ts'
import { makeSites } from './daemons.ts'

export interface PageFigures extends Loaded {
  /** Screens that the menu leads to, and what axe finds on them, light and dark. */
  readonly screens: number
  readonly violations: number
  /** By the content security policy. */
  readonly refused: number
  readonly foreign: number
}

interface Loaded {
  /** Milliseconds from the first octet asked until links and the picture of the network stand. */
  readonly load: number
  /** Kilobytes as they come: what the page names itself, and what the screen then asks for. */
  readonly firstKb: number
  readonly lazyKb: number
}

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>

export async function measurePages(): Promise<PageFigures> {
  using sites = await makeSites()
  const [site] = sites.sites
  const [port] = await freePorts(1)
  sites.configure(site, { consoleListener: { host: '127.0.0.1', port }, network: PLACED })
  await sites.startSite(site)
  const browser = await openChromium()
  try {
    const { url } = await site.admin.call('consoleLink', {}, null)
    const { origin } = new URL(url)
    const storageState = await loggedIn(browser, url)
    const loads: Loaded[] = []
    for (let run = 1; run < LOADS; run++) {
      // Nothing is in the cache of this one.
      await using context = await browser.newContext({ storageState })
      loads.push(await loadOf(await context.newPage(), origin))
    }
    const context = await browser.newContext({ storageState, reducedMotion: 'reduce' })
    const page = await context.newPage()
    const watched = watch(page, origin)
    await page.addInitScript(TELL_REFUSALS)
    loads.push(await loadOf(page, origin))
    const load = median(loads.map((one) => one.load))
    const [{ firstKb, lazyKb }] = loads
    return { load, firstKb, lazyKb, ...(await allScreens(page)), ...watched }
  } finally {
    await browser.close()
    await sites.stop(site.name)
  }
}

/** The session that a one-time link begins, for contexts that have seen nothing yet. */
async function loggedIn(browser: Browser, url: string): Promise<StorageState> {
  await using context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(url)
  await page.getByRole('heading', { level: 1, name: 'Network' }).waitFor()
  return await context.storageState()
}

async function loadOf(page: Page, origin: string): Promise<Loaded> {
  const answer = await page.goto(origin, { waitUntil: 'commit' })
  const html = (await answer?.text()) ?? ''
  await page.getByRole('row', { name: /bristol-cambridge/ }).waitFor()
  await page.locator('svg path.land[d^="M"]').waitFor()
  const load = Number(await page.evaluate('performance.now()'))
  const named = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path)
  const sizes = await page.evaluate<readonly (readonly [string, number])[]>(SIZES)
  const sum = (isFirst: boolean): number =>
    sizes
      .filter(([path]) => (named.includes(path) || path === '/') === isFirst)
      .reduce((octets, [, size]) => octets + size, 0) / 1000
  return { load, firstKb: sum(true), lazyKb: sum(false) }
}

async function allScreens(page: Page): Promise<Pick<PageFigures, 'screens' | 'violations'>> {
  const menu = page.getByRole('navigation', { name: 'Menu' }).getByRole('link')
  const screens = await menu.count()
  let violations = 0
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (let at = 0; at < screens; at++) {
      await menu.nth(at).click()
      await page.getByRole('heading', { level: 1 }).waitFor()
      await hasAnswers(page)
      violations += (await violationsOn(page)).length
    }
  }
  return { screens, violations }
}

/** Counts for as long as the page is there. */
function watch(page: Page, origin: string): { refused: number; foreign: number } {
  const counts = { refused: 0, foreign: 0 }
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) counts.foreign++
  })
  page.on('console', (message) => {
    if (message.text() === REFUSED) counts.refused++
  })
  return counts
}

const LOADS = 5
const REFUSED = 'refused by the policy'
const TELL_REFUSALS = `addEventListener('securitypolicyviolation', () => console.error('${REFUSED}'))`
/** Paths and sizes on the wire of the page and of its parts. */
const SIZES = `['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type))
  .map(({ name, encodedBodySize }) => [new URL(name).pathname, encodedBodySize])
  .filter(([path]) => path === '/' || path.startsWith('/assets/'))`
