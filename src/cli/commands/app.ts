/** Commands about apps that may ask for access tokens. @module */

import type { Command } from 'commander'
import { siteRoutes, type AppView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { readFile } from '../files.ts'
import { dateTime, table } from '../output.ts'

interface AppFlags {
  readonly name?: string
  readonly scope: string
  readonly jwks: string
}

export function addAppCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const app = program
    .command('app')
    .description('Backend services that may ask for access tokens (SMART)')
  app
    .command('list')
    .description(siteRoutes.apps.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('apps', {}, null), appsView)
    })
  app
    .command('add <client>')
    .description(siteRoutes.addApp.summary)
    .requiredOption('--scope <scopes>', 'the most it may have: "system/Observation.rs …"')
    .option('--name <name>', 'as people know it; the client unless said')
    .requiredOption('--jwks <file>', 'JWK Set with its public keys (private_key_jwt)')
    .action(async (client: string, { name = client, scope, jwks: file }: AppFlags) => {
      const { out, site } = context()
      const jwks = new TextDecoder().decode(readFile(file))
      const added = await site().call('addApp', {}, { client, name, scope, jwks })
      out.data(added, (one) => appsView([one]))
    })
  app
    .command('remove <client>')
    .description(siteRoutes.removeApp.summary)
    .action(async (client: string) => {
      const { out, site } = context()
      out.data(await site().call('removeApp', { client }, null), () => `${client} is gone`)
    })
}

function appsView(apps: readonly AppView[]): string {
  if (apps.length === 0) return 'No apps: photonward app add --help'
  const rows = apps.map(({ client, name, scope, since }) => [client, name, scope, dateTime(since)])
  return table([['CLIENT', 'NAME', 'AT MOST', 'SINCE'], ...rows])
}
