/**
 * How the things of the admin API look on a terminal.
 *
 * @module
 */

import type {
  AlarmView,
  EntryView,
  FibreView,
  ItemView,
  LinkView,
  PatientView,
  PoolView,
  ProtectionView,
  StandingName,
  StatusView,
  TransferView,
} from '#contract'
import { clockTime, dateTime, listing, percent, scaled, style, table } from './output.ts'

export function linksView(links: readonly LinkView[]): string {
  if (links.length === 0) return 'No quantum links are configured'
  const rows = links.map((link) => [
    link.link,
    link.peer,
    `${stateWord(link.state)}${reasonWord(link)}`,
    percent(link.qber),
    scaled(link.siftedBitsPerSecond, 'b/s'),
    scaled(link.secretBitsPerSecond, 'b/s'),
    `${String(link.blocksDistilled)}/${String(discarded(link))}`,
    opticsWord(link),
  ])
  const heading = ['LINK', 'PEER', 'STATE', 'QBER', 'SIFTED', 'SECRET', 'BLOCKS ok/lost', 'OPTICS']
  return table([heading, ...rows])
}

export function linkView(link: LinkView): string {
  if (link.protocol === 'etsi-014') return vendorLinkView(link)
  return listing([
    ['link', `${link.link} to ${link.peer}, ${link.role}`],
    ['protocol', PROTOCOLS[link.protocol]],
    ['state', `${stateWord(link.state)} since ${dateTime(link.since)}${reasonWord(link)}`],
    ['optics', link.simulated ? 'simulated: its keys are computational' : 'hardware'],
    ['clock', scaled(link.clockHz, 'Hz')],
    ['epoch', String(link.epoch)],
    ['QBER', percent(link.qber)],
    ...(link.protocol === 'bbm92' ? [['S (CHSH)', chshWord(link)] as const] : []),
    ['sifted', scaled(link.siftedBitsPerSecond, 'b/s')],
    ['secret', scaled(link.secretBitsPerSecond, 'b/s')],
    ['secret in all', scaled(link.secretBits, 'bit')],
    ['ε spent', link.epsilonSpent.toExponential(2)],
    ['efficiency f', link.efficiency === null ? '–' : link.efficiency.toFixed(3)],
    ['blocks distilled', String(link.blocksDistilled)],
    ['blocks discarded', causesWord(link)],
    ['authentication', `${link.authenticationSource}, ${String(link.padsLeft)} pads left`],
    ['begins with', bootstrapWord(link)],
    ['batches lost', String(link.batchesLost)],
  ])
}

/** What is known of a link whose optics are not ours. */
const vendorLinkView = (link: LinkView): string =>
  listing([
    ['link', `${link.link} to ${link.peer}, ${link.role}`],
    ['protocol', PROTOCOLS[link.protocol]],
    ['state', `${stateWord(link.state)} since ${dateTime(link.since)}${reasonWord(link)}`],
    ['optics', 'not known here: nothing of these keys is attested'],
    ['keys held also by', link.authenticationSource],
    ['epoch', String(link.epoch)],
    ['secret', scaled(link.secretBitsPerSecond, 'b/s')],
    ['secret in all', scaled(link.secretBits, 'bit')],
    ['blocks', String(link.blocksDistilled)],
    ['tries that failed', causesWord(link)],
  ])

function causesWord({ blocksDiscarded }: LinkView): string {
  const causes = Object.entries(blocksDiscarded).map(([cause, n]) => `${cause} ${String(n)}`)
  return causes.length === 0 ? '0' : causes.join(', ')
}

function opticsWord({ protocol, simulated }: LinkView): string {
  if (protocol === 'etsi-014') return "vendor's"
  return simulated ? style.yellow('simulated') : 'hardware'
}

const reasonWord = ({ reason }: LinkView): string => (reason === '' ? '' : ` (${reason})`)

const PROTOCOLS: Readonly<Record<LinkView['protocol'], string>> = {
  'decoy-bb84': 'BB84 with decoys',
  'three-state-bb84': 'BB84 with three states and a decoy',
  bbm92: 'BBM92, entangled pairs',
  'etsi-014': "a vendor's, asserted by its KMEs (ETSI GS QKD 014)",
}

const bootstrapWord = ({ bootstrap, preSharedSessions: left }: LinkView): string =>
  bootstrap === 'signature'
    ? 'signatures (ML-DSA and Ed25519)'
    : `a pre-shared key, ${left === null ? 'not looked at yet' : `${String(left)} sessions left`}`

/** 2.83 is the most that nature allows, 2 the most that any shared dice would show. */
function chshWord({ chsh, chshTest }: LinkView): string {
  if (chshTest !== null) {
    const { standardError, lowerBound, coincidences } = chshTest
    const measured = `${chshTest.chsh.toFixed(3)} ± ${standardError.toFixed(3)}, measured`
    const bound = `at least ${lowerBound.toFixed(3)}`
    return `${measured} on ${String(coincidences)} pairs, ${bound}; not a loophole-free test`
  }
  if (chsh === null) return '–'
  return `${chsh.toFixed(3)}, inferred from the error rates of both bases, not a loophole-free test`
}

export function poolsView(pools: readonly PoolView[]): string {
  if (pools.length === 0) return 'No key pools: no peer is linked'
  const rows = pools.map(({ peer, availableBits, availableKeys, heldBlocks, serving }) => [
    peer,
    scaled(availableBits, 'bit'),
    String(availableKeys),
    String(heldBlocks),
    serving ? style.green('yes') : style.red('suspended'),
  ])
  return table([['PEER', 'AVAILABLE', 'KEYS', 'BLOCKS HELD', 'SERVING'], ...rows])
}

export function alarmsView(alarms: readonly AlarmView[]): string {
  if (alarms.length === 0) return 'No alarms'
  const rows = alarms.map((alarm) => [
    dateTime(alarm.at),
    severityWord(alarm.severity),
    alarm.kind,
    alarm.subject,
    alarm.clearedAt === null ? style.bold('standing') : `cleared ${clockTime(alarm.clearedAt)}`,
    alarm.message,
  ])
  return table([['AT (UTC)', 'SEVERITY', 'KIND', 'SUBJECT', 'STATE', 'MESSAGE'], ...rows])
}

export function patientsView(patients: readonly PatientView[]): string {
  if (patients.length === 0) return 'No records are here'
  const rows = patients.map(({ patient, items, origin, since }) => [
    patient,
    String(items),
    origin,
    dateTime(since),
  ])
  return table([['PATIENT', 'ITEMS', 'ORIGIN', 'SINCE (UTC)'], ...rows])
}

export function itemView(item: ItemView): string {
  const how = item.protection === null ? 'imported here' : waysWords(item)
  const word = item.verified ? style.green('verified') : style.red('NOT VERIFIED')
  return `${item.object} v${String(item.version)}  ${word}  ${item.hash.slice(0, 16)}…  ${how}`
}

/** What an item is worth; where it took several ways, that of its weakest, and each of them. */
function waysWords({ protection, protections }: ItemView): string {
  const words = protection === null ? '' : protectionWords(protection)
  if (protections.length < 2) return words
  const ways = protections.map((way, at) => `\n    way ${String(at + 1)}: ${protectionWords(way)}`)
  return `weakest of ${String(ways.length)} ways: ${words}${ways.join('')}`
}

export function protectionWords(protection: ProtectionView): string {
  const { used, keySource, keys, mode, standing } = protection
  const some = keys.map((key) => `key ${key.keyId} (${keySource}${wayWords(key)})`)
  const word = used === 'hybrid-quantum' ? style.green(used) : style.yellow(used)
  const rests = isAsUsed(protection) ? '' : `; NOW RESTS ON ${standingWord(standing)}`
  return `${word} asked ${mode}, ${some.join(', ') || 'no quantum key'}${rests}`
}

const wayWords = ({ shares }: ProtectionView['keys'][number]): string =>
  shares.length === 0 ? '' : `, ${waysText(shares)}`

/** Ways of shares, and who has held every one of them. */
export function waysText(shares: ProtectionView['keys'][number]['shares']): string {
  const ways = shares.map(({ way }) => way.join('–')).join(' and ')
  return shares.length === 1 ? `relayed by ${ways}` : `${String(shares.length)} shares by ${ways}`
}

/** Whether it rests on what it was made to rest on. */
const isAsUsed = ({ used, standing }: ProtectionView): boolean =>
  standing === 'hybrid' || (used === 'hybrid-post-quantum' && standing === 'post-quantum')

/** What a transmission rests on, in words. */
export function standingWord(standing: StandingName): string {
  return standing === 'hybrid' ? STANDING_WORDS.hybrid : style.red(STANDING_WORDS[standing])
}

const STANDING_WORDS: Readonly<Record<StandingName, string>> = {
  open: 'nothing: declared nodes can have read it',
  'post-quantum': 'ML-KEM-1024 and X25519 alone',
  unknown: 'ML-KEM-1024 and X25519 at least: how its key came is not known here',
  hybrid: 'the QKD key, ML-KEM-1024 and X25519',
}

export function transfersView(transfers: readonly TransferView[]): string {
  if (transfers.length === 0) return 'No transfers yet'
  const rows = transfers.map((one) => [
    one.transfer,
    one.direction === 'out' ? `→ ${one.peer}` : `← ${one.peer}`,
    transferWord(one.state),
    `${String(one.itemsDone)}/${String(one.items)}`,
    one.mode,
    one.protection === null ? '' : protectionWords(one.protection),
    one.reason,
  ])
  return table([['TRANSFER', 'PEER', 'STATE', 'ITEMS', 'MODE', 'PROTECTION', 'REASON'], ...rows])
}

export function entryView({ index, at, kind, actor, facts }: EntryView): string {
  const words = Object.entries(facts).map(([name, value]) => `${name}=${factText(value)}`)
  const place = style.dim(String(index).padStart(6))
  return `${place}  ${dateTime(at)}  ${kind.padEnd(24)} ${actor}  ${style.dim(words.join(' '))}`
}

export function fibreView(fibre: FibreView): string {
  const { attack } = fibre
  const place = attack.at === undefined ? '' : `, at the ${attack.at}`
  const share = `${(attack.fraction * 100).toFixed(0)} % of pulses`
  const eve =
    attack.kind === 'none'
      ? 'nobody listens'
      : style.red(`${attack.kind}${FRACTIONAL.has(attack.kind) ? ` on ${share}` : ''}${place}`)
  return listing([
    ['fibre', `${fibre.link}, preset ${fibre.preset}, simulated`],
    ['length', `${String(fibre.lengthKm)} km, ${String(fibre.lossDb)} dB`],
    ['clock', scaled(fibre.clockHz, 'Hz')],
    ['running at', scaled(fibre.pulsesPerSecond, 'pulses/s')],
    ['batches', `${String(fibre.batches)}, ${String(fibre.batchesDropped)} dropped`],
    ['connected', fibre.connected.join(', ')],
    ['attack', eve],
    ...(attack.kind === 'none' ? [] : [['eve knows', knownWord(fibre)] as const]),
  ])
}

/** Attacks whose strength is a share of the pulses. */
const FRACTIONAL: ReadonlySet<FibreView['attack']['kind']> = new Set([
  'intercept-resend',
  'photon-number-splitting',
  'beam-splitting',
  'time-shift',
  'failing-source',
])

/** Of what only the simulation knows. */
const knownWord = ({ eve: { siftedBits, knownBits } }: FibreView): string =>
  siftedBits === 0
    ? 'nothing sifted yet'
    : `${((100 * knownBits) / siftedBits).toFixed(1)} % of ${String(siftedBits)} sifted bits`

const scrubbedWord = ({ scrubbed }: StatusView): string => {
  if (scrubbed === null) return 'not yet; the first time six hours after the start'
  const { at, faults, versions } = scrubbed
  const found = faults === 0 ? 'nothing wrong' : style.red(`${String(faults)} faults`)
  return `${dateTime(at)}: ${String(versions)} versions, ${found}`
}

export function statusView(status: StatusView): string {
  const head = listing([
    [
      'site',
      `${style.bold(status.site)}, ${status.role}, profile ${status.profile}, version ${status.version}`,
    ],
    ['folder', status.folder],
    ['database', status.engine],
    ...status.listeners.map(({ name, address }) => [name, address] as const),
    ...(status.daemons.length === 0
      ? []
      : [['daemons', status.daemons.map(daemonWord).join(', ')] as const]),
    ['peers', status.peers.map(peerWord).join(', ') || 'none'],
    ['records', `${String(status.patients)} patients, ${String(status.items)} items`],
    ['log', `${String(status.logEntries)} entries, signed to ${String(status.checkpointSize)}`],
    [
      'witnessed',
      status.witnesses.map(({ site, size }) => `${site} to ${String(size)}`).join(', ') ||
        'not yet',
    ],
    ['transfers', `${String(status.transfersWaiting)} waiting`],
    ['scrubbed', scrubbedWord(status)],
  ])
  const standing = status.alarms.filter(({ clearedAt }) => clearedAt === null)
  const parts = [head, linksView(status.links), poolsView(status.pools)]
  if (standing.length > 0) parts.push(alarmsView(standing))
  return parts.join('\n\n')
}

const daemonWord = ({ name, leads, serving }: StatusView['daemons'][number]): string => {
  if (!serving) return `${name} ${style.red('(silent)')}`
  return leads ? `${style.green(name)} (leads)` : style.green(name)
}

const peerWord = ({ site, connected }: { site: string; connected: boolean }): string =>
  connected ? style.green(site) : `${site} ${style.red('(unreachable)')}`

const discarded = ({ blocksDiscarded }: LinkView): number =>
  Object.values(blocksDiscarded).reduce((sum, count) => sum + count, 0)

const factText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value)

/** The state of a link, in the colour of what is to be done about it. */
export function stateWord(state: LinkView['state']): string {
  if (state === 'running') return style.green(state)
  return state === 'suspended' || state === 'down' ? style.red(state) : style.yellow(state)
}

function severityWord(severity: AlarmView['severity']): string {
  if (severity === 'critical') return style.red(severity)
  return severity === 'warning' ? style.yellow(severity) : severity
}

function transferWord(state: TransferView['state']): string {
  if (state === 'delivered' || state === 'imported') return style.green(state)
  return state === 'refused' ? style.red(state) : style.yellow(state)
}
