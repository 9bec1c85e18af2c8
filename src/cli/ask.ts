/**
 * Asking a person on a terminal: for what was not given, and before what cannot be undone.
 *
 * Questions go to stderr, for stdout is data. Nobody is asked with `--no-input`, with `--json`, or
 * where there is no terminal: then the command refuses and says which option was needed.
 *
 * @module
 */

import type { Readable, Writable } from 'node:stream'
import type { GlobalFlags } from './context.ts'
import { CliRefusal } from './exit.ts'

/** The terminal, or what stands for one. */
export interface Terminal {
  readonly input: Readable
  readonly output: Writable
}

/** The terminal to ask on, or undefined where nobody may be asked. */
export function terminalFor({ json, input }: GlobalFlags): Terminal | undefined {
  if (json === true || input === false) return undefined
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  return { input: process.stdin, output: process.stderr }
}

export interface TextQuestion {
  readonly message: string
  /** Stands in the line already. */
  readonly initial?: string
  /** What is wrong with an answer; undefined if nothing is. */
  readonly problem?: (answer: string) => string | undefined
}

/** One line of text. @throws CliRefusal `INTERRUPTED` */
export async function askText(
  terminal: Terminal,
  { message, initial, problem }: TextQuestion,
): Promise<string> {
  const { text } = await import('@clack/prompts')
  const answer = await text({
    ...terminal,
    message,
    ...(initial === undefined ? {} : { initialValue: initial }),
    validate: (given) => problem?.(given ?? ''),
  })
  return unlessCancelled<string>(answer)
}

/** A secret, typed twice and never shown; empty for none. @throws CliRefusal `INTERRUPTED` */
export async function askNewSecret(terminal: Terminal, message: string): Promise<string> {
  const { password } = await import('@clack/prompts')
  const first = unlessCancelled<string>(await password({ ...terminal, message }))
  if (first === '') return ''
  const again = { message: 'The same once more', validate: sameAs(first) }
  return unlessCancelled<string>(await password({ ...terminal, ...again }))
}

/** A secret, typed once and never shown. @throws CliRefusal `INTERRUPTED` */
export async function askSecret(terminal: Terminal, message: string): Promise<string> {
  const { password } = await import('@clack/prompts')
  return unlessCancelled<string>(await password({ ...terminal, message }))
}

/** One of several. @throws CliRefusal `INTERRUPTED` */
export async function askChoice<T extends string>(
  terminal: Terminal,
  message: string,
  choices: readonly { readonly value: T; readonly label: string; readonly hint: string }[],
): Promise<T> {
  const { select } = await import('@clack/prompts')
  const options = choices.map((one) => ({ ...one })) as never
  return unlessCancelled<T>(await select<T>({ ...terminal, message, options }))
}

/**
 * Makes sure that something irreversible is meant: by `--yes`, or by its name being typed.
 *
 * @param what   what will happen, as a sentence without its end
 * @throws CliRefusal `CONFIRMATION_NEEDED` where nobody may be asked, `INTERRUPTED`
 */
export async function confirmByName(
  flags: GlobalFlags,
  { what, name }: { readonly what: string; readonly name: string },
  terminal = terminalFor(flags),
): Promise<void> {
  if (flags.yes === true) return
  if (terminal === undefined) {
    throw new CliRefusal('CONFIRMATION_NEEDED', `${what}, and cannot be undone`, {
      next: 'the same with --yes, if that is meant',
    })
  }
  await askText(terminal, {
    message: `${what}, and cannot be undone. Type ${name} to go on`,
    problem: (answer) => (answer === name ? undefined : `Type ${name}, or Ctrl-C to leave it`),
  })
}

/**
 * Makes sure that the fingerprint of a request was compared with what its operator reads: by
 * `--yes`, or by the site's name being typed below it.
 *
 * @throws CliRefusal `CONFIRMATION_NEEDED` where nobody may be asked, `INTERRUPTED`
 */
export async function confirmRequest(
  flags: GlobalFlags,
  { site, fingerprint }: { readonly site: string; readonly fingerprint: string },
  terminal = terminalFor(flags),
): Promise<void> {
  if (flags.yes === true) return
  if (terminal === undefined) {
    throw new CliRefusal('CONFIRMATION_NEEDED', 'The fingerprint of the request is not compared', {
      facts: { site, fingerprint },
      next: 'the same with --fingerprint <SHA-256 that its operator reads>, or with --yes',
    })
  }
  await askText(terminal, {
    message: `Type ${site} if its operator reads the same`,
    problem: (answer) => (answer === site ? undefined : `Type ${site}, or Ctrl-C to leave it`),
  })
}

const sameAs =
  (first: string) =>
  (given: string | undefined): string | undefined =>
    given === first ? undefined : 'It is not the same'

function unlessCancelled<T extends string>(answer: T | symbol): T {
  if (typeof answer !== 'symbol') return answer
  throw new CliRefusal('INTERRUPTED', 'Nothing was done')
}
