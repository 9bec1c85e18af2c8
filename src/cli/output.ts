/**
 * What the command line prints: data to stdout, talk to stderr; tables for people, JSON for
 * programs; colour and moving bars only on a terminal.
 *
 * @module
 */

import { isatty } from 'node:tty'
import pc from 'picocolors'
import { noteOf, Refusal } from '#base'
import { CliRefusal } from './exit.ts'

export interface OutputFlags {
  readonly json: boolean
  readonly quiet: boolean
}

/**
 * Whether to colour: where both streams are a terminal that can, or FORCE_COLOR asks for it;
 * never with NO_COLOR. That a CI system is running us is no reason: its logs are read as text.
 */
export function wantsColour(
  environment: Readonly<Record<string, string | undefined>>,
  terminal: boolean,
): boolean {
  if (isSet(environment['NO_COLOR'])) return false
  return isSet(environment['FORCE_COLOR']) || (terminal && environment['TERM'] !== 'dumb')
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== ''

/** Styles that vanish where there is no terminal. */
export const style = pc.createColors(wantsColour(process.env, isatty(1) && isatty(2)))

export interface Output {
  readonly flags: OutputFlags
  /** One JSON document with `--json`, else what `show` makes of it. */
  data<T>(value: T, show: (value: T) => string): void
  /** One line of a stream: NDJSON with `--json`. */
  line<T>(value: T, show: (value: T) => string): void
  /** Talk for a person; silent with `--quiet` or `--json`. */
  say(text: string): void
  progress(label: string): Progress
  fail(error: unknown): void
}

export interface Progress {
  update(done: number, total: number, note?: string): void
  done(note?: string): void
}

/** A reader that has seen enough, such as `head`, ends us quietly. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

export function newOutput(flags: OutputFlags): Output {
  const talk = (text: string): void => {
    if (!flags.quiet && !flags.json) process.stderr.write(`${text}\n`)
  }
  const emit = (text: string): void => {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  }
  return {
    flags,
    data: (value, show) => emit(flags.json ? JSON.stringify(value, undefined, 2) : show(value)),
    line: (value, show) => emit(flags.json ? JSON.stringify(value) : show(value)),
    say: talk,
    progress: (label) => (flags.quiet || flags.json ? silent : newProgress(label)),
    fail: (error) => process.stderr.write(flags.json ? failureJson(error) : failureText(error)),
  }
}

/** Columns padded to their widest cell; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) =>
    Math.max(...rows.map((row) => visibleWidth(row[column] ?? ''))),
  )
  const lines = rows.map((row, at) => {
    const cells = row.map((cell, column) => cell + ' '.repeat(widths[column] - visibleWidth(cell)))
    const line = cells.join('  ').trimEnd()
    return at === 0 ? style.dim(line) : line
  })
  return lines.join('\n')
}

/** Name and value on each line, values aligned. */
export function listing(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${style.dim(name.padEnd(width))}  ${value}`).join('\n')
}

/** 1234567 → `1.23 M`. */
export function scaled(value: number, unit: string): string {
  const steps = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const
  for (const [size, prefix] of steps) {
    if (Math.abs(value) >= size) return `${(value / size).toPrecision(3)} ${prefix}${unit}`
  }
  return `${Number.isInteger(value) ? String(value) : value.toPrecision(3)} ${unit}`
}

export const percent = (value: number | null): string =>
  value === null ? '–' : `${(value * 100).toFixed(2)} %`

/** `18:49:03` of a time, in UTC. */
export const clockTime = (at: number): string => new Date(at).toISOString().slice(11, 19)

/** `2026-11-20 18:49:03` in UTC. */
export const dateTime = (at: number): string =>
  new Date(at).toISOString().slice(0, 19).replace('T', ' ')

/** A bar of `width` cells. */
export function bar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

/** Width on a terminal: colour escapes have none. */
export const visibleWidth = (text: string): number => text.replaceAll(/\x1b\[[0-9;]*m/g, '').length

function newProgress(label: string): Progress {
  const moving = process.stderr.isTTY
  let shownTenth = -1
  return {
    update: (done, total, note = '') => {
      const share = total === 0 ? 1 : done / total
      const text = `${label} ${bar(share, 24)} ${String(done)}/${String(total)} ${note}`
      if (moving) {
        process.stderr.write(`\r\x1b[K${text}`)
        return
      }
      const tenth = Math.floor(share * 10)
      if (tenth === shownTenth) return
      shownTenth = tenth
      process.stderr.write(`${text.trimEnd()}\n`)
    },
    done: (note) => {
      if (moving) process.stderr.write('\r\x1b[K')
      if (note !== undefined) process.stderr.write(`${note}\n`)
    },
  }
}

const silent: Progress = { update: () => undefined, done: () => undefined }

function failureText(error: unknown): string {
  if (!(error instanceof Refusal)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return `${style.red('error')} ${text}\n`
  }
  const { message, code } = error as Refusal
  const next = error instanceof CliRefusal && error.next !== undefined ? error.next : undefined
  const line = `${style.red('refused')} ${message} ${style.dim(`[${code}]`)}\n`
  return next === undefined ? line : `${line}${style.dim('next:')} ${next}\n`
}

const failureJson = (error: unknown): string => `${JSON.stringify({ error: noteOf(error) })}\n`
