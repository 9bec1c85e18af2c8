/**
 * The folders of a whole network on one machine: one authority, all sites, all fibres, and what makes
 * them known to each other. Does only what an operator could do by commands.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { linkNameOf, type LinkPace, type NetworkFile, type SiteInNetwork } from '#contract'
import type { Powers } from '../commands/setup.ts'
import { freePorts } from '../demo/ports.ts'
import type { SitePlayer } from '../demo/troupe.ts'
import { CliRefusal } from '../exit.ts'
import { authorityFolder, companyOf, noteRun, type Company, type Run } from './run-folder.ts'

/** What the builder is to say, and how far it is. */
export type Told = (done: number, total: number, what: string) => void

/** Makes everything, and starts nothing. */
export async function buildNetwork(
  file: NetworkFile,
  paces: readonly LinkPace[],
  about: {
    readonly folder: string
    readonly powers: Powers
    readonly blockBits: number
    readonly told: Told
  },
): Promise<Company> {
  const { folder, powers, told } = about
  const ports = await freePorts(3 * file.nodes.length + file.links.length)
  const run = runOf(file, ports)
  const company = companyOf(folder, run)
  const known = pairsOf(file.nodes.map(({ site }) => site))
  const total = file.nodes.length + file.links.length + known.length
  let done = 0
  const step = (what: string): void => told(++done, total, what)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const authority = authorityFolder(folder)
  await powers.createAuthority(authority)
  for (const [at, { site, kind }] of file.nodes.entries()) {
    const player = playerOf(company, site)
    mkdirSync(dirname(player.folder), { recursive: true, mode: 0o700 })
    await powers.initSite(player.folder, {
      ...{ name: site, peerPort: ports[2 * at], northPort: ports[2 * at + 1] },
      consolePort: ports[2 * file.nodes.length + file.links.length + at],
      consoleFibres: fibresFor(company, site),
      ...{ profile: 'demo', passphrase: undefined },
    })
    if (kind === 'hospital') await powers.addSae(player.folder, player.sae)
    await powers.issue(authority, player.folder)
    step(`enrolled ${site}`)
  }
  for (const [at, pace] of paces.entries()) {
    const port = ports[2 * file.nodes.length + at]
    await layFibre(company, pace, { port, powers, authority })
    step(`laid ${pace.link}`)
  }
  const joined = new Map(file.links.map((link) => [unordered(link), linkNameOf(link)]))
  for (const [a, b] of known) {
    const link = joined.get(unordered({ a, b }))
    const fibre = link === undefined ? undefined : company.fibres.get(link)?.folder
    await powers.joinSites(playerOf(company, a).folder, playerOf(company, b).folder, fibre)
    step(`joined ${a} and ${b}`)
  }
  for (const { site } of file.nodes) {
    const place = placeOf(file, site, about.blockBits)
    await powers.placeInNetwork(playerOf(company, site).folder, place)
  }
  noteRun(folder, run)
  return company
}

/** What the console of a site may attack: its own fibres, and as many others as it takes. */
function fibresFor({ run, fibres }: Company, site: string): readonly string[] {
  const isOwn = ({ a, b }: Ends): boolean => a === site || b === site
  const inOrder = [...run.links.filter(isOwn), ...run.links.filter((one) => !isOwn(one))]
  const folders = inOrder.map(({ link }) => fibres.get(link)?.folder)
  return folders.filter((one) => one !== undefined).slice(0, CONSOLE_FIBRES_MAX)
}

async function layFibre(
  company: Company,
  { link, a, b, preset, clockHz, path }: LinkPace,
  by: { readonly port: number; readonly powers: Powers; readonly authority: string },
): Promise<void> {
  const fibre = company.fibres.get(link)
  if (fibre === undefined) throw new CliRefusal('LINK_UNKNOWN', `There is no link ${link}`)
  mkdirSync(dirname(fibre.folder), { recursive: true, mode: 0o700 })
  const ends = { transmitter: a, receiver: b }
  await by.powers.initFibre(fibre.folder, { ...ends, preset, clockHz, path, port: by.port })
  await by.powers.issue(by.authority, fibre.folder)
}

/** All sites verify what all others advertise, so each knows every other. */
const pairsOf = (sites: readonly string[]): readonly (readonly [string, string])[] =>
  sites.flatMap((a, at) => sites.slice(at + 1).map((b) => [a, b] as const))

const unordered = ({ a, b }: { readonly a: string; readonly b: string }): string =>
  [a, b].toSorted().join(' ')

/** What one site is told of the network. */
export function placeOf(file: NetworkFile, site: string, blockBits: number): SiteInNetwork {
  const isDirect = directIn(file)
  return {
    nodes: file.nodes.map(({ site: name, kind, relays = true, title, place }) => {
      const { latitude, longitude } = place
      return { site: name, kind, relays, title, place: { latitude, longitude } }
    }),
    links: file.links.map((one) => ({ link: linkNameOf(one), a: one.a, b: one.b })),
    relays: file.pairs
      .filter((pair) => (pair.a === site || pair.b === site) && !isDirect(pair))
      .map(({ a, b, shares, sharesLeast }) => ({
        ...{ peer: a === site ? b : a, shares, sharesLeast },
        ...{ blockOctets: BLOCK_OCTETS, targetBits: TARGET_BITS },
      })),
    blockBits,
    // Every other site is a witness.
    checkpointMs: CHECKPOINT_MS_EACH * file.nodes.length,
  }
}

function runOf(file: NetworkFile, ports: readonly number[]): Run {
  const isDirect = directIn(file)
  return {
    network: file.name,
    sites: file.nodes.map(({ site, kind }, at) => ({ site, kind, northPort: ports[2 * at + 1] })),
    links: file.links.map((one) => ({ link: linkNameOf(one), a: one.a, b: one.b })),
    pairs: file.pairs.map((pair) => ({ a: pair.a, b: pair.b, isDirect: isDirect(pair) })),
  }
}

type Ends = { readonly a: string; readonly b: string }

/** Whether a link joins two sites. */
function directIn({ links }: NetworkFile): (pair: Ends) => boolean {
  const joined = new Set(links.map(unordered))
  return (pair) => joined.has(unordered(pair))
}

function playerOf({ sites }: Company, site: string): SitePlayer {
  const player = sites.get(site)
  if (player !== undefined) return player
  throw new CliRefusal('SITE_UNKNOWN', `There is no site ${site} in the network`)
}

/** Small, so that the slow links of a machine that simulates all of them fill a pool soon. */
const BLOCK_OCTETS = 4096
/** As many as a site's configuration takes. */
const CONSOLE_FIBRES_MAX = 64
const TARGET_BITS = 2 ** 18
const CHECKPOINT_MS_EACH = 500
