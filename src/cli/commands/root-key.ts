/** Commands about the root key of a folder. @module */

import type { Command } from 'commander'
import type { Shown } from '#contract'
import { newContext } from '../context.ts'
import { listing } from '../output.ts'

/** What only the real world can do. */
export interface RootKeyPowers {
  readonly showRootKey: (folder: string) => Promise<Shown>
  readonly changePassphrase: (
    folder: string,
    phrases: { readonly present: Uint8Array | undefined; readonly next: Uint8Array },
  ) => Promise<Shown>
  readonly readPassphrase: (file: string) => Uint8Array
}

export function addRootKeyCommands(program: Command, powers: RootKeyPowers): void {
  const context = () => newContext(program.opts())
  const show = (facts: Shown): void => {
    context().out.data(Object.fromEntries(facts), () => listing(facts))
  }
  const rootKey = program
    .command('root-key')
    .description('The key of a folder, under which everything in it is sealed')
  rootKey
    .command('status')
    .description('How the root key lies in the folder')
    .action(async () => show(await powers.showRootKey(context().folder())))
  rootKey
    .command('protect')
    .description('Put the root key under a passphrase, or under another; the key stays the same')
    .requiredOption('--new-passphrase-file <file>', 'the passphrase from now on; - for stdin')
    .option('--passphrase-file <file>', 'the passphrase until now, where there is one')
    .action(async (options: { newPassphraseFile: string; passphraseFile?: string }) => {
      const { newPassphraseFile, passphraseFile } = options
      const present =
        passphraseFile === undefined ? undefined : powers.readPassphrase(passphraseFile)
      const next = powers.readPassphrase(newPassphraseFile)
      show(await powers.changePassphrase(context().folder(), { present, next }))
    })
}
