/**
 * Proofs of the log in a real browser: computed on the screen of an entry, and by the page from the disk.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { expectAccessible, PAGES, watchPage } from './browser.ts'

export const FULL_OR_HALF = /^(✓ Proven: every hash|◐ Proven, but for signatures)/

/** From the list of entries to one of them; its proof goes to a file. */
export async function expectProvenEntry(page: Page, into: string): Promise<string> {
  await page.getByRole('link', { name: 'Audit log' }).click()
  await page.getByRole('combobox', { name: 'Kind' }).fill('transfer.delivered')
  await page.keyboard.press('Enter')
  await page.waitForURL(/kind=transfer.delivered/)
  const row = page.getByRole('row', { name: /transfer.delivered/ }).first()
  await row.getByRole('link').click()
  await page.getByText(FULL_OR_HALF).waitFor()
  await page.getByText('This browser sees this log for the first time').waitFor()
  await expectAccessible(page)
  const coming = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download the proof' }).click()
  const file = join(into, 'entry.proof.json')
  await (await coming).saveAs(file)
  // Seen before by now: the next look proves that this log goes on from there.
  await page.reload()
  await page.getByText(/continues the one of/).waitFor()
  return file
}

/** A head that this log never had is found out, and stays so. */
export async function expectRewriteFound(page: Page): Promise<void> {
  const entry = page.url()
  // Elsewhere, where nobody proves anything at the same time.
  await page.goto(new URL('/site', entry).href)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.evaluate(`for (const name of Object.keys(localStorage)) {
    if (!name.startsWith('photonward.log.')) continue
    const [size] = localStorage.getItem(name).split(' ')
    localStorage.setItem(name, size + ' ' + btoa('x'.repeat(32)))
  }`)
  for (let look = 0; look < 2; look++) {
    await page.goto(entry)
    await page
      .getByRole('alert')
      .filter({ hasText: /does not continue the one/ })
      .waitFor()
  }
}

/** The page from the disk, without a network: the proof holds, and any other octet is found. */
export async function expectProvenOffline(
  context: BrowserContext,
  file: string,
  kind: string,
): Promise<void> {
  const page = await context.newPage()
  await context.setOffline(true)
  const complaints = watchPage(page, 'file:')
  await page.goto(pathToFileURL(join(PAGES, 'verify.html')).href)
  const proof = page.getByLabel('Proof (a file of PhotonWard)')
  await proof.setInputFiles(file)
  await page.getByRole('status').filter({ hasText: FULL_OR_HALF }).waitFor()
  await page.getByText(`"kind": "${kind}"`).waitFor()
  await expectAccessible(page)

  const text = readFileSync(file, 'utf8')
  const altered = text.replace(/index (\d+)/, (_all, index: string) => `index ${Number(index) + 1}`)
  assert.notEqual(altered, text)
  const other = `${file}.altered.json`
  writeFileSync(other, altered)
  await proof.setInputFiles(other)
  await page.getByRole('status').filter({ hasText: '✗ Not proven' }).waitFor()
  await page.getByText(/does not lead to the signed root/).waitFor()

  await proof.setInputFiles(file)
  await page.getByLabel(/Verifier keys that you trust/).fill('nobody+00000000+AAAA')
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByText(/0 of \d+ keys in the file are among those you trust/).waitFor()
  assert.deepEqual(complaints, [])
  await context.setOffline(false)
  await page.close()
}
