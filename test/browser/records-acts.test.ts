/**
 * What is done with records in a real browser: glass is broken and ended, a record is sent and followed
 * to its receipt, masks are taken off, and a patient looks after the own record.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeTwoSites } from '../support/two-sites.ts'
import { expectAccessible, needsChromium, newBrowser, watchPage } from './browser.ts'
import { consoleAt, LONG_ID, longChart, strangerChart, wardOf, STRANGER_NHS } from './charts.ts'

test('records are acted upon by those who may', { skip: needsChromium }, async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol } = sites
  const origin = await consoleAt(bristol)
  await sites.start()
  const ward = await wardOf(bristol, origin, [...longChart.slice(0, 20), ...strangerChart])
  await ward.add({ login: 'dora', role: 'attending', reference: 'Practitioner/dora' })
  await ward.add({ login: 'bill', role: 'billing', reference: 'Practitioner/bill' })
  const own = `Patient/${LONG_ID}`
  await ward.add({ login: 'henry', role: 'patient', kind: 'patient', reference: own })
  const context = await newBrowser(t)
  const page = await context.newPage()
  const complaints = watchPage(page, origin)
  const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true })
  const title = (name: string) => page.getByRole('heading', { name, level: 1 })
  /** By a link as the demo makes them: it counts as a second factor. */
  const enter = async (login: string): Promise<void> => {
    const { url } = await bristol.admin.call('consoleLink', {}, { as: login })
    await page.goto(url)
    await page.getByText(`${login} of the ward`).waitFor()
  }
  const openLongfellow = async (): Promise<void> => {
    await page.getByRole('link', { name: 'Records' }).click()
    await page.getByLabel('Name').fill('Longfellow')
    await button('Search').click()
    await page.getByRole('link', { name: 'Henry Longfellow' }).click()
    await title('Henry Longfellow').waitFor()
  }

  await t.test('a second factor is asked for, and shown, before the glass breaks', async () => {
    const codes = await ward.authenticator('dora')
    await bristol.admin.call('proveFactor', { person: 'dora' }, { code: codes() })
    await ward.signIn(page, 'dora', codes())
    await title('Records').waitFor()
    await page.getByText('Emergency: break the glass').click()
    await page.getByLabel('NHS number of the patient').fill(STRANGER_NHS)
    await page.getByLabel('In your own words').fill('found unconscious in the corridor')
    await expectAccessible(page)
  })

  await t.test(
    'one record is open for an hour, which every screen says until it is ended',
    async () => {
      await button('Break the glass').click()
      await title('Ophelia Quill').waitFor()
      await page.getByText('Anaphylaxis').waitFor()
      await page.getByRole('region', { name: 'Broken glass' }).waitFor()
      await expectAccessible(page)
      await openLongfellow()
      await page
        .getByRole('timer')
        .getByText(/^(60:00|59:\d\d) left$/)
        .waitFor()
      // What was broken stays so over a reload.
      await page.reload()
      await button('End now').click()
      await page.getByRole('region', { name: 'Broken glass' }).waitFor({ state: 'detached' })
      await page.goto(`${origin}/records/7d5dd3b0-65f3-4f6e-8b4e-2f6d8ef0aa01`)
      await page.getByText('There is no such resource').waitFor()
      const kinds = (await bristol.admin.call('entries', { kind: 'break-glass' }, null)).map(
        ({ kind }) => kind,
      )
      assert.deepEqual(kinds, ['break-glass.opened', 'break-glass.closed'])
    },
  )

  await t.test('a record is sent, and followed to the signed receipt and its keys', async () => {
    await bristol.hasKeys(1)
    await enter('dora')
    await openLongfellow()
    await page.getByRole('tab', { name: 'Sent', exact: true }).click()
    await page.getByText('The record has not left this site').waitFor()
    await expectAccessible(page)
    await button('Send').click()
    const one = page.getByRole('group', { name: 'To cambridge' })
    await one.getByText('● delivered').waitFor({ timeout: 60_000 })
    await one.getByText('Protected by: hybrid-quantum, keys: simulated.').waitFor()
    await one.getByText(/^Delivered and signed for: entry \d+ of the log$/).waitFor()
    await expectAccessible(page)
    await page.getByRole('tab', { name: 'Timeline' }).click()
    await button(/Admission to the ward/).click()
    await page.getByRole('tab', { name: 'Protection' }).click()
    await page.getByRole('dialog').getByText('Keys that carried it:').waitFor()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
  })

  await t.test('who needs less is shown less, until it is asked for by name', async () => {
    await enter('bill')
    await openLongfellow()
    await page.getByText('masked', { exact: true }).waitFor()
    assert.equal(await page.getByText('999 000 0026').count(), 0)
    await button('Show what is masked').click()
    await page.getByText('Shown unmasked').waitFor()
    await page.getByText(/999 000 0026/).waitFor()
    await expectAccessible(page)
  })

  await t.test('a patient sees the own record, and says who else does', async () => {
    await enter('henry')
    await title('Henry Longfellow').waitFor()
    await page.getByRole('tab', { name: 'Consent' }).click()
    await page.getByText('You decide who sees your record').waitFor()
    await button('Record it').click()
    await page.getByText('I do not want it: research').waitFor()
    await expectAccessible(page)
    await button('Take back').click()
    await page.getByText('inactive').waitFor()
    await page.getByLabel('About').selectOption('elsewhere')
    await button('Record it').click()
    await page.getByText('I do not want it: giving it to others').waitFor()
    await page.getByRole('tab', { name: 'Sent', exact: true }).click()
    await page.getByText('● delivered').waitFor()
    await expectAccessible(page)
  })

  await t.test('what the patient does not want does not leave', async () => {
    await enter('dora')
    await openLongfellow()
    await page.getByRole('tab', { name: 'Sent', exact: true }).click()
    await button('Send').click()
    await page.getByRole('alert').getByText('This is not permitted').waitFor()
    assert.equal((await bristol.admin.call('transfers', {}, null)).length, 1)
  })
  await t.test('what was broken waits for somebody who looks at it', async () => {
    const { url } = await bristol.admin.call('consoleLink', {}, null)
    await page.goto(url)
    await page.getByRole('link', { name: 'Broken glass' }).click()
    const one = page.getByRole('group', { name: 'dora of the ward' })
    await one.getByText('Life is in danger: found unconscious in the corridor').waitFor()
    await button('What was read under it').click()
    await one.getByRole('row').nth(6).waitFor()
    await expectAccessible(page)
    await page.getByRole('link', { name: 'Records' }).click()
    await page.getByText('The operator reads no records').waitFor()
    await expectAccessible(page)
  })

  await t.test('whoever has no role yet is told so', async () => {
    const wish = { kind: 'person', login: 'newcomer', name: 'newcomer of the ward' } as const
    await bristol.admin.call('addPerson', {}, wish)
    await enter('newcomer')
    await page.getByText('You have no role here yet').waitFor()
    await expectAccessible(page)
  })
  assert.deepEqual(complaints, [])
})
