/**
 * Act 7 of the demo: keys for two hospitals that no fibre joins; Eve on a hop; a trusted node that
 * turns out to work for somebody else.
 *
 * @module
 */

import type { ExposureView, ItemView, TransferView } from '#contract'
import { CliRefusal } from '../exit.ts'
import { style } from '../output.ts'
import { standingWord } from '../views.ts'
import { failed } from './acts-keys.ts'
import { itemsAt, patientAt, sendAndFollow } from './acts-records.ts'
import { poolOf, type Play } from './play.ts'
import { watchLink } from './watch.ts'

/** Bristol and Ipswich share keys over trusted nodes, and find out what one of them was worth. */
export async function useNetwork(play: Play): Promise<void> {
  const { stage } = play
  stage.act(
    7,
    'Network',
    'Bristol and Ipswich, which no fibre joins, share keys over trusted nodes',
  )
  stage.note('Bristol – Cambridge – Ipswich, and round by London; each fibre as the metro span,')
  stage.note('each hop a one-time pad, each key under ML-KEM-1024 and X25519 from end to end')
  const before = await relayed(play)
  const [patient, transfer] = await attackHop(play, before)
  await declare(play, transfer)
  await correct(play, patient)
}

/** A record under a relayed key. @returns its way */
async function relayed(play: Play): Promise<string> {
  const { stage, seen } = play
  const [, , patient] = seen.patients
  const sent = await sendToIpswich(play, patient)
  stage.tick(`a record to Ipswich under a relayed key: ${wayOf(sent)}`)
  return wayOf(sent)
}

/** Eve on the first hop. @returns a record that went round by London, and its transfer */
async function attackHop(play: Play, way: string): Promise<readonly [string, TransferView]> {
  const { stage, fibre, bristol, cambridge, seen } = play
  const before = await poolOf(bristol, cambridge)
  stage.command(`photonward attack run intercept-resend --fibre ${fibre.folder}`)
  await fibre.admin.call('attack', {}, { kind: 'intercept-resend', fraction: 1 })
  await watchLink(play, ({ state }) => state === 'suspended')
  const after = await poolOf(bristol, cambridge)
  if (after.serving) throw failed('keys of a suspect link are given out')
  stage.tick(
    `Eve on the hop Bristol – Cambridge: its ${String(before.availableKeys)} keys wait at both ends`,
  )
  // Keys that came before her are used up first: the record of before goes once more, and again.
  const [, , known, ...fresh] = seen.patients
  let hasMoved = false
  for (let sends = 0; sends < SENDS_MAX; sends++) {
    const next = hasMoved ? fresh.shift() : known
    if (next === undefined) break
    const sent = await sendToIpswich(play, next)
    hasMoved = wayOf(sent).includes('london')
    if (!hasMoved || next === known) continue
    const word = wayOf(sent) === way ? 'the route keeps clear of it' : 'the route has moved'
    stage.tick(`${word}: a record by ${wayOf(sent)}`)
    return [next, sent]
  }
  throw failed('keys do not go round the attacked hop')
}

/** London works for somebody else: what it knows, who says so, and who would be cut off. */
async function declare(play: Play, transfer: TransferView): Promise<void> {
  const { stage, troupe, fibre, bristol, ipswich, seen } = play
  stage.command(`photonward --site ${bristol.folder} network compromise london`)
  const early = await compromiseAt(play, 'bristol').catch((error: unknown) => error)
  if (!(early instanceof CliRefusal)) throw failed('a hospital was cut off without a word')
  stage.cross(`${early.code}: ${early.message}`)
  await fibre.admin.call('attack', {}, { kind: 'none', fraction: 0 })
  await watchLink(play, ({ state }) => state === 'running')
  for (const site of [bristol, ipswich]) {
    const network = () => site.admin.call('network', {}, null)
    await troupe.until(site, 'the end of the suspicion', network, ({ links }) =>
      links.every(({ suspect }) => !suspect),
    )
  }
  stage.tick('Eve has left the other way, and it is sound again: now it can be done without')
  const [report, there] = [await compromiseAt(play, 'bristol'), await compromiseAt(play, 'ipswich')]
  const { named, affected } = report.transfers
  if (!named.some((one) => one.transfer === transfer.transfer)) {
    throw failed('a transfer under a key that London knew is not named')
  }
  seen.exposed = affected
  const { wrapped, shares } = report.sessionKeys.counts
  stage.tick(
    `of the keys of Bristol’s sessions London knew ${String(wrapped)} under their wrap, and shares of ${String(shares)} more; ${String(report.discardedBlocks)} unused blocks are discarded`,
  )
  stage.tick(
    `${String(affected)} of ${String(seen.relayed)} transfers to Ipswich rest on less now, ${String(there.items.affected)} versions there: each is listed`,
  )
  const now = await bristol.admin.call('transfer', { transfer: transfer.transfer }, null)
  const standing = now.protection?.standing
  if (standing !== 'post-quantum') throw failed(`the transfer rests on ${standing ?? 'nothing'}`)
  stage.cross(`what was sent by London rests on ${standingWord(standing)}, for ever`)
}

/** The record is corrected: the next version goes under keys of its own, round London. */
async function correct(play: Play, patient: string): Promise<void> {
  const { stage, charts, bristol, ipswich } = play
  const chart = charts.get(patient)
  if (chart === undefined) throw failed('no chart is left of the patient')
  const { written } = await bristol.admin.call('importRecords', {}, amended(chart))
  const sent = await sendToIpswich(play, patient)
  if (wayOf(sent).includes('london')) throw failed('a key has come by a declared node')
  stage.tick(`a correction, ${String(written)} new version: ${wayOf(sent)}`)
  const items = await itemsAt(ipswich, await patientAt(ipswich, sent))
  const isNew = (item: ItemView): boolean =>
    item.protection?.sessionId === sent.protection?.sessionId
  const corrected = items.filter(isNew)
  const weak = items.filter((item) => item.protection?.standing === 'post-quantum')
  if (corrected.length !== written || weak.length === 0 || weak.some(isNew)) {
    throw failed('the correction rests on what London knew')
  }
  stage.tick(
    `at Ipswich it rests on ${standingWord('hybrid')}; ${String(weak.length)} items that came by London do not`,
  )
}

async function sendToIpswich(play: Play, patient: string): Promise<TransferView> {
  const { ipswich, seen } = play
  const sent = await sendAndFollow(play, { patient, to: ipswich, mode: 'require-quantum' })
  if (sent.state !== 'delivered') throw failed(`a transfer to Ipswich was refused: ${sent.reason}`)
  seen.transfers++
  seen.relayed++
  return sent
}

const compromiseAt = (play: Play, site: 'bristol' | 'ipswich'): Promise<ExposureView> =>
  play[site].admin.call('compromise', {}, { nodes: ['london'] })

/** The ways of the shares of all keys of a transfer, from Bristol, whichever end made the key. */
function wayOf({ protection }: TransferView): string {
  const ways = (protection?.keys ?? []).flatMap(({ shares }) =>
    shares.map(({ way }) => (way[0] === 'bristol' ? way : way.toReversed()).join(' › ')),
  )
  return [...new Set(ways)].map((way) => style.bold(way)).join(' and ')
}

/** The same bundle, with one observation amended. */
function amended(octets: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(octets)
  const changed = text.replace(FINAL, '$1amended$2')
  if (changed === text) throw failed('the chart has nothing to correct')
  return new TextEncoder().encode(changed)
}

/** More than the pool of the pair ever holds. */
const SENDS_MAX = 60
const FINAL = /("status"\s*:\s*")final(")/
