/**
 * What stands at a site: to be the same before and after something was refused.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { EntryView } from '#contract'
import { filesIn } from './readable.ts'
import type { TestSite } from './two-sites.ts'

/** Everything that a refusal must leave as it was. Keys grow and are not in it. */
export interface Standing {
  readonly patients: number
  readonly items: number
  /** Incoming and outgoing, newest first. */
  readonly transfers: readonly string[]
  /** Entries of the log about records, transfers and keys of applications. */
  readonly entries: readonly string[]
  /** Sealed files. */
  readonly files: readonly string[]
}

export async function standingOf(site: TestSite): Promise<Standing> {
  const { patients, items } = await site.status()
  const transfers = await site.admin.call('transfers', { limit: '1000' }, null)
  const entries = (await entriesOf(site)).filter(({ kind }) => OURS.test(kind))
  return {
    patients,
    items,
    transfers: transfers.map(({ transfer, state }) => `${transfer} ${state}`),
    entries: entries.map(({ index, kind }) => `${index} ${kind}`),
    files: filesIn(site.folder).filter((file) => /^[0-9a-f]{64}$/.test(basename(file))),
  }
}

/** The whole log of a site. */
export async function entriesOf(site: TestSite): Promise<readonly EntryView[]> {
  const entries: EntryView[] = []
  for (let after = -1; ; after += ENTRIES) {
    const query = { after: String(after), limit: String(ENTRIES) }
    const page = await site.admin.call('entries', query, null)
    entries.push(...page)
    if (page.length < ENTRIES) return entries
  }
}

/** Does something that is refused, and checks that nothing else came of it. */
export async function changesNothing(
  sites: readonly TestSite[],
  task: () => Promise<void>,
): Promise<void> {
  const before = await Promise.all(sites.map(standingOf))
  await task()
  const after = await Promise.all(sites.map(standingOf))
  assert.deepEqual(after, before)
}

/** Checks that a daemon has not said any of these texts, on its output or in its log. */
export function assertSilent(site: TestSite, texts: readonly string[]): void {
  const logs = filesIn(site.folder).filter((file) => file.endsWith('.log'))
  const said = logs.map((file) => readFileSync(file, 'utf8')).join('') + site.daemon.output
  assert(said.length > 500, 'the daemon has said something')
  for (const text of texts) assert(!said.includes(text), `the log of ${site.name} shows a text`)
}

const ENTRIES = 1000
/** Kinds of entries that come of what an application or an operator asks for. */
const OURS = /^(vault|exchange|transfer|record|key\.(issued|delivered|reserved))/
