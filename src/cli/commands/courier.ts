/**
 * `photonward key export-courier` and `import-courier`: keys that a person carries from one site to
 * another. They act on a folder, whether or not its daemon runs.
 *
 * @module
 */

import type { Command } from 'commander'
import type { Shown } from '#contract'
import { newContext } from '../context.ts'
import { intoNewFile, readFile } from '../files.ts'
import { listing } from '../output.ts'
import {
  COURIER,
  phrasesFrom,
  ROOT,
  type CourierPhrases,
  type PhraseFlags,
} from './courier-phrases.ts'
import { wholeNumber } from './whole-number.ts'

/** What only the real world can do. */
export interface CourierPowers {
  /** Draws keys and keeps them in the folder. @returns the courier's file as well */
  readonly exportKeys: (
    folder: string,
    about: CourierPhrases & { readonly to: string; readonly octets: number },
  ) => Promise<{ readonly shown: Shown; readonly file: Uint8Array }>
  readonly importKeys: (
    folder: string,
    about: CourierPhrases & { readonly file: Uint8Array },
  ) => Promise<Shown>
  readonly readPassphrase: (file: string) => Uint8Array
}

/** Adds both commands to the command `key`. */
export function addCourierCommands(program: Command, key: Command, powers: CourierPowers): void {
  key
    .command('export-courier <file>')
    .description('Draw keys for another site, keep them here, and write the file for the courier')
    .requiredOption('--to <site>', 'the other site, named among couriers in photonward.json')
    .option('--octets <count>', 'how many octets of key', '65536')
    .requiredOption(...COURIER)
    .option(...ROOT)
    .action(async (file: string, flags: PhraseFlags & { to: string; octets: string }) => {
      const { out, folder } = newContext(program.opts())
      const octets = wholeNumber(flags.octets, 'octets', 256, 4 * 1024 * 1024)
      const facts: (readonly [string, string])[] = []
      out.say('Sealing under the passphrase takes about a second')
      await intoNewFile(file, async () => {
        const about = { ...phrasesFrom(flags, powers.readPassphrase), to: flags.to, octets }
        const made = await powers.exportKeys(folder(), about)
        facts.push(...made.shown)
        return made.file
      })
      const shown: Shown = [...facts, ['file', file], NEXT]
      out.data(Object.fromEntries(shown), () => listing(shown))
    })
  key
    .command('import-courier <file>')
    .description('Keep the keys that a courier has brought; each file is good once')
    .requiredOption(...COURIER)
    .option(...ROOT)
    .action(async (file: string, flags: PhraseFlags) => {
      const { out, folder } = newContext(program.opts())
      out.say('Opening under the passphrase takes about a second')
      const about = { ...phrasesFrom(flags, powers.readPassphrase), file: readFile(file) }
      const shown = await powers.importKeys(folder(), about)
      const told: Shown = [...shown, ['next', 'both daemons put them to use when they meet']]
      out.data(Object.fromEntries(told), () => listing(told))
    })
}

const NEXT = [
  'next',
  'key import-courier at the other site within 90 days; tell the passphrase another way',
] as const
