/** Acts 6 and 8 of the demo: the eavesdropper, and the proof. @module */

import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { FindingView } from '#contract'
import { percent, style } from '../output.ts'
import { failed } from './acts-keys.ts'
import { protectionOf, sendAndFollow } from './acts-records.ts'
import { type Play } from './play.ts'
import { watchLink } from './watch.ts'
import type { SitePlayer } from './troupe.ts'

/** Eve measures every photon and sends on what she saw. */
export async function eavesdrop(play: Play): Promise<void> {
  const { stage, fibre, bristol, seen } = play
  stage.act(6, 'Eavesdrop', 'Eve intercepts every photon and resends what she measured')
  stage.command(`photonward attack run intercept-resend --fibre ${fibre.folder}`)
  const begun = performance.now()
  await fibre.admin.call('attack', {}, { kind: 'intercept-resend', fraction: 1 })
  await watchLink(play, ({ state }) => state === 'suspended')
  seen.secondsToAlarm = (performance.now() - begun) / 1000
  const { alarms } = await bristol.admin.call('status', {}, null)
  for (const alarm of alarms.filter(({ kind }) => kind.startsWith('link.'))) {
    stage.cross(`${style.red('ALARM')} ${alarm.message}`)
  }
  const attacked = await watchLink(play, ({ qber }) => (qber ?? 0) > 0.2)
  seen.qberAttacked = attacked.qber ?? 0
  stage.tick(
    `QBER ${percent(seen.qberHonest)} → ${percent(seen.qberAttacked)}; blocks are discarded, keys of the link wait`,
  )
  const [first, second] = seen.patients
  const waiting = await sendAndFollow(
    play,
    { patient: second, mode: 'require-quantum' },
    ({ reason }) => reason !== '',
  )
  stage.tick(`require-quantum waits: ${waiting.reason}`)
  const marked = await sendAndFollow(play, { patient: first, mode: 'prefer-quantum' })
  stage.tick(`prefer-quantum goes, marked: ${protectionOf(marked)}`)
  stage.command(`photonward attack stop --fibre ${fibre.folder}`)
  await fibre.admin.call('attack', {}, { kind: 'none', fraction: 0 })
  await watchLink(play, ({ state }) => state === 'running')
  stage.tick('Eve has left; three sound blocks in a row, and keys are served again')
  const { transfer } = waiting
  const ask = () => bristol.admin.call('transfer', { transfer }, null)
  const gone = await play.troupe.until(
    bristol,
    'the transfer',
    ask,
    ({ state }) => state === 'delivered',
  )
  seen.transfers += 2
  stage.tick(`the waiting transfer went: ${protectionOf(gone)}`)
}

/** Everything is verified; then single octets are changed in a copy, and found. */
export async function prove(play: Play): Promise<void> {
  const { stage, troupe, bristol, cambridge, ipswich, campus, seen } = play
  stage.act(8, 'Prove', 'the logs of the hospitals, cosigned by each other')
  for (const site of [bristol, cambridge, ipswich, campus]) {
    const status = () => site.admin.call('status', {}, null)
    await troupe.until(site, 'the cosignature', status, (one) =>
      one.witnesses.some(({ size }) => size > 0 && size >= one.checkpointSize - 1),
    )
    const { checked, faults } = await sumOf(site.admin.stream('verify', {}, null))
    if (faults.length > 0) throw failed(`${site.name} does not verify: ${faults.join('; ')}`)
    const entries = checked['entries'] ?? 0
    seen.entries += entries
    const records = checked['record versions'] ?? 0
    stage.tick(
      `${site.name}: ${String(entries)} log entries, ${String(checked['cosignatures'] ?? 0)} cosignatures, ${String(records)} records, ${String(checked['key segments'] ?? 0)} key segments`,
    )
  }
  await tamper(play)
}

/** On a copy of Cambridge's disk: one octet in a record, one in the log, one in a key. */
async function tamper({ stage, troupe, powers, cambridge, folder, seen, options }: Play) {
  await troupe.stop(cambridge)
  const copy = join(folder, 'stolen-and-changed')
  for (const { what, change } of CHANGES) {
    rmSync(copy, { recursive: true, force: true })
    cpSync(cambridge.folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    change(copy)
    seen.faultsPlanted++
    const { faults } = await sumOf(powers.verifyStopped(copy, undefined))
    if (faults.length === 0) throw failed(`one changed octet in ${what} was not found`)
    seen.faultsFound++
    stage.cross(`one octet changed in ${what}: ${style.dim(faults[0])}`)
  }
  rmSync(copy, { recursive: true, force: true })
  stage.tick('every change was found and named')
  if (options.keep) await restart(troupe, cambridge)
}

async function restart(troupe: Play['troupe'], site: SitePlayer): Promise<void> {
  troupe.start(site, ['--site', site.folder, 'serve'])
  await troupe.until(
    site,
    'the start',
    () => site.admin.call('status', {}, null),
    () => true,
  )
}

async function sumOf(findings: AsyncIterable<FindingView>) {
  const faults: string[] = []
  let checked: Readonly<Record<string, number>> = {}
  for await (const finding of findings) {
    if (finding.kind === 'fault') faults.push(`${finding.place}: ${finding.problem}`)
    if (finding.kind === 'done') checked = finding.checked
  }
  return { faults, checked }
}

/** Flips one bit in the middle of a column of one row. */
function flip(folder: string, table: string, column: string): void {
  const database = new DatabaseSync(join(folder, 'state.db'))
  const row = database
    .prepare(
      `select rowid as id, ${column} as octets from ${table} order by length(${column}) desc`,
    )
    .get() as { id: number; octets: Uint8Array }
  row.octets[row.octets.length >> 1] ^= 1
  database.prepare(`update ${table} set ${column} = ? where rowid = ?`).run(row.octets, row.id)
  database.close()
}

const CHANGES: readonly { readonly what: string; readonly change: (folder: string) => void }[] = [
  { what: 'a stored record', change: (folder) => flip(folder, 'vault_edition', 'container') },
  { what: 'the log', change: (folder) => flip(folder, 'audit_entry', 'leaf') },
  { what: 'a key block', change: (folder) => flip(folder, 'keystore_segment', 'sealed') },
]
