/**
 * Records in a real browser, against a real daemon: found, read, filtered; hostile ones are inert.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { expectAccessible, needsChromium, newBrowser, watchPage } from './browser.ts'
import {
  HOSTILE_ID,
  HOSTILE_NHS,
  hostileChart,
  LONG_ID,
  longChart,
  openWard,
  strangerChart,
} from './charts.ts'

test('a clinician finds and reads records', { skip: needsChromium }, async (t) => {
  const ward = await openWard(t, [...hostileChart, ...longChart, ...strangerChart])
  await ward.add({ login: 'dora', role: 'attending', reference: 'Practitioner/dora' })
  const context = await newBrowser(t)
  const page = await context.newPage()
  const complaints = watchPage(page, ward.origin)
  const asked = watchAddresses(page)
  const heading = (name: string) => page.getByRole('heading', { name, level: 1 })

  await t.test('she sees the screens that are hers, and begins with records', async () => {
    await ward.signIn(page, 'dora')
    await heading('Records').waitFor()
    const screens = page.getByRole('navigation', { name: 'Menu' }).getByRole('link')
    assert.deepEqual(await screens.allInnerTexts(), ['Records'])
    await expectAccessible(page)
  })

  await t.test('whom she may not see looks absent', async () => {
    await page.getByLabel('Name').fill('Quill')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('Nobody is found').waitFor()
    await page.getByLabel('Name').fill('Nobody of that name')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('the two look the same').waitFor()
    await expectAccessible(page)
  })

  await t.test(
    'a record of a thousand entries opens, is filtered, and walked by keys',
    async () => {
      await page.getByLabel('Name').fill('Longfellow')
      await page.getByRole('button', { name: 'Search' }).click()
      await page.getByRole('link', { name: 'Henry Longfellow' }).click()
      await heading('Henry Longfellow').waitFor()
      await page.getByText('1000 of 1000 entries').waitFor()
      assert.equal(new URL(page.url()).pathname, `/records/${LONG_ID}`)
      await page.getByText('Allergies', { exact: true }).first().click()
      await page.getByText('1 of 1000 entries').waitFor()
      await page.waitForURL(/kinds=allergy/)
      await page.reload()
      await page.getByText('1 of 1000 entries').waitFor()
      await page.getByRole('button', { name: /Allergy to penicillin/ }).focus()
      await page.keyboard.press('Enter')
      await page.getByRole('tab', { name: 'As FHIR' }).click()
      await page.getByText('"AllergyIntolerance"').waitFor()
      await page.getByRole('tab', { name: 'Versions' }).click()
      await page.getByText(/Version 1,/).waitFor()
      await expectAccessible(page)
      await page.keyboard.press('Escape')
      await page.getByRole('tab', { name: 'Measured' }).click()
      await page.getByRole('img', { name: /Heart rate: Heart rate \d+ .min/ }).waitFor()
      await expectAccessible(page)
    },
  )

  await t.test('what a record holds is text, whatever it looks like', async () => {
    await page.getByRole('link', { name: 'Records' }).click()
    await page.getByLabel('NHS number', { exact: true }).fill(HOSTILE_NHS)
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByRole('link', { name: /^Mallory <img src=x/ }).click()
    await page.getByRole('heading', { name: /^Mallory <img src=x/, level: 1 }).waitFor()
    await page.getByRole('button', { name: /PID\|1/ }).click()
    await page.getByText('HARMLESS WORDS').waitFor()
    assert.equal(await page.getByRole('link', { name: 'a link' }).count(), 0)
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: /Letter/ }).click()
    await page.getByText('<script>window.touched=').first().waitFor()
    await page.getByText('image/svg+xml, 32 B: not shown here').waitFor()
    await page.keyboard.press('Escape')
    assert.equal(await page.evaluate('window.touched'), undefined)
  })

  await t.test('no address and no storage holds anything of a patient', async () => {
    assert.match(new URL(page.url()).pathname, /^\/records\/t-[0-9a-f-]{36}$/)
    // A name that only the page knew is gone with it.
    await page.reload()
    await page.getByText('This page does not know that record any more').waitFor()
    await expectAccessible(page)
    const held = String(
      await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])'),
    )
    for (const text of [HOSTILE_ID, HOSTILE_NHS, 'Longfellow', 'Mallory', LONG_ID]) {
      assert(!held.includes(text), text)
      const address = asked.find((url) => url.includes(text) && text !== LONG_ID)
      assert.equal(address, undefined)
    }
  })
  assert.deepEqual(complaints, [])
})

/** Every address that a page asks for or shows. */
function watchAddresses(page: Page): readonly string[] {
  const seen: string[] = []
  page.on('request', (request) => seen.push(request.url()))
  page.on('framenavigated', (frame) => seen.push(frame.url()))
  return seen
}
