/** Commands about apps that may ask for access tokens. @module */

import { Option, type Command } from 'commander'
import { siteRoutes, type AppView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { readText } from '../files.ts'
import { dateTime, table } from '../output.ts'

interface AppFlags {
  readonly name?: string
  readonly scope: string
  readonly jwks?: string
  readonly redirectUri?: string[]
  readonly launch?: string
  readonly public?: true
  readonly confidential?: true
}

export function addAppCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const app = program
    .command('app')
    .description('Apps that may ask for access tokens (SMART): of people, and backend services')
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
    .option('--jwks <file>', 'JWK Set with its public keys (private_key_jwt)')
    .option('--public', 'an app of people that keeps no key: it runs in a browser or on a phone')
    .addOption(
      new Option('--confidential', 'an app of people that has keys of its own (--jwks)').conflicts(
        'public',
      ),
    )
    .option('--redirect-uri <url...>', 'where people are sent back to, exactly so')
    .option('--launch <url>', 'where the app begins when it is launched for a patient')
    .action(async (client: string, flags: AppFlags) => {
      const { out, site } = context()
      const added = await site().call('addApp', {}, newApp(client, flags))
      out.data(added, (one) => appsView([one]))
    })
  app
    .command('launch <client>')
    .description(siteRoutes.launchApp.summary)
    .requiredOption('--patient <id>', 'the patient, by its identifier in FHIR')
    .requiredOption('--person <person>', 'who is to use it, by login name')
    .action(async (client: string, about: { readonly patient: string; person: string }) => {
      const { out, site } = context()
      out.data(await site().call('launchApp', { client }, about), ({ url }) => url)
    })
  app
    .command('remove <client>')
    .description(siteRoutes.removeApp.summary)
    .action(async (client: string) => {
      const { out, site } = context()
      out.data(await site().call('removeApp', { client }, null), () => `${client} is gone`)
    })
}

function newApp(client: string, flags: AppFlags) {
  const { name = client, scope, jwks: file, redirectUri: redirectUris = [], launch } = flags
  const ofPeople = flags.confidential === true ? 'confidential' : 'backend'
  const kind: AppView['kind'] = flags.public === true ? 'public' : ofPeople
  return {
    ...{ client, name, kind, scope, redirectUris },
    ...(launch === undefined ? {} : { launchUrl: launch }),
    ...(file === undefined ? {} : { jwks: readText(file) }),
  }
}

function appsView(apps: readonly AppView[]): string {
  if (apps.length === 0) return 'No apps: photonward app add --help'
  const rows = apps.map(({ client, kind, name, scope, since }) => {
    return [client, kind, name, scope, dateTime(since)]
  })
  return table([['CLIENT', 'KIND', 'NAME', 'AT MOST', 'SINCE'], ...rows])
}
