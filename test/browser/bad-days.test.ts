/**
 * Bad days at the console, each against real daemons: what somebody sees then, and how it ends.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { freePorts } from '#cli'
import { changeRootKeyForm } from '#gateway'
import { makeTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'
import {
  expectAccessible,
  hasAnswers,
  needsChromium,
  newBrowser,
  PLACED,
  watchPage,
} from './browser.ts'

const PASSWORD = 'correct horse battery'
/** Would run, if it were markup; all of it fits where a title or a message goes. */
const HOSTILE = '<img src=x onerror=window.touched=1><svg onload=window.touched=1>"\'`{{7*7}}'

test('bad days at the console', { skip: needsChromium }, async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol, cambridge } = sites
  const [port] = await freePorts(1)
  const [ours, theirs] = PLACED.nodes
  bristol.configure((value) =>
    Object.assign(value, {
      consoleListener: { host: '127.0.0.1', port },
      network: { ...PLACED, nodes: [ours, { ...theirs, title: HOSTILE }] },
    }),
  )
  await sites.start()
  await addPerson(bristol, 'ada', 'user-administrator')
  await addPerson(bristol, 'opal', 'qkd-operator')
  const origin = `http://127.0.0.1:${port}`
  const context = await newBrowser(t)
  const page = await context.newPage()
  const complaints = watchPage(page, origin)

  await t.test('over a slow link a screen says that it asks, and then has its answer', async () => {
    const wire = await context.newCDPSession(page)
    await wire.send('Network.enable')
    const slow = { offline: false, latency: 400, downloadThroughput: 4e5, uploadThroughput: 4e5 }
    await wire.send('Network.emulateNetworkConditions', slow)
    const { url } = await bristol.admin.call('consoleLink', {}, null)
    const asking = page.getByRole('status', { name: 'Asking the site …' }).first()
    await Promise.all([asking.waitFor(), page.goto(url)])
    await page.getByRole('row', { name: /bristol-cambridge/ }).waitFor()
    assert.equal(await page.getByText(/No news for/).count(), 0, 'slow is not stale')
    const quick = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 }
    await wire.send('Network.emulateNetworkConditions', quick)
    await wire.detach()
  })

  const inTable = (name: string) => page.getByRole('row').getByRole('link', { name })

  await t.test('a site that is called like a script is only called so', async () => {
    await page.getByText(HOSTILE.slice(0, 20)).first().waitFor()
    await expectUntouched(page)
  })

  await t.test(
    'while a daemon hangs its figures are marked as old; after, all goes on',
    async () => {
      await page.evaluate('window.sameVisit = true')
      process.kill(bristol.daemon.pid ?? 0, 'SIGSTOP')
      await page.getByText(/No news for \d+ s/).waitFor({ timeout: 30_000 })
      await expectAccessible(page)
      process.kill(bristol.daemon.pid ?? 0, 'SIGCONT')
      await page.getByText(/No news for/).waitFor({ state: 'detached' })
      assert.equal(
        await page.evaluate('window.sameVisit'),
        true,
        'nobody had to load the page anew',
      )
    },
  )

  await t.test('a site that is down is named, with what that means, until it is back', async () => {
    await cambridge.daemon.kill()
    await page.getByText('Not reached: cambridge').waitFor()
    await page.getByText(/what is sent there waits until it answers/).waitFor()
    await expectAccessible(page)
    await page.getByRole('link', { name: 'Site', exact: true }).click()
    await page.getByRole('row', { name: /cambridge ▲ away/ }).waitFor()
    await cambridge.daemon.start()
    await page.getByRole('row', { name: /cambridge ● connected/ }).waitFor()
    await page.getByRole('link', { name: 'Network' }).click()
    await page.getByText('Not reached: cambridge').waitFor({ state: 'detached' })
  })

  await t.test('whoever is out signs in again, and is where that person was', async () => {
    await page.getByRole('button', { name: 'Log out' }).click()
    await signIn(page, 'ada')
    await page.goto(`${origin}/people?range=24h`)
    await inTable('ada').waitFor()
    // Rights or password changed: sessions end.
    const { person } = await bristol.admin.call('person', { person: 'ada' }, null)
    await bristol.admin.call('setPassword', { person: person.person }, { password: PASSWORD })
    await page.getByText(/The session has ended/).waitFor()
    await expectAccessible(page)
    await signIn(page, 'ada')
    await page.waitForURL(`${origin}/people?range=24h`)
    await inTable('ada').waitFor()
  })

  await t.test('a refusal in the middle of an act says what to do, and loses nothing', async () => {
    await inTable('ada').click()
    const roles = page.getByRole('combobox', { name: 'Roles' })
    await roles.fill('nurse')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Make this change' }).click()
    const alert = page.getByRole('alert').filter({ hasText: 'ACCESS_CHANGE_FORBIDDEN' })
    await alert.getByText('Somebody else has to ask for it').waitFor()
    await page.getByRole('group', { name: 'The change' }).getByText('+ nurse').waitFor()
    await expectAccessible(page)
    // The menu does not offer it to her; an address that somebody kept does.
    await page.goto(`${origin}/keys`)
    await page.getByRole('alert').first().getByText('None of your roles reaches this').waitFor()
    await page
      .getByText(/can give a role that reaches it/)
      .first()
      .waitFor()
    await expectAccessible(page)
  })

  await t.test('thousands of alarms are a few lines, and each can be looked at', async () => {
    await page.getByRole('button', { name: 'Log out' }).click()
    await signIn(page, 'opal')
    await page.goto(`${origin}/alarms?show=all`)
    await page.getByRole('heading', { name: 'Alarms' }).waitFor()
    await bristol.daemon.kill()
    raiseMany(bristol)
    await bristol.daemon.start()
    // The daemon has begun anew, and nobody is logged in with it.
    await page.getByText(/The session has ended/).waitFor()
    await signIn(page, 'opal')
    await page.waitForURL(`${origin}/alarms?show=all`)
    const group = page.getByText(/^(1\u202f000|9\d\d) times since .*, 0 standing$/)
    await group.first().waitFor()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Older ones' }).click()
    await page
      .getByText(/^(2\u202f000|1\u202f9\d\d) times since/)
      .first()
      .waitFor()
    await page
      .getByText(/^(2\u202f000|1\u202f9\d\d) times since/)
      .first()
      .click()
    await page
      .getByRole('row', { name: /bristol-cambridge/ })
      .nth(99)
      .waitFor()
    await page.goto(`${origin}/alarms?show=all&list=each`)
    await page.getByRole('row').nth(50).waitFor()
    assert((await page.getByRole('row').count()) < 400, 'as far as somebody looks')
    await page.getByRole('button', { name: /Show more/ }).scrollIntoViewIfNeeded()
    await page.getByRole('row').nth(150).waitFor()
    await expectUntouched(page)
  })

  await t.test(
    'a sealed site says so, counts its shares, and opens with enough of them',
    async () => {
      const lines = await cutIntoShares(bristol)
      await bristol.admin.call('seal', {}, null)
      // Sessions end with every turn of the daemon.
      await page.getByText(/The session has ended/).waitFor()
      await page.goto(await linkFrom(bristol, 'sealed'))
      await page.getByRole('heading', { name: 'Sealed' }).waitFor()
      await page.getByText('0 of 2 shares given').waitFor()
      await expectAccessible(page)
      await give(
        page,
        lines[0].replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')),
      )
      await page.getByRole('alert').waitFor()
      await page.getByText('0 of 2 shares given').waitFor()
      await give(page, lines[0])
      await page.getByText('1 of 2 shares given').waitFor()
      await give(page, lines[2])
      await page.getByText(/The session has ended/).waitFor()
      await page.goto(await linkFrom(bristol, 'open'))
      await page.goto(`${origin}/site`)
      await page.getByText('● In 3 shares, any 2 of which open it').waitFor()
      await expectAccessible(page)
    },
  )

  // Refusals, of a wrong share and of a sealed site, are told by the browser as well.
  const own = complaints.filter((one) => !/net::ERR_|status of (400|503)/.test(one))
  assert.deepEqual(own, [])
})

async function addPerson({ admin }: TestSite, login: string, role: string): Promise<void> {
  const { person } = await admin.call('addPerson', {}, { kind: 'person', login, name: login })
  await admin.call('setPassword', { person }, { password: PASSWORD })
  const change = { add: [role], remove: [], clear: [], unclear: [] }
  await admin.call('changeRoles', { person }, change)
}

async function signIn(page: Page, login: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Login name' }).fill(login)
  await page.locator('input[name=password]').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Log out' }).waitFor()
  await hasAnswers(page)
}

/** A root key in three shares, of which two open it. */
async function cutIntoShares({ folder }: TestSite): Promise<readonly string[]> {
  const handed: string[] = []
  const next = {
    form: 'shares' as const,
    counts: { shares: 3, threshold: 2 },
    handOut: ({ lines }: { readonly lines: readonly string[] }) => {
      handed.push(...lines)
      return Promise.resolve()
    },
  }
  await changeRootKeyForm(folder, { present: undefined, next })
  return handed
}

/** A one-time link, once the daemon has come to its next turn. */
async function linkFrom({ admin }: TestSite, state: 'sealed' | 'open'): Promise<string> {
  await until(`the site is ${state}`, async () => {
    return (await admin.call('sealState', {}, null)).state === state
  })
  return (await until('a link', () => admin.call('consoleLink', {}, null))).url
}

async function give(page: Page, share: string): Promise<void> {
  await page.getByLabel('One share, as it was handed out').fill(share)
  await page.getByRole('button', { name: 'Give' }).click()
}

/** Nothing that was only to be shown has run. */
async function expectUntouched(page: Page): Promise<void> {
  assert.equal(await page.evaluate('window.touched'), undefined)
  assert.equal(await page.locator('img[src="x"]').count(), 0)
}

/** Alarms of a year in which one link was attacked again and again; the text of each is hostile. */
function raiseMany({ folder, name }: TestSite): void {
  using database = new DatabaseSync(join(folder, 'state.db'))
  const insert = database.prepare(`INSERT INTO alarm (site_id, alarm_id, raised_at, kind, severity,
    subject, message, cleared_at) VALUES (?, ?, ?, 'qber-above-limit', 'critical',
    'bristol-cambridge', ?, ?)`)
  database.exec('BEGIN')
  for (let at = 0; at < 5000; at++) {
    const time = Date.now() - 60_000 * (at + 1)
    const id = `${time
      .toString(16)
      .padStart(12, '0')
      .replace(/^(.{8})/, '$1-')}-7000-8000-000000000000`
    insert.run(name, id, time, HOSTILE, time + 30_000)
  }
  database.exec('COMMIT')
}
