/**
 * `photonward link psk`: pre-shared keys, drawn at one site of a link and carried to the other. They
 * act on a folder, whether or not its daemon runs.
 *
 * @module
 */

import type { Command } from 'commander'
import type { Shown } from '#contract'
import { newContext } from '../context.ts'
import { intoNewFile, readFile } from '../files.ts'
import { listing, style } from '../output.ts'
import {
  COURIER,
  phrasesFrom,
  ROOT,
  type CourierPhrases,
  type PhraseFlags,
} from './courier-phrases.ts'
import { wholeNumber } from './whole-number.ts'

/** What only the real world can do. */
export interface PskPowers {
  /** Draws a key and keeps it in the folder. @returns the courier's file as well */
  readonly createPsk: (
    folder: string,
    about: CourierPhrases & { readonly link: string; readonly sessions: number },
  ) => Promise<{ readonly shown: Shown; readonly file: Uint8Array }>
  readonly importPsk: (
    folder: string,
    about: CourierPhrases & { readonly file: Uint8Array },
  ) => Promise<Shown>
  readonly readPassphrase: (file: string) => Uint8Array
}

/** Adds `psk` to the command `link`. */
export function addPskCommands(program: Command, link: Command, powers: PskPowers): void {
  const show = (facts: Shown): void =>
    newContext(program.opts()).out.data(Object.fromEntries(facts), () => listing(facts))
  const psk = link
    .command('psk')
    .description('Pre-shared keys: a link that begins with them rests on no signature')
    .addHelpText('after', HELP)
  psk
    .command('create <link> <file>')
    .description('Draw a key for a link, keep it in this site, and write the file for the other')
    .option('--sessions <count>', 'how many sessions it can begin', '256')
    .requiredOption(...COURIER)
    .option(...ROOT)
    .action(async (name: string, file: string, flags: PhraseFlags & { sessions: string }) => {
      const sessions = wholeNumber(flags.sessions, 'sessions', 1, 4096)
      const folder = newContext(program.opts()).folder()
      const about = { ...phrasesFrom(flags, powers.readPassphrase), link: name, sessions }
      const facts: (readonly [string, string])[] = []
      await intoNewFile(file, async () => {
        const made = await powers.createPsk(folder, about)
        facts.push(...made.shown)
        return made.file
      })
      show([...facts, ['file', file], NEXT])
    })
  psk
    .command('import <file>')
    .description('Keep the key that a courier has brought from the other site of a link')
    .requiredOption(...COURIER)
    .option(...ROOT)
    .action(async (file: string, flags: PhraseFlags) => {
      const folder = newContext(program.opts()).folder()
      show(
        await powers.importPsk(folder, {
          ...phrasesFrom(flags, powers.readPassphrase),
          file: readFile(file),
        }),
      )
    })
}

const NEXT = ['next', 'link psk import at the other site; tell the passphrase another way'] as const

const HELP = `
${style.bold('Examples')}
  photonward --site bristol/ link psk create bristol-cambridge key.psk --courier-passphrase-file p
  photonward --site cambridge/ link psk import key.psk --courier-passphrase-file p
Then say "bootstrap": "psk" for the link in photonward.json of both sites, and restart both.
`
