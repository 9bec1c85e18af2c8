/** Acts 1 to 3 of the demo: enrol, grow keys, serve keys. @module */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CliRefusal } from '../exit.ts'
import { scaled } from '../output.ts'
import { askKme, containerOf, type KmeAccess, type SaeClient } from '../etsi-014.ts'
import { linkLines, linkOf, type Play } from './play.ts'
import { sleep, type SitePlayer } from './troupe.ts'

/** Folders, keys, certificates and trust; then three processes that talk over sockets only. */
export async function enrol(play: Play, ports: readonly number[]): Promise<void> {
  const { stage, powers, troupe, authority, bristol, cambridge, fibre } = play
  stage.act(1, 'Enrol', 'a post-quantum certificate authority, two hospitals, one fibre')
  const made = new Map(await powers.createAuthority(authority))
  stage.command(`photonward pki init ${authority}`)
  stage.tick(`root of the federation: ${made.get('root between sites') ?? ''}`)
  const [bristolPeer, cambridgePeer, fibrePort] = ports
  for (const [site, peerPort] of [
    [bristol, bristolPeer],
    [cambridge, cambridgePeer],
  ] as const) {
    const { name, folder, northPort, consolePort, sae } = site
    const own = { peerPort, northPort, consolePort, consoleFibres: [fibre.folder] }
    const options = { name, ...own, profile: 'demo', passphrase: undefined } as const
    await powers.initSite(folder, options)
    await powers.addSae(folder, sae)
    await powers.issue(authority, folder)
    stage.command(`photonward init ${folder} --name ${name} --demo; photonward pki issue …`)
  }
  const ends = { transmitter: bristol.name, receiver: cambridge.name }
  const shown = await powers.initFibre(fibre.folder, { ...ends, preset: PRESET, port: fibrePort })
  play.seen.clock = new Map(shown).get('clock') ?? ''
  await powers.issue(authority, fibre.folder)
  await powers.joinSites(bristol.folder, cambridge.folder, fibre.folder)
  stage.command(`photonward site join ${bristol.folder} ${cambridge.folder} --fibre …`)
  troupe.start(fibre, ['fibre', 'serve', fibre.folder])
  for (const site of [bristol, cambridge]) troupe.start(site, ['--site', site.folder, 'serve'])
  for (const site of [bristol, cambridge]) {
    const status = () => site.admin.call('status', {}, null)
    await troupe.until(site, 'the start', status, ({ peers }) =>
      peers.every((one) => one.connected),
    )
  }
  await troupe.until(
    fibre,
    'the start',
    () => fibre.admin.call('fibre', {}, null),
    ({ connected }) => connected.length === 2,
  )
  play.seen.group = groupBetweenSites(join(bristol.folder, 'log', 'daemon.log'))
  stage.tick('three processes run, each with its own folder, store, certificates and ports')
  stage.tick(`sites talk over TLS 1.3: ML-DSA-65 certificates both ways, ${play.seen.group}`)
}

/** Blocks of photons become keys at both ends. */
export async function growKeys(play: Play): Promise<void> {
  const { stage, troupe, bristol, fibre, seen } = play
  stage.act(2, 'Grow keys', 'decoy-state BB84 over 10.6 km, 3.9 dB: the Cambridge metro span')
  stage.note('source, fibre and detectors are simulated, so these keys are computational;')
  stage.note('sifting, Cascade, finite-key bound, amplification and authentication are real')
  stage.note(`clock ${seen.clock}`)
  const begun = performance.now()
  for (;;) {
    const link = await linkOf(bristol)
    const [pool] = await bristol.admin.call('pools', {}, null)
    const { pulsesPerSecond, clockHz } = await fibre.admin.call('fibre', {}, null)
    stage.live(linkLines(link, pool.availableKeys, pulsesPerSecond / clockHz))
    seen.secretBits = link.secretBits
    seen.qberHonest = link.qber ?? seen.qberHonest
    const seconds = (performance.now() - begun) / 1000
    if (link.blocksDistilled >= BLOCKS && seconds > GROW_SECONDS_MIN) break
    if (seconds > GROW_SECONDS_MAX && link.blocksDistilled > 0) break
    await troupe.until(
      bristol,
      'the first key',
      () => Promise.resolve(seconds),
      () => seconds < 90,
    )
    await sleep(LOOK_MS)
  }
  stage.settle()
  const { efficiency, epoch, authenticationSource } = await linkOf(bristol)
  stage.tick(`${scaled(seen.secretBits, 'bit')} of key at both ends, finite-key ε = 10⁻¹⁰ a block`)
  stage.tick(
    `reconciliation efficiency f = ${efficiency?.toFixed(3) ?? '?'}, every revealed bit counted`,
  )
  stage.tick(
    `every phase authenticated; pads now from block ${authenticationSource}, epoch ${String(epoch)}`,
  )
}

/** Applications on the wards fetch the same key at both ends, once. */
export async function serveKeys(play: Play): Promise<void> {
  const { stage, powers, authority, folder, bristol, cambridge } = play
  stage.act(3, 'Serve keys', 'ETSI GS QKD 014 over mutual TLS, usable by any client')
  const accessOf = async ({ sae, northPort }: SitePlayer): Promise<KmeAccess> => {
    const certificates = join(folder, 'applications', sae)
    await powers.issueSae(authority, sae, certificates)
    return { url: `https://127.0.0.1:${String(northPort)}`, certificates }
  }
  const [master, slave] = [await accessOf(bristol), await accessOf(cambridge)]
  stage.command(
    `curl --cert cert.pem --key key.pem --cacert ca.pem ${master.url}/api/v1/keys/${cambridge.sae}/enc_keys`,
  )
  const made = await askKme(powers, master, (kme) =>
    kme.encKeys(cambridge.sae, { number: 1, sizeBits: 256 }),
  )
  const ids = made.map(({ id }) => id)
  const fetch = (kme: SaeClient) => kme.decKeys(bristol.sae, { ids })
  const fetched = containerOf(await askKme(powers, slave, fetch))
  if (JSON.stringify(fetched) !== JSON.stringify(containerOf(made))) {
    throw failed('the ends hold different keys')
  }
  stage.tick(`key ${ids[0]}: 256 bits, the same at ${bristol.sae} and ${cambridge.sae}`)
  const again = await askKme(powers, slave, fetch).catch((error: unknown) => error)
  if (!(again instanceof CliRefusal)) throw failed('a key was given out twice')
  stage.tick(`asked for it once more: ${again.code}, “${again.message}”`)
}

export const failed = (why: string): CliRefusal =>
  new CliRefusal('DEMO_FAILED', `The demo stops: ${why}`)

/** What TLS between the sites really negotiated, from the log of one of them. */
function groupBetweenSites(log: string): string {
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!line.includes('"connection-opened"') || !line.includes('"channel":"peer"')) continue
    const { facts } = JSON.parse(line) as { facts: { group?: string } }
    if (facts.group !== undefined) return facts.group
  }
  return 'group not logged'
}

const PRESET = 'cambridge-metro'
const BLOCKS = 4
const GROW_SECONDS_MIN = 8
const GROW_SECONDS_MAX = 30
const LOOK_MS = 400
