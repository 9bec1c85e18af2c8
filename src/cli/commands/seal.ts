/** Commands that seal a site, and open it again. @module */

import { join } from 'node:path'
import type { Command } from 'commander'
import { siteRoutes, type SealView } from '#contract'
import { askSecret, terminalFor } from '../ask.ts'
import { newClient } from '../client.ts'
import { newContext } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { listing } from '../output.ts'

/** What only the real world can do. */
export interface SealPowers {
  readonly readPassphrase: (file: string) => Uint8Array
}

export function addSealCommands(program: Command, powers: SealPowers): void {
  program
    .command('unseal')
    .description('Open a sealed site: by its passphrase, or by your share of its root key')
    .option('--secret-file <file>', 'passphrase or share; - for stdin. Asked for on a terminal')
    .option('--as <daemon>', 'which of several daemons of the site')
    .option('--show', 'give nothing: how far it is')
    .action(async (flags: { secretFile?: string; as?: string; show?: boolean }) => {
      const { out, site, folder, flags: global } = newContext(program.opts())
      const { as } = flags
      const client =
        as === undefined ? site() : newClient(siteRoutes, join(folder(), `sealed-${as}.sock`))
      const before = await client.call('sealState', {}, null)
      if (flags.show === true || before.state !== 'sealed') {
        out.data(before, sealScreen)
        return
      }
      const terminal = terminalFor(global)
      const question = before.form === 'shares' ? 'Your share' : 'Passphrase of the root key'
      if (flags.secretFile === undefined && terminal === undefined) {
        throw new CliRefusal('ARGUMENT_INVALID', 'A passphrase or a share is needed', {
          next: 'the same with --secret-file <file>',
        })
      }
      const given =
        flags.secretFile === undefined
          ? terminal && (await askSecret(terminal, question))
          : secretIn(powers.readPassphrase(flags.secretFile), before)
      out.data(await client.call('unseal', {}, { secret: given ?? '' }), sealScreen)
    })
  program
    .command('seal')
    .description(siteRoutes.seal.summary)
    .action(async () => {
      const { out, site } = newContext(program.opts())
      await site().call('seal', {}, null)
      out.say('The site is being sealed: photonward unseal opens it')
    })
}

/** A passphrase as it stands in its file; of a file about a share, the line that is the share. */
function secretIn(octets: Uint8Array, { form }: SealView): string {
  const text = new TextDecoder().decode(octets)
  if (form !== 'shares') return text
  const lines = text.split('\n').filter((line) => /^\s*pws1-/i.test(line))
  if (lines.length === 1) return lines[0].trim()
  throw new CliRefusal('ARGUMENT_INVALID', `Expected a file with one share, got ${lines.length}`)
}

const sealScreen = (view: SealView): string =>
  listing([
    ['state', STATES[view.state]],
    ...(view.state !== 'sealed' || view.form !== 'shares'
      ? []
      : ([
          ['shares', `${view.given.length} of ${view.threshold} given`],
          ['given', view.given.map(String).join(', ') || 'none'],
          ['ceremony', `${view.ceremony ?? ''}, ${view.shares} shares`],
        ] as const)),
    ...(view.refused === 0 ? [] : ([['refused', String(view.refused)]] as const)),
  ])

const STATES: Readonly<Record<SealView['state'], string>> = {
  sealed: 'sealed: it answers nothing before it is opened',
  opening: 'opening: all that is needed was given, and the site starts',
  open: 'open',
}
