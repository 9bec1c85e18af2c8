/**
 * `photonward network up`: a whole network as processes on this machine, to be watched and disturbed.
 *
 * One process for each site, one for all simulated fibres. Whatever was started is ended with it.
 *
 * @module
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { LinkPace, NetworkFile } from '#contract'
import type { Powers } from '../commands/setup.ts'
import { Stage } from '../demo/stage.ts'
import { sleep, Troupe, type Player } from '../demo/troupe.ts'
import { CliRefusal, EXIT } from '../exit.ts'
import { scaled, table, type Output } from '../output.ts'
import { buildNetwork } from './build.ts'
import { openControl, type Asked } from './control.ts'
import { liveLines } from './live-screen.ts'
import type { Company } from './run-folder.ts'
import { sampleOf } from './sample.ts'

export interface UpOptions {
  /** Left out: a new one, removed at the end. */
  readonly folder: string | undefined
  /** Whether the folder stays; one that was named always does. */
  readonly keep: boolean
  /** Pulses a second of each link, instead of what suits this machine. */
  readonly clockHz: number | undefined
  /** After so many seconds it ends by itself. */
  readonly seconds: number | undefined
}

/** Runs a network until it is interrupted, or its time is over. @returns the exit status */
export async function runNetwork(
  file: NetworkFile,
  options: UpOptions,
  { powers, out }: { readonly powers: Powers; readonly out: Output },
): Promise<number> {
  const folder = placeFor(options.folder)
  const stage = new Stage(out.flags.json || out.flags.quiet)
  const troupe = new Troupe()
  const interrupted = new AbortController()
  const onSignal = (): void => interrupted.abort(new Interruption())
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const { signal } = interrupted
  try {
    const paces = await powers.paceNetwork(file, { ...BOUNDS, clockHz: options.clockHz })
    stage.title(file.title, SUBTITLE)
    stage.line(pacesTable(paces))
    const company = await build(file, paces, { folder, powers, out, signal })
    const control = await openControl(folder, (asked) => perform(company, troupe, asked))
    try {
      stage.line(invitation(company))
      startAll(company, troupe)
      await watch(company, { stage, out, seconds: options.seconds, signal })
    } finally {
      await control[Symbol.asyncDispose]()
    }
    return EXIT.ok
  } catch (error) {
    if (error instanceof Interruption) return EXIT.interrupted
    throw error
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    await troupe.stopAll()
    const isOurs = options.folder === undefined && !options.keep
    if (isOurs) rmSync(folder, { recursive: true, force: true })
  }
}

class Interruption extends Error {}

async function build(
  file: NetworkFile,
  paces: readonly LinkPace[],
  by: {
    readonly folder: string
    readonly powers: Powers
    readonly out: Output
    readonly signal: AbortSignal
  },
): Promise<Company> {
  const progress = by.out.progress('building')
  const { folder, powers } = by
  const { blockBits } = BOUNDS
  const company = await buildNetwork(file, paces, {
    ...{ folder, powers, blockBits },
    told: (done, total, what) => {
      by.signal.throwIfAborted()
      progress.update(done, total, what)
    },
  })
  progress.done()
  return company
}

function startAll(company: Company, troupe: Troupe): void {
  const folders = [...company.fibres.values()].map(({ folder }) => folder)
  troupe.start(fibresOf(company), ['fibre', 'serve', ...folders])
  for (const site of company.sites.values()) startSite(troupe, site)
}

const startSite = (troupe: Troupe, site: Player): void =>
  troupe.start(site, ['--site', site.folder, 'serve'])

const fibresOf = ({ folder }: Company): Player => ({ name: '', folder })

/** Kills a site, or starts it again. */
async function perform(company: Company, troupe: Troupe, { act, site }: Asked): Promise<void> {
  const player = company.sites.get(site)
  if (player === undefined) {
    throw new CliRefusal('SITE_UNKNOWN', `There is no site ${site} in ${company.run.network}`)
  }
  if (act === 'kill') return troupe.kill(player)
  if (troupe.isRunning(player)) throw new CliRefusal('SITE_IN_USE', `${site} runs already`)
  startSite(troupe, player)
}

/** Shows how the network stands until its time is over. */
async function watch(
  company: Company,
  by: {
    readonly stage: Stage
    readonly out: Output
    readonly seconds: number | undefined
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { stage, out, seconds, signal } = by
  const begun = performance.now()
  for (;;) {
    const sample = await sampleOf(company)
    signal.throwIfAborted()
    const passed = (performance.now() - begun) / 1000
    if (out.flags.json) out.line({ seconds: Number(passed.toFixed(1)), ...sample }, () => '')
    else stage.live([`${passed.toFixed(0)} s`, ...liveLines(sample)])
    if (seconds !== undefined && passed >= seconds) return
    await sleep(LOOK_MS)
    signal.throwIfAborted()
  }
}

function pacesTable(paces: readonly LinkPace[]): string {
  const rows = paces.map(
    ({ link, path, clockHz, fullHz, secondsPerBlock, secretBitsPerSecond }) => [
      link,
      `${path.lengthKm.toFixed(1)} km, ${path.lossDb.toFixed(1)} dB`,
      `${scaled(clockHz, 'Hz')} of ${scaled(fullHz, 'Hz')}`,
      `${secondsPerBlock.toFixed(1)} s`,
      scaled(Math.round(secretBitsPerSecond), 'b/s'),
    ],
  )
  return table([['LINK', 'PATH', 'CLOCK', 'BLOCK EACH', 'EXPECTED'], ...rows])
}

function invitation(company: Company): string {
  const { folder, run } = company
  const [site] = company.sites.values()
  const [{ link }] = run.links
  const node = run.sites.find(({ kind }) => kind === 'trusted-node') ?? run.sites[0]
  const on = `--folder ${folder}`
  return [
    '',
    'In another terminal:',
    `  photonward network attack ${link} intercept-resend ${on}`,
    `  photonward network cut ${link} ${on}`,
    `  photonward network mend ${link} ${on}`,
    `  photonward network kill ${node.site} ${on}`,
    `  photonward network start ${node.site} ${on}`,
    `  photonward --site ${site.folder} console`,
    'Ctrl-C ends everything.',
    '',
  ].join('\n')
}

function placeFor(named: string | undefined): string {
  if (named === undefined) return mkdtempSync(join(tmpdir(), 'photonward-network-'))
  const folder = resolve(named)
  if (!existsSync(folder)) return folder
  throw new CliRefusal('FOLDER_IN_USE', `${folder} is there already; name a new folder`)
}

const SUBTITLE = 'simulated optics on one machine: clocks are lower than the devices’ own'
/** Together one to one and a half cores, sites included. */
const BOUNDS = { blockBits: 1_000_000, siftedBitsPerSecond: 2_000_000 }
const LOOK_MS = 1500
