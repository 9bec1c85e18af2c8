/**
 * Looks at the trust of a site: its certificates, revocation lists and statements, its keys, and
 * whether each peer and device can be reached under them, with the clock it has.
 *
 * Dials peers as the site itself does, and speaks no protocol of the link with devices.
 *
 * @module
 */

import { DAY_MS, PortRefusal, Refusal, siteId, type Clock, type Log, type SiteId } from '#base'
import type { CheckView } from '#contract'
import {
  askPeerClock,
  chainCheckOf,
  credentialsIn,
  inspectTrust,
  readMaterial,
  readRootKey,
  REMEDY_WORDS,
  stageOf,
  type Material,
  type TrustView,
} from '#site'
import { line, type ExaminedSite } from './check.ts'
import { SystemClock } from './clock.ts'
import { FolderDisk } from './disk.ts'
import { JsonLog } from './log.ts'
import { openNetwork, type TlsNetwork } from './network.ts'
import type { PeerEntry } from './peer.ts'

/** Everything that has to do with whom the site is and whom it trusts. */
export async function* trustChecks(site: ExaminedSite): AsyncGenerator<CheckView> {
  const { folder, configuration } = site
  using clock = new SystemClock()
  const disk = new FolderDisk(folder)
  const { site: name, kme } = configuration
  let trust: TrustView
  try {
    trust = await inspectTrust(disk, { site: name, kme, now: clock.now() })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield line('trust', 'fail', error.message, `photonward pki issue <authority> ${folder}`)
    return
  }
  yield* endChecks(trust, clock, folder)
  for (const peer of configuration.peers) {
    const known = trust.peers.some((statement) => statement.site === peer.site)
    const refused = trust.refused.some(({ part }) => part === `statement of ${peer.site}`)
    if (known || refused) continue
    const says = `there is no statement of the peer ${peer.site}`
    yield line(`peer ${peer.site}`, 'fail', says, `photonward site join ${folder} <its folder>`)
  }
  const material = await materialOf(site, clock)
  if (!('keys' in material)) {
    yield material
    return
  }
  yield line('keys', 'ok', 'belong to the certificates, and open with the root key')
  yield* reachChecks(site, material, clock)
}

function* endChecks(
  { ends, refused }: TrustView,
  clock: Clock,
  folder: string,
): Generator<CheckView> {
  const now = clock.now()
  for (const { part, reason } of refused) {
    const next = `photonward pki issue <authority> ${folder}, or publish fresh lists`
    yield line(part, 'fail', `does not hold: ${reason}`, next)
  }
  const commands = {
    publish: `photonward pki publish <authority> ${folder}`,
    renew: `photonward pki request ${folder}, then photonward pki issue <authority> ${folder}`,
    join: REMEDY_WORDS.join,
    authority: REMEDY_WORDS.authority,
  } as const
  for (const end of ends) {
    const stage = stageOf(end, now)
    if (stage === 'good') continue
    const days = daysWords(end.endsAt - now)
    yield stage === 'ended'
      ? line(end.part, 'fail', `ended ${days} ago`, commands[end.remedy])
      : line(end.part, 'warn', `ends in ${days}`, commands[end.remedy])
  }
  const [first] = ends.toSorted((a, b) => a.endsAt - b.endsAt)
  if (refused.length > 0 || ends.some((end) => stageOf(end, now) !== 'good')) return
  yield line(
    'trust',
    'ok',
    `holds; the ${first.part} ends first, in ${daysWords(first.endsAt - now)}`,
  )
}

/** The site's keys with its certificates, or the line that says why not. */
async function materialOf(
  { folder, configuration, passphrase }: ExaminedSite,
  clock: Clock,
): Promise<Material | CheckView> {
  const disk = new FolderDisk(folder)
  try {
    using root = await readRootKey(disk, passphrase)
    const about = { site: configuration.site, kme: configuration.kme, root }
    return await readMaterial(disk, about, { clock, report: () => undefined })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { code, message } = error as Refusal
    const needsSecret = code === 'PASSPHRASE_NEEDED' || code === 'SHARES_NEEDED'
    return needsSecret
      ? line('keys', 'skip', message, 'photonward doctor --passphrase-file <file>')
      : line('keys', 'fail', message)
  }
}

async function* reachChecks(
  { configuration }: ExaminedSite,
  material: Material,
  clock: Clock,
): AsyncGenerator<CheckView> {
  const log = new JsonLog({ clock, sinks: [] })
  const { peers, links } = configuration
  const entries = new Map<string, PeerEntry>([
    ...peers.map(({ site, host, port }) => [site, { kind: 'site', host, port }] as const),
    ...links.map(({ device: { name, host, port } }) => {
      return [name, { kind: 'device', host, port }] as const
    }),
  ])
  await using network = await openNetwork({
    kind: 'site',
    credentials: credentialsIn(material).peer,
    peers: (id) => entries.get(id),
    checkChain: chainCheckOf(material, clock),
    clock,
    log,
  })
  for (const { site } of peers) yield await peerCheck(siteId(site), { network, clock, log })
  for (const { device } of links) yield await deviceCheck(siteId(device.name), network)
}

async function peerCheck(
  peer: SiteId,
  means: { readonly network: TlsNetwork; readonly clock: Clock; readonly log: Log },
): Promise<CheckView> {
  const check = `peer ${peer}`
  try {
    const { offsetMs, roundTripMs } = await askPeerClock(peer, means)
    const ahead = `${Math.abs(offsetMs) / 1000} s ${offsetMs > 0 ? 'ahead' : 'behind'}`
    if (Math.abs(offsetMs) - roundTripMs / 2 > CLOCK_APART_MS) {
      return line(check, 'warn', `its clock is ${ahead}`, 'set both clocks by one time server')
    }
    return line(check, 'ok', `answers in ${Math.ceil(roundTripMs)} ms; clocks agree`)
  } catch (error) {
    return unreached(check, error)
  }
}

/** Dials a channel that no device serves: it is refused, but only once certificates are accepted. */
async function deviceCheck(device: SiteId, network: TlsNetwork): Promise<CheckView> {
  const check = `device ${device}`
  try {
    const connection = await network.dial(device, 'device:doctor:none')
    connection.close()
    return line(check, 'ok', 'can be reached')
  } catch (error) {
    const reason = error instanceof PortRefusal ? error.facts['reason'] : undefined
    return reason === 'channel-unknown'
      ? line(check, 'ok', 'can be reached')
      : unreached(check, error)
  }
}

function unreached(check: string, error: unknown): CheckView {
  if (!(error instanceof Refusal)) throw error
  const { message, facts } = error as Refusal
  const reason = typeof facts['reason'] === 'string' ? facts['reason'] : ''
  const says = message.includes(reason) ? message : `${message}: ${reason}`
  return line(check, 'warn', says, ADVICE.find(([pattern]) => pattern.test(reason))?.[1] ?? null)
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'start its daemon, or correct its address in photonward.json'],
  [/ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|timeout/, 'correct its address, or open the firewall'],
  [/peer-unknown/, 'it does not know this site: photonward site join'],
  [
    /CERT|ALERT|closed-before|expired|revoked|untrusted/i,
    'doctor at that site says which part ended',
  ],
]

function daysWords(ms: number): string {
  const days = Math.floor(Math.abs(ms) / DAY_MS)
  return days === 1 ? '1 day' : days === 0 ? 'less than a day' : `${days} days`
}

/** Clocks that far apart make certificates and lists of today invalid, or soon. */
const CLOCK_APART_MS = 30_000
