/**
 * `photonward network`: plan a network of a file, draw it, and run it.
 *
 * @module
 */

import type { Command } from 'commander'
import type {
  AttackView,
  LinkPace,
  NetworkFile,
  NetworkPlanView,
  NetworkSimulationProgress,
  NetworkSimulationView,
  Shown,
  SimulatedCountry,
  SiteInNetwork,
} from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal, EXIT } from '../exit.ts'
import { writeFile } from '../files.ts'
import { style, table } from '../output.ts'
import { askControl } from '../network/control.ts'
import { liveLines } from '../network/live-screen.ts'
import { planScreen } from '../network/plan-screen.ts'
import { companyIn } from '../network/run-folder.ts'
import { sampleOf } from '../network/sample.ts'
import { simulationScreen } from '../network/simulation-screen.ts'
import { fibreView } from '../views.ts'
import { attackOptions, wantedAttack, type AttackFlags } from './attack.ts'
import type { Powers } from './setup.ts'
import { wholeNumber } from './whole-number.ts'

/** What is left out of a network, and what is added to it, before it is planned. */
export interface PlanOptions {
  readonly without: readonly string[]
  readonly add: readonly string[]
}

/** What only the real world, and the models of the links, can do. */
export interface NetworkPowers {
  /** Networks that come with the product. */
  readonly networkNames: () => Promise<readonly string[]>
  readonly readNetwork: (nameOrPath: string) => Promise<NetworkFile>
  readonly planNetwork: (file: NetworkFile, options: PlanOptions) => Promise<NetworkPlanView>
  /** Clocks at which one machine simulates all links. */
  readonly paceNetwork: (
    file: NetworkFile,
    most: {
      readonly blockBits: number
      readonly siftedBitsPerSecond: number
      readonly clockHz: number | undefined
    },
  ) => Promise<readonly LinkPace[]>
  /** A network in simulated time. */
  readonly simulateNetwork: (
    what: NetworkFile | SimulatedCountry,
    options: {
      readonly seed: number
      readonly days: number
      readonly requests: number | undefined
      readonly told: (progress: NetworkSimulationProgress) => void
    },
  ) => Promise<NetworkSimulationView>
  /** Tells a site of the network that it is in. */
  readonly placeInNetwork: (folder: string, about: SiteInNetwork) => Promise<Shown>
  /** A map of the plan as SVG. */
  readonly drawNetwork: (plan: NetworkPlanView) => Promise<string>
}

export function addNetworkCommands(program: Command, powers: Powers): void {
  const context = (): Context => newContext(program.opts())
  const network = program
    .command('network')
    .description('Networks of many sites: trusted nodes, disjoint ways, keys for distant pairs')
    .addHelpText('after', HELP)
  network
    .command('list')
    .description('Networks that come with the product')
    .action(async () => {
      const names = await powers.networkNames()
      const files = await Promise.all(names.map((name) => powers.readNetwork(name)))
      context().out.data(files.map(briefOf), (rows) =>
        table([
          ['NETWORK', 'SITES', 'LINKS', 'PAIRS', 'KM', ''],
          ...rows.map(({ name, sites, links, pairs, km, title }) => [
            ...[name, sites, links, pairs, Number(km.toFixed(1))].map(String),
            style.dim(title),
          ]),
        ]),
      )
    })
  network
    .command('plan <network>')
    .description('Rates of links and pairs, bottlenecks, exposure, and what one more fibre brings')
    .option('--without <name>', 'leave out a site or a link; may be repeated', gathered, [])
    .option(
      '--add <fibre>',
      'add a fibre, as bristol-london:120 (km); may be repeated',
      gathered,
      [],
    )
    .option('--svg <file>', 'draw a map')
    .action(async (name: string, { svg, ...options }: PlanOptions & { readonly svg?: string }) => {
      const { out } = context()
      const plan = await powers.planNetwork(await powers.readNetwork(name), options)
      if (svg !== undefined) {
        writeFile(svg, await powers.drawNetwork(plan))
        out.say(`map drawn to ${svg}`)
      }
      out.data(plan, planScreen)
    })
  addSimulate(network, powers, context)
  addUp(network, powers, context)
  addDisturbances(network, context)
}

function addSimulate(network: Command, powers: Powers, context: () => Context): void {
  network
    .command('simulate [network]')
    .description(
      'A network for a day in simulated time, with faults, and with every invariant checked',
    )
    .option('--random <size>', 'instead of a file: sites and links, as 1000,3000')
    .option('--days <days>', 'how long (default: 1; 0.05 is a bit more than an hour)')
    .option('--seed <number>', 'the same seed gives the same day (default: 1)')
    .option('--requests <count>', 'of applications (default: 100 for each site and day)')
    .action(async (name: string | undefined, flags: SimulateFlags) => {
      const { out } = context()
      const what = await simulated(name, flags, powers)
      const progress = out.progress('simulated minutes')
      const view = await powers.simulateNetwork(what, {
        seed: wholeNumber(flags.seed ?? '1', 'seed', 0, 2 ** 32),
        days: daysIn(flags.days ?? '1'),
        requests: maybe(flags.requests, (text) => wholeNumber(text, 'requests', 0, 10_000_000)),
        told: (one) => progress.update(Math.min(one.minute, one.minutes), one.minutes, noteOf(one)),
      })
      progress.done()
      out.data(view, simulationScreen)
      if (view.faults.length > 0) process.exitCode = EXIT.findings
    })
}

async function simulated(
  name: string | undefined,
  { random }: SimulateFlags,
  powers: Powers,
): Promise<NetworkFile | SimulatedCountry> {
  if ((name === undefined) === (random === undefined)) {
    throw new CliRefusal('ARGUMENT_INVALID', 'Expected a network, or --random with its size')
  }
  if (name !== undefined) return powers.readNetwork(name)
  const [sites = '', links = '', ...rest] = (random ?? '').split(',')
  if (rest.length > 0) throw new CliRefusal('ARGUMENT_INVALID', '--random takes sites and links')
  return {
    sites: wholeNumber(sites, 'random', 2, 1000),
    links: wholeNumber(links, 'random', 1, 6000),
  }
}

function daysIn(text: string): number {
  const days = Number(text)
  if (days > 0 && days <= DAYS_MAX) return days
  throw new CliRefusal('ARGUMENT_INVALID', `--days must be above 0 and at most ${String(DAYS_MAX)}`)
}

/** How far it is, beside the bar. */
function noteOf({
  isClosing,
  requests,
  blocks,
  checks,
  faults,
}: NetworkSimulationProgress): string {
  const wrong = faults === 0 ? 'nothing wrong' : style.red(`${String(faults)} faults`)
  const done = `${whole(requests)} requests, ${whole(blocks)} blocks, ${whole(checks)} checks`
  return `${isClosing ? 'faults are over; coming to rest: ' : ''}${done}, ${wrong}`
}

function addUp(network: Command, powers: Powers, context: () => Context): void {
  network
    .command('up <network>')
    .description('Run a network as processes on this machine, and watch it')
    .option('--folder <folder>', 'a new folder for all of it; stays (default: a temporary one)')
    .option('--keep', 'leave the temporary folder')
    .option('--clock <MHz>', 'pulses per microsecond of each link; unless given, what suits')
    .option('--seconds <count>', 'end after so many seconds')
    .action(async (name: string, flags: UpFlags) => {
      const { runNetwork } = await import('../network/up.ts')
      const options = {
        ...{ folder: flags.folder, keep: flags.keep === true },
        clockHz: maybe(flags.clock, (text) => 1e6 * wholeNumber(text, 'clock', 1, 100_000)),
        seconds: maybe(flags.seconds, (text) => wholeNumber(text, 'seconds', 1, 1_000_000)),
      }
      const { out } = context()
      process.exitCode = await runNetwork(await powers.readNetwork(name), options, { powers, out })
    })
  network
    .command('show')
    .description('How a running network stands')
    .requiredOption(...FOLDER)
    .action(async ({ folder }: { folder: string }) => {
      const sample = await sampleOf(companyIn(folder))
      context().out.data(sample, (one) => liveLines(one).join('\n'))
    })
}

/** Eve, a digger, a power cut: on a network that runs. */
function addDisturbances(network: Command, context: () => Context): void {
  const attack = async (link: string, folder: string, wanted: AttackView): Promise<void> => {
    const { fibres } = companyIn(folder)
    const fibre = fibres.get(link)
    if (fibre === undefined) {
      const known = [...fibres.keys()].join(', ')
      throw new CliRefusal('LINK_UNKNOWN', `Expected a link of the network: ${known}`)
    }
    context().out.data(await fibre.admin.call('attack', {}, wanted), fibreView)
  }
  const command = network
    .command('attack <link> <kind>')
    .description('Let Eve attack a link; `attack list` knows the kinds')
    .requiredOption(...FOLDER)
  attackOptions(command).action((link: string, kind: string, flags: AttackFlags & Placed) =>
    attack(link, flags.folder, wantedAttack(kind, flags)),
  )
  network
    .command('cut <link>')
    .description('Cut a fibre')
    .requiredOption(...FOLDER)
    .action((link: string, { folder }: Placed) =>
      attack(link, folder, { kind: 'fibre-cut', fraction: 1 }),
    )
  network
    .command('mend <link>')
    .description('Mend a fibre, and send Eve away')
    .requiredOption(...FOLDER)
    .action((link: string, { folder }: Placed) =>
      attack(link, folder, { kind: 'none', fraction: 0 }),
    )
  for (const [act, says] of Object.entries(ACTS) as (readonly ['kill' | 'start', string])[]) {
    network
      .command(`${act} <site>`)
      .description(says)
      .requiredOption(...FOLDER)
      .action(async (site: string, { folder }: Placed) => {
        await askControl(companyIn(folder).folder, { act, site })
        context().out.data({ site, act }, () => `${site}: ${act === 'kill' ? 'killed' : 'started'}`)
      })
  }
}

interface Placed {
  readonly folder: string
}

interface SimulateFlags {
  readonly random?: string
  readonly days?: string
  readonly seed?: string
  readonly requests?: string
}

interface UpFlags {
  readonly folder?: string
  readonly keep?: boolean
  readonly clock?: string
  readonly seconds?: string
}

const maybe = <T>(text: string | undefined, of: (text: string) => T): T | undefined =>
  text === undefined ? undefined : of(text)

const whole = (value: number): string => value.toLocaleString('en-GB')

const DAYS_MAX = 30
const FOLDER = ['--folder <folder>', 'folder of the running network'] as const
const ACTS = {
  kill: 'Kill the daemon of a site without a warning, as a power cut would',
  start: 'Start the daemon of a site again',
} as const

const gathered = (value: string, before: readonly string[]): readonly string[] => [...before, value]

const briefOf = ({ name, title, nodes, links, pairs }: NetworkFile) => ({
  ...{ name, title, sites: nodes.length, links: links.length, pairs: pairs.length },
  km: links.reduce((sum, { lengthKm }) => sum + lengthKm.value, 0),
})

const HELP = `
${style.bold('Examples')}
  photonward network plan national --svg national.svg
  photonward network plan ukqn --add bristol-cambridge:230     what would a second way bring?
  photonward network plan campus --without main                and if a building burns?
  photonward network simulate --random 1000,3000               a country for a day, with faults
  photonward network up campus                                 five sites, a ring, on this machine
A network is a JSON file of places, links and pairs; every figure has its source, or says that it is
assumed. Give a name of \`network list\`, or the path of your own file.
`
