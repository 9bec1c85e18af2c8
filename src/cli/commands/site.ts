/** Commands about a running site: status, link, alarm. @module */

import type { Command } from 'commander'
import { siteRoutes } from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { addExplainCommand, type ExplainPowers } from './explain.ts'
import { addHistoryCommand } from './link-history.ts'
import { addPskCommands, type PskPowers } from './psk.ts'
import { alarmsView, linksView, linkView, statusView } from '../views.ts'

export function addSiteCommands(program: Command, powers: ExplainPowers & PskPowers): void {
  const context = (): Context => newContext(program.opts())
  program
    .command('status')
    .description(siteRoutes.status.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('status', {}, null), statusView)
    })
  const link = addLink(program, context)
  addExplainCommand(program, link, powers)
  addPskCommands(program, link, powers)
  const alarm = program.command('alarm').description('Alarms of this site')
  alarm
    .command('list')
    .description(siteRoutes.alarms.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('alarms', {}, null), alarmsView)
    })
  program
    .command('console')
    .description(siteRoutes.consoleLink.summary)
    .option('--as <person>', 'for a person, without a password: in the profile demo alone')
    .action(async ({ as }: { as?: string }) => {
      const { out, site } = context()
      const link = await site().call('consoleLink', {}, as === undefined ? null : { as })
      if (as !== undefined) out.say(`Demo: whoever opens this is ${as}, without a password`)
      out.data(link, ({ url }) => url)
    })
  program
    .command('stop')
    .description('Stop the daemon in good order')
    .action(async () => {
      const { out, site } = context()
      await site().call('stop', {}, null)
      out.say('The daemon is stopping')
    })
}

function addLink(program: Command, context: () => Context): Command {
  const link = program.command('link').description('Quantum links of this site')
  link
    .command('list')
    .description(siteRoutes.links.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('links', {}, null), linksView)
    })
  link
    .command('show <link>')
    .description('One link, with why blocks were discarded')
    .action(async (name: string) => {
      const { out, site } = context()
      const links = await site().call('links', {}, null)
      const found = links.find((one) => one.link === name)
      if (found === undefined) {
        throw new CliRefusal('LINK_UNKNOWN', 'This site has no link of that name', {
          next: 'photonward link list',
        })
      }
      out.data(found, linkView)
    })
  link
    .command('watch')
    .description(siteRoutes.watchLinks.summary)
    .action(async () => {
      const { out, site } = context()
      for await (const links of site().stream('watchLinks', {}, null)) out.line(links, linksView)
    })
  addHistoryCommand(link, context)
  link
    .command('align <link>')
    .description(siteRoutes.alignLink.summary)
    .action(async (name: string) => {
      const { out, site } = context()
      const asked = await site().call('alignLink', { link: name }, null)
      out.data(asked, () => `Asked; what came of it: photonward link history ${name}`)
    })
  link
    .command('release <link>')
    .description(siteRoutes.releaseLink.summary)
    .option('--discard', 'void all keys that are stored of the link first')
    .action(async (name: string, flags: { readonly discard?: boolean }) => {
      const { out, site } = context()
      const query = { link: name, discard: flags.discard === true ? 'yes' : 'no' } as const
      const released = await site().call('releaseLink', query, null)
      out.data(released, ({ voided }) => `Released; ${String(voided)} blocks were voided`)
    })
  addSwitchCommands(link, context)
  return link
}

function addSwitchCommands(link: Command, context: () => Context): void {
  for (const on of [true, false]) {
    link
      .command(`${on ? 'enable' : 'disable'} <link>`)
      .description(on ? 'Let a link grow keys again' : 'Let a link grow no keys; stored ones stay')
      .action(async (name: string) => {
        const { out, site } = context()
        const answer = await site().call('switchLink', { link: name }, { on })
        out.data(answer, () => `${name} is ${answer.on ? 'on' : 'off'}`)
      })
  }
}
