/** Commands about apps that may ask for access tokens. @module */

import type { Command } from 'commander'
import { siteRoutes, type AppView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { readFile } from '../files.ts'
import { dateTime, table } from '../output.ts'

interface AppFlags {
  readonly name?: string
  readonly scope: string
  readonly jwks?: string
  readonly redirect?: string[]
}

export function addAppCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const app = program.command('app').description('Apps that may ask for access tokens (SMART)')
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
    .option('--name <name>', 'as people are asked about it; the client unless said')
    .option('--jwks <file>', 'JWK Set with public keys: a backend service (private_key_jwt)')
    .option('--redirect <uri...>', 'addresses it is sent back to: an app that people use (PKCE)')
    .action(async (client: string, { name = client, scope, jwks, redirect }: AppFlags) => {
      const { out, site } = context()
      if ((jwks === undefined) === (redirect === undefined)) {
        throw new CliRefusal('ARGUMENT_INVALID', 'Give either --jwks or --redirect')
      }
      const wish = { client, name, scope, redirectUris: redirect ?? [] }
      const kind =
        jwks === undefined
          ? { kind: 'public' as const }
          : { kind: 'backend' as const, jwks: new TextDecoder().decode(readFile(jwks)) }
      out.data(await site().call('addApp', {}, { ...wish, ...kind }), (one) => appsView([one]))
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
  const rows = apps.map(({ client, name, kind, scope, since }) => [
    ...[client, name, kind, scope, dateTime(since)],
  ])
  return table([['CLIENT', 'NAME', 'KIND', 'AT MOST', 'SINCE'], ...rows])
}
