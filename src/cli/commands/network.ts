/**
 * `photonward network`: plan a network of a file, draw it, and run it.
 *
 * @module
 */

import type { Command } from 'commander'
import type { NetworkFile, NetworkPlanView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { writeFile } from '../files.ts'
import { style, table } from '../output.ts'
import { planScreen } from '../network/plan-screen.ts'

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
  /** A map of the plan as SVG. */
  readonly drawNetwork: (plan: NetworkPlanView) => Promise<string>
}

export function addNetworkCommands(program: Command, powers: NetworkPowers): void {
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
}

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
A network is a JSON file of places, links and pairs; every figure has its source, or says that it is
assumed. Give a name of \`network list\`, or the path of your own file.
`
