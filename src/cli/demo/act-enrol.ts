/** Act 1 of the demo: a certificate authority, five sites, five fibres, and who knows whom. @module */

import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { linkNameOf } from '#contract'
import { LINKS, PAIR, PRESET, SITES } from './cast.ts'
import { sitesOf, type Play, type PlayedFibre, type PlayedSite } from './play.ts'

/** Folders, keys, certificates and trust; then processes that talk over sockets only. */
export async function enrol(play: Play): Promise<void> {
  const { stage, powers, authority, bristol, cambridge, fibre, chain, seen } = play
  stage.act(1, 'Enrol', 'a post-quantum certificate authority, five sites, five fibres')
  const made = new Map(await powers.createAuthority(authority))
  stage.command(`photonward pki init ${authority}`)
  stage.tick(`root of the federation: ${made.get('root between sites') ?? ''}`)
  for (const site of sitesOf(play)) await found(play, site)
  seen.clock = await lay(play, fibre)
  for (const one of chain) await lay(play, one)
  await introduce(play)
  stage.command(`photonward site join ${bristol.folder} ${cambridge.folder} --fibre …`)
  await start(play)
  seen.group = groupBetweenSites(join(bristol.folder, 'log', 'daemon.log'))
  stage.tick('seven processes run; each site has its own folder, store, certificates and ports')
  stage.tick(`sites talk over TLS 1.3: ML-DSA-65 certificates both ways, ${seen.group}`)
}

/** A site and its certificates. */
async function found(
  { stage, powers, authority, fibre, chain }: Play,
  site: PlayedSite,
): Promise<void> {
  const { name, folder, kind, peerPort, northPort, consolePort, sae } = site
  const consoleFibres = [fibre, ...chain].map((one) => one.folder)
  const own = { peerPort, northPort, consolePort, consoleFibres }
  await powers.initSite(folder, { name, ...own, profile: 'demo', passphrase: undefined })
  if (kind === 'hospital') await powers.addSae(folder, sae)
  await powers.issue(authority, folder)
  stage.command(`photonward init ${folder} --name ${name} --demo; photonward pki issue …`)
}

/** A simulated fibre. @returns what its clock is */
async function lay({ powers, authority }: Play, fibre: PlayedFibre): Promise<string> {
  const { folder, a, b, clockHz, path, port } = fibre
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 })
  const ends = { transmitter: a, receiver: b }
  const shown = await powers.initFibre(folder, { ...ends, preset: PRESET, clockHz, path, port })
  await powers.issue(authority, folder)
  return new Map(shown).get('clock') ?? ''
}

/** Each site knows each other one, its fibres, and the network. */
async function introduce(play: Play): Promise<void> {
  const { powers, fibre, chain } = play
  const sites = sitesOf(play)
  for (const [at, first] of sites.entries()) {
    for (const second of sites.slice(at + 1)) {
      const joins = ({ a, b }: PlayedFibre): boolean =>
        [first.name, second.name].includes(a) && [first.name, second.name].includes(b)
      await powers.joinSites(first.folder, second.folder, [fibre, ...chain].find(joins)?.folder)
    }
  }
  for (const { name, folder } of sites) {
    const { ends, ...wish } = PAIR
    const peer = ends.find((end) => end !== name)
    const relays = ends.some((end) => end === name) && peer !== undefined
    await powers.placeInNetwork(folder, {
      nodes: SITES.map((one) => ({ ...one, relays: true })),
      links: LINKS.map(({ a, b }) => ({ link: linkNameOf({ a, b }), a, b })),
      relays: relays ? [{ peer, ...wish }] : [],
      ...{ blockBits: BLOCK_BITS, checkpointMs: CHECKPOINT_MS },
    })
  }
}

/** Starts all daemons, and waits until each has reached all others. */
async function start(play: Play): Promise<void> {
  const { troupe, fibre, chain, folder } = play
  troupe.start(fibre, ['fibre', 'serve', fibre.folder])
  const chained = { name: 'chain', folder: join(folder, 'fibres') }
  troupe.start(chained, ['fibre', 'serve', ...chain.map((one) => one.folder)])
  for (const site of sitesOf(play)) troupe.start(site, ['--site', site.folder, 'serve'])
  for (const site of sitesOf(play)) {
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
}

/** What TLS between the sites really negotiated, from the log of one of them. */
function groupBetweenSites(log: string): string {
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!line.includes('"connection-opened"') || !line.includes('"channel":"peer"')) continue
    const { facts } = JSON.parse(line) as { facts: { group?: string } }
    if (facts.group !== undefined) return facts.group
  }
  return 'group not logged'
}

const BLOCK_BITS = 1_000_000
/** Every other site is a witness. */
const CHECKPOINT_MS = 2000
