/**
 * What a person shows who acts at the admin socket: the command line has no session of anybody.
 *
 * @module
 */

import { askSecret, askText, terminalFor } from './ask.ts'
import type { Powers } from './commands/setup.ts'
import type { Context } from './context.ts'
import { CliRefusal } from './exit.ts'

/** Options of a command that somebody gives a name to. */
export interface CredentialFlags {
  readonly as: string
  readonly passwordFile?: string
  readonly code?: string
}

/** Login, password and code: given, or asked for. @throws CliRefusal `ARGUMENT_INVALID` */
export async function credentialsFrom(
  { readPassphrase }: Pick<Powers, 'readPassphrase'>,
  { flags: global }: Pick<Context, 'flags'>,
  flags: CredentialFlags,
): Promise<{ readonly login: string; readonly password: string; readonly code: string }> {
  const terminal = terminalFor(global)
  const password =
    flags.passwordFile === undefined
      ? terminal && (await askSecret(terminal, `Password of ${flags.as}`))
      : new TextDecoder().decode(readPassphrase(flags.passwordFile))
  const code = flags.code ?? (terminal && (await askText(terminal, { message: 'Code' })))
  if (password !== undefined && code !== undefined) return { login: flags.as, password, code }
  throw new CliRefusal('ARGUMENT_INVALID', 'Nobody can be asked here: give --password-file, --code')
}
