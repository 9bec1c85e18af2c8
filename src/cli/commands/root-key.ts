/** Commands about the root key of a folder. @module */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { HandedShares, NewRootKeyForm, RootKeyChange, Shown } from '#contract'
import { askNewSecret, askText, confirmByName, terminalFor, type Terminal } from '../ask.ts'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { listing } from '../output.ts'
import { wholeNumber } from './whole-number.ts'

/** What only the real world can do. */
export interface RootKeyPowers {
  readonly showRootKey: (folder: string) => Promise<Shown>
  readonly changeRootKeyForm: (folder: string, change: RootKeyChange) => Promise<Shown>
  readonly changeRootKey: (folder: string, change: RootKeyChange) => Promise<Shown>
  readonly readPassphrase: (file: string) => Uint8Array
}

interface ChangeFlags {
  readonly passphraseFile?: string
  readonly with?: string
  readonly newPassphraseFile?: string
  readonly shares: string
  readonly threshold: string
  readonly into?: string
}

export function addRootKeyCommands(program: Command, powers: RootKeyPowers): void {
  const context = () => newContext(program.opts())
  const show = (facts: Shown): void => {
    context().out.data(Object.fromEntries(facts), () => listing(facts))
  }
  const changeFrom = async (flags: ChangeFlags, form: string): Promise<RootKeyChange> =>
    ({
      present: flags.passphraseFile && powers.readPassphrase(flags.passphraseFile),
      next: await formOf(context(), powers, { ...flags, with: form }),
    }) as RootKeyChange
  const rootKey = program
    .command('root-key')
    .description('The key of a folder, under which everything in it is sealed')
  rootKey
    .command('status')
    .description('How the root key lies in the folder')
    .action(async () => show(await powers.showRootKey(context().folder())))
  const protect = rootKey
    .command('protect')
    .description('Keep the root key under a passphrase, in shares, or open in a file')
    .option('--with <form>', 'passphrase, shares or file', 'passphrase')
  withForms(protect).action(async (flags: ChangeFlags) => {
    const change = await changeFrom(flags, flags.with ?? 'passphrase')
    show(await powers.changeRootKeyForm(context().folder(), change))
  })
  withShares(
    rootKey
      .command('share')
      .description('Cut the root key into shares for several people; the key stays the same'),
  )
    .addHelpText('after', SHARE_HELP)
    .action(async (flags: ChangeFlags) => {
      const change = await changeFrom(flags, 'shares')
      show(await powers.changeRootKeyForm(context().folder(), change))
    })
  const rekey = rootKey
    .command('rekey')
    .description('Draw another root key, while the daemon is stopped; records are not touched')
    .option('--with <form>', 'how it shall lie: passphrase, shares or file', 'passphrase')
  withForms(rekey).action(async (flags: ChangeFlags) => {
    const { folder, flags: global } = context()
    const what = 'Every passphrase and share of the root key until now becomes void'
    await confirmByName(global, { what, name: 'rekey' })
    const change = await changeFrom(flags, flags.with ?? 'passphrase')
    show(await powers.changeRootKey(folder(), change))
  })
}

const withShares = (command: Command): Command =>
  command
    .option('--shares <count>', 'how many shares there are', '5')
    .option('--threshold <count>', 'how many of them open', '3')
    .option('--into <folder>', 'write each share into a file of its own, and show none')
    .option('--passphrase-file <file>', 'what opens it now: passphrase, or shares one a line')

const withForms = (command: Command): Command =>
  withShares(command).option('--new-passphrase-file <file>', 'the new passphrase; - for stdin')

/** @throws CliRefusal `ARGUMENT_INVALID` */
async function formOf(
  context: Context,
  powers: RootKeyPowers,
  flags: ChangeFlags,
): Promise<NewRootKeyForm> {
  const terminal = terminalFor(context.flags)
  switch (flags.with) {
    case 'file':
      return { form: 'file' }
    case 'passphrase': {
      const passphrase = await newPassphrase(powers, terminal, flags.newPassphraseFile)
      return { form: 'passphrase', passphrase }
    }
    case 'shares': {
      const shares = wholeNumber(flags.shares, 'shares', 2, 16)
      const threshold = wholeNumber(flags.threshold, 'threshold', 2, shares)
      const { into } = flags
      const handOut = (handed: HandedShares): Promise<void> =>
        into === undefined ? showShares(context, terminal, handed) : writeShares(into, handed)
      return { form: 'shares', counts: { shares, threshold }, handOut }
    }
    case undefined:
    default:
      throw new CliRefusal('ARGUMENT_INVALID', 'Expected --with passphrase, shares or file')
  }
}

async function newPassphrase(
  powers: RootKeyPowers,
  terminal: Terminal | undefined,
  file: string | undefined,
): Promise<Uint8Array> {
  if (file !== undefined) return powers.readPassphrase(file)
  if (terminal === undefined) {
    throw new CliRefusal('ARGUMENT_INVALID', 'The new passphrase is needed', {
      next: 'the same with --new-passphrase-file <file>',
    })
  }
  const message = 'New passphrase of the root key'
  return new TextEncoder().encode(await askNewSecret(terminal, message))
}

/** One file for each holder, which must not exist. @throws CliRefusal `FILE_UNWRITABLE` */
function writeShares(folder: string, handed: HandedShares): Promise<void> {
  handed.lines.forEach((_line, at) => {
    const file = join(folder, `share-${handed.ceremony}-${at + 1}.txt`)
    try {
      writeFileSync(file, shareText(handed, at), { mode: 0o600, flag: 'wx', flush: true })
    } catch (cause) {
      throw new CliRefusal('FILE_UNWRITABLE', `Cannot write ${file}; nothing was changed`, {
        cause,
      })
    }
  })
  return Promise.resolve()
}

/** On a terminal one after another, each taken away when its holder has it; else all at once. */
async function showShares(
  { out }: Context,
  terminal: Terminal | undefined,
  handed: HandedShares,
): Promise<void> {
  if (terminal === undefined) {
    const { ceremony, threshold, lines } = handed
    out.data({ ceremony, threshold, shares: lines }, () =>
      lines.map((_line, at) => shareText(handed, at)).join('\n'),
    )
    return
  }
  for (const [at, line] of handed.lines.entries()) {
    terminal.output.write(`${CLEAR}${shareText(handed, at)}\n`)
    const last = line.slice(-8)
    await askText(terminal, {
      message: 'Its holder alone looks here, and types its last eight digits once it is kept',
      problem: (answer) =>
        answer.trim().toLowerCase() === last ? undefined : 'Not its last eight',
    })
  }
  terminal.output.write(CLEAR)
}

const shareText = ({ ceremony, shares, threshold, lines }: HandedShares, at: number): string =>
  `PhotonWard: share ${at + 1} of ${shares} of a root key, any ${threshold} of which open it.\n` +
  `Ceremony ${ceremony}. Keep it apart from the others, and from the folder of the site.\n` +
  `${lines[at]}\n`

/** Takes a share off the screen, and out of what can be scrolled back to. */
const CLEAR = '\x1b[2J\x1b[3J\x1b[H'
const SHARE_HELP = `
Each share is shown once, or written to a file of its own (--into). Nothing is changed before the
last of them is with its holder; then the root key is in no file any more: at its next start the
daemon is sealed until enough holders have run photonward unseal.
`
