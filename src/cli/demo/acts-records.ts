/** Acts 4 and 5 of the demo: seal records, exchange one. @module */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ItemView, ModeName, TransferView } from '#contract'
import { protectionWords } from '../views.ts'
import { failed } from './acts-keys.ts'
import type { Play } from './play.ts'
import type { SitePlayer } from './troupe.ts'

/** A cohort of invented patients is validated, sealed, signed and logged at Bristol. */
export async function sealRecords(play: Play): Promise<void> {
  const { stage, powers, bristol, options, seen } = play
  stage.act(4, 'Seal', `FHIR R4 records of ${String(options.patients)} invented patients`)
  const bundles = await powers.cohort(COHORT_SEED, options.patients)
  const patients = new Set<string>()
  const texts = new Set<string>()
  let milliseconds = 0
  for (const { octets } of bundles) {
    const outcome = await bristol.admin.call('importRecords', {}, octets)
    seen.resources += outcome.written
    milliseconds += outcome.milliseconds
    for (const patient of outcome.patients) {
      patients.add(patient)
      play.charts.set(patient, octets)
    }
    for (const text of await powers.textsIn(octets)) texts.add(text)
  }
  seen.patients = [...patients]
  const rate = Math.round(seen.resources / (milliseconds / 1000))
  stage.tick(
    `${String(seen.resources)} resources validated, sealed, signed and logged (${String(rate)}/s)`,
  )
  stage.tick('each version under its own key, under its patient’s key, under the site’s key')
  const sample = [...texts].filter((text) => text.length > 9).slice(0, SEARCHED_MAX)
  const found = searchFolder(bristol.folder, sample)
  seen.strings = sample.length
  if (found.hit !== undefined) throw failed(`a patient’s data is readable in ${found.hit}`)
  stage.tick(
    `searched ${String(found.files)} files of the site for ${String(sample.length)} texts of the patients: none is readable`,
  )
}

/** One patient's whole record goes to Cambridge, under keys grown from photons. */
export async function exchangeRecords(play: Play): Promise<void> {
  const { stage, bristol, cambridge, seen } = play
  stage.act(5, 'Exchange', 'a whole record, sealed and signed, exactly once, with a receipt')
  const [first, second] = seen.patients
  const sent = await sendAndFollow(play, { patient: first, mode: 'require-quantum' })
  seen.transfers++
  stage.tick(`${String(sent.items)} items delivered: ${protectionOf(sent)}`)
  const there = await patientAt(cambridge, sent)
  const before = await opened(bristol, first)
  const after = await opened(cambridge, there)
  if (before.join('\n') !== after.join('\n')) throw failed('the record arrived changed')
  stage.tick('Cambridge opened it: the same to the letter, hashes and both signatures verified')
  const [item] = await itemsAt(cambridge, there)
  stage.note(
    `item ${item.object}: ${item.protection === null ? '?' : protectionWords(item.protection)}`,
  )
  const again = await sendAndFollow(play, { patient: first, mode: 'require-quantum' })
  const count = (await cambridge.admin.call('status', {}, null)).items
  stage.tick(`sent once more: delivered, and still ${String(count)} items at Cambridge`)
  if (again.state !== 'delivered' || count !== sent.items) throw failed('a record was doubled')
  await sendAndFollow(play, { patient: second })
  seen.transfers += 2
}

/** Whose record goes from Bristol to which site, and how. */
export interface Sent {
  readonly patient: string
  /** Left out: Cambridge. */
  readonly to?: SitePlayer
  /** Left out: what the site's policy says. */
  readonly mode?: ModeName
}

/** Sends and waits for the receipt, or for whatever `enough` says. */
export async function sendAndFollow(
  { troupe, bristol, cambridge }: Play,
  { patient, to = cambridge, mode }: Sent,
  enough: (transfer: TransferView) => boolean = ({ state }) =>
    state === 'delivered' || state === 'refused',
): Promise<TransferView> {
  const wish = { patient, to: to.name }
  const begun = await bristol.admin.call('send', {}, mode === undefined ? wish : { ...wish, mode })
  const { transfer } = begun
  const ask = () => bristol.admin.call('transfer', { transfer }, null)
  return troupe.until(bristol, 'the transfer', ask, enough)
}

export const protectionOf = ({ protection }: TransferView): string =>
  protection === null ? 'not protected yet' : protectionWords(protection)

/** The patient's reference at the receiving site. */
export async function patientAt(site: SitePlayer, { transfer }: TransferView): Promise<string> {
  const { patient } = await site.admin.call('transfer', { transfer }, null)
  if (patient === null) throw new Error('The transfer has not arrived')
  return patient
}

async function opened(site: SitePlayer, patient: string): Promise<readonly string[]> {
  const resources: string[] = []
  for await (const { resource } of site.admin.stream('readRecord', { patient }, null)) {
    resources.push(resource)
  }
  return resources.toSorted()
}

export async function itemsAt(site: SitePlayer, patient: string): Promise<readonly ItemView[]> {
  const items: ItemView[] = []
  for await (const item of site.admin.stream('items', { patient }, null)) items.push(item)
  return items
}

/** Looks for texts in every file of a folder. */
function searchFolder(
  folder: string,
  texts: readonly string[],
): { readonly files: number; readonly hit: string | undefined } {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const needles = texts.map((text) => Buffer.from(text))
  for (const { parentPath, name } of files) {
    const octets = readFileSync(join(parentPath, name))
    if (needles.some((needle) => octets.includes(needle))) return { files: files.length, hit: name }
  }
  return { files: files.length, hit: undefined }
}

const COHORT_SEED = 1935
const SEARCHED_MAX = 400
