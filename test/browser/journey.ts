/**
 * The journey of a visitor through daemons that run, in a real browser: a key grows, a record is sent, Eve
 * comes, the alarm stands, and the log proves it.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import type { Client } from '#cli'
import type { SiteRoutes } from '#contract'
import { until } from '../support/until.ts'
import { FULL_OR_HALF } from './proofs.ts'

export interface Journey {
  readonly page: Page
  readonly admin: Client<SiteRoutes>
  /** The link that is attacked. */
  readonly link: string
  /** Whoever sends a record, and to where. */
  readonly sender: string
  readonly to: string
}

/** @throws AssertionError, or whatever the browser waits for in vain */
export async function walk(journey: Journey): Promise<void> {
  await enter(journey)
  await seeKeyGrow(journey)
  await sendRecord(journey)
  await enter(journey)
  await attack(journey)
  await proveAlarm(journey)
}

/** By a one-time link: as the operator, or as a person of the demo. */
async function enter({ page, admin }: Journey, as?: string): Promise<void> {
  const { url } = await admin.call('consoleLink', {}, as === undefined ? null : { as })
  await page.goto(url)
  await page.waitForURL(({ pathname }) => pathname !== '/login')
}

async function seeKeyGrow({ page, link }: Journey): Promise<void> {
  const row = page.getByRole('row', { name: new RegExp(link) })
  await row.getByText('running').waitFor()
  const blocks = async (): Promise<number> =>
    Number((await row.getByRole('cell').last().innerText()).replaceAll(/\D/g, ''))
  const before = await blocks()
  await until('a block becomes keys', async () => (await blocks()) > before)
}

async function sendRecord(journey: Journey): Promise<void> {
  const { page, sender, to } = journey
  await enter(journey, sender)
  await page.getByRole('button', { name: 'All I may see' }).click()
  await page.getByRole('table').getByRole('link').first().click()
  await page.getByRole('tab', { name: 'Sent', exact: true }).click()
  await page.getByLabel('To').selectOption(to)
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  const sent = page.getByRole('group', { name: `To ${to}` }).first()
  await sent.getByText('● delivered').waitFor()
  await sent.getByText('Protected by: hybrid-quantum, keys: simulated.').waitFor()
}

async function attack({ page, link }: Journey): Promise<void> {
  await page.getByRole('link', { name: 'Attack lab' }).click()
  await page.getByLabel('Link').selectOption(link)
  await page.getByText('Nobody listens').waitFor()
  await page.getByRole('button', { name: 'Begin' }).click()
  await page.getByText(/● [1-9]\d* of \d+ blocks refused/).waitFor()
  await page.getByText('● The keys of the link wait at both ends').waitFor()
  await page.getByRole('link', { name: /^Alarms [1-9]/ }).waitFor()
}

async function proveAlarm({ page }: Journey): Promise<void> {
  await page.getByRole('link', { name: /^link\.qber-above-limit, / }).click()
  await page.getByRole('heading', { name: /^Entry / }).waitFor()
  // A checkpoint that another site has seen covers it within seconds.
  await until('the entry is proven', async () => {
    const again = page.getByRole('button', { name: 'Try again' })
    if (await again.isVisible()) await again.click()
    return await page.getByRole('status').filter({ hasText: FULL_OR_HALF }).isVisible()
  })
  assert.match(page.url(), /\/audit\/\d+/)
}
