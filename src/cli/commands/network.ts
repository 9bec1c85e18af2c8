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
  Shown,
  SiteInNetwork,
} from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { writeFile } from '../files.ts'
import { style, table } from '../output.ts'
import { askControl } from '../network/control.ts'
import { liveLines } from '../network/live-screen.ts'
import { planScreen } from '../network/plan-screen.ts'
import { companyIn } from '../network/run-folder.ts'
import { sampleOf } from '../network/sample.ts'
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
  addUp(network, powers, context)
  addDisturbances(network, context)
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

interface UpFlags {
  readonly folder?: string
  readonly keep?: boolean
  readonly clock?: string
  readonly seconds?: string
}

const maybe = <T>(text: string | undefined, of: (text: string) => T): T | undefined =>
  text === undefined ? undefined : of(text)

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
  photonward network up campus                                 five sites, a ring, on this machine
A network is a JSON file of places, links and pairs; every figure has its source, or says that it is
assumed. Give a name of \`network list\`, or the path of your own file.
`
