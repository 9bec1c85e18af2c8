/**
 * Studies: the models of the link beside published figures. They compute; `main.ts` hands them in.
 *
 * @module
 */

import type { Command } from 'commander'
import { newContext } from '../context.ts'
import { EXIT } from '../exit.ts'

/** How a study is run, and where its words go. */
export interface StudyOptions {
  readonly json: boolean
  /** Folder for the plots; made if it is not there. */
  readonly out: string
  readonly say: (text: string) => void
  readonly print: (text: string) => void
}

export interface StudyPowers {
  /** Lists the studies if none is named. @returns false if one is unknown */
  readonly study: (names: readonly string[], options: StudyOptions) => Promise<boolean>
}

export function addStudyCommand(program: Command, powers: StudyPowers): void {
  program
    .command('study [names...]')
    .description('Compare our models with published figures; lists the studies if none is named')
    .option('--out <folder>', 'folder for the plots (SVG)', 'studies')
    .action(async (names: string[], { out: folder }: { out: string }) => {
      const { out } = newContext(program.opts())
      const known = await powers.study(names, {
        json: out.flags.json,
        out: folder,
        say: (text) => out.say(text),
        print: (text) => void process.stdout.write(`${text}\n`),
      })
      process.exitCode = known ? EXIT.ok : EXIT.usage
    })
}
