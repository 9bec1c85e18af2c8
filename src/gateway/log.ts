/**
 * The Log port: one JSON document a line, to a stream, to files of bounded size, or to both.
 *
 * An event that comes too often is cut to so many lines a minute, and the rest counted: whoever
 * knocks at a port all day must not push everything else out of files of bounded size.
 *
 * For the operator of this site. What people did with records is not here but in the audit log:
 * this one may lose lines (a full disk) and is not tamper-evident. It never throws, for a daemon
 * must not fall over its own log; it counts what it could not write and says so later.
 *
 * @module
 */

import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { isoTime, MINUTE_MS, type Clock, type Facts, type Log, type LogLevel } from '#base'
import { systemCode } from './system.ts'

/** Takes whole lines; may throw, which counts as a lost line. */
export interface LineSink {
  write(line: string): void
  close(): void
}

export interface JsonLogOptions {
  readonly clock: Clock
  readonly sinks: readonly LineSink[]
  /** Lines below this are dropped; `info` unless said otherwise. */
  readonly least?: LogLevel
}

/** A log that writes `{"at", "level", "event", "facts"}` lines. */
export class JsonLog implements Log, Disposable {
  readonly #clock: Clock
  readonly #sinks: readonly LineSink[]
  readonly #least: number
  /** Lines that a sink refused since the last one it took. */
  readonly #lost = new Map<LineSink, number>()
  /** Lines of each event in the present minute. */
  readonly #counts = new Map<string, number>()
  #minute = 0

  constructor({ clock, sinks, least = 'info' }: JsonLogOptions) {
    this.#clock = clock
    this.#sinks = sinks
    this.#least = LEVELS.indexOf(least)
  }

  write(level: LogLevel, event: string, facts: Facts = {}): void {
    if (LEVELS.indexOf(level) < this.#least) return
    if (Math.floor(this.#clock.monotonicMs() / MINUTE_MS) !== this.#minute) this.#turnMinute()
    const count = (this.#counts.get(event) ?? 0) + 1
    if (count === 1 && this.#counts.size >= EVENTS_MAX) return
    this.#counts.set(event, count)
    if (count <= EVENT_LINES_MAX) this.#tell(level, event, facts)
  }

  #tell(level: LogLevel, event: string, facts: Facts): void {
    for (const sink of this.#sinks) this.#put(sink, level, event, facts)
  }

  /** Says which events were cut in the minute that is over. */
  #turnMinute(): void {
    this.#minute = Math.floor(this.#clock.monotonicMs() / MINUTE_MS)
    const cut = [...this.#counts].filter(([, count]) => count > EVENT_LINES_MAX)
    this.#counts.clear()
    for (const [event, count] of cut) {
      this.#tell('warning', 'log-lines-cut', { of: event, lines: count - EVENT_LINES_MAX })
    }
  }

  #put(sink: LineSink, level: LogLevel, event: string, facts: Facts): void {
    const lost = this.#lost.get(sink) ?? 0
    try {
      if (lost > 0) sink.write(this.#line('warning', 'log-lines-lost', { lines: lost }))
      this.#lost.delete(sink)
      sink.write(this.#line(level, event, facts))
    } catch {
      this.#lost.set(sink, (this.#lost.get(sink) ?? 0) + 1)
    }
  }

  #line(level: LogLevel, event: string, facts: Facts): string {
    const at = isoTime(this.#clock.now())
    const kept = Object.entries(facts).slice(0, FACTS_MAX)
    const told = Object.fromEntries(kept.map(([name, fact]) => [clip(name), tell(fact)]))
    return `${JSON.stringify({ at, level, event: clip(event), facts: told })}\n`
  }

  [Symbol.dispose](): void {
    for (const sink of this.#sinks) sink.close()
  }
}

/** A fact that JSON can hold. A type that a caller smuggled in is named, not shown. */
function tell(fact: unknown): string | number | boolean {
  if (typeof fact === 'boolean') return fact
  if (typeof fact === 'number') return Number.isFinite(fact) ? fact : String(fact)
  return typeof fact === 'string' ? clip(fact) : `not a fact: ${typeof fact}`
}

const clip = (text: string): string =>
  text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`

/** Lines to a stream of the process, such as standard error, written as they come. */
export function streamSink(descriptor: number): LineSink {
  return {
    write: (line) => void writeSync(descriptor, line),
    close: () => undefined,
  }
}

/** Where a `FileSink` writes, and how much of it stays. */
export interface FileSinkOptions {
  readonly path: string
  /** Size at which a file is put aside as `.1` and a new one begun; 10 MiB unless said. */
  readonly octetsMax?: number
  /** Files kept beside the current one, at least 1; 4 unless said. */
  readonly olderMax?: number
}

/**
 * Lines to a file of bounded size, mode 0600, with `.1` the youngest of the older files; its folder
 * is made if there is none.
 *
 * Lines go to the operating system as they come: the end of the process loses none, a power cut may
 * lose the last ones.
 */
export class FileSink implements LineSink {
  readonly #path: string
  readonly #octetsMax: number
  readonly #olderMax: number
  #descriptor: number | undefined
  #octets = 0

  constructor({ path, octetsMax = FILE_OCTETS_MAX, olderMax = OLDER_FILES_MAX }: FileSinkOptions) {
    this.#path = path
    this.#octetsMax = octetsMax
    this.#olderMax = Math.max(1, olderMax)
  }

  write(line: string): void {
    const octets = Buffer.byteLength(line)
    let descriptor = this.#open()
    if (this.#octets > 0 && this.#octets + octets > this.#octetsMax) {
      this.#rotate()
      descriptor = this.#open()
    }
    const written = writeSync(descriptor, line)
    this.#octets += written
    // Half a line at the end of a full disk is ended there, so that the next one stays readable.
    if (written < octets) {
      this.#octets += writeSync(descriptor, '\n')
      throw new Error('The line was cut off')
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #open(): number {
    if (this.#descriptor === undefined) {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
      this.#descriptor = openSync(this.#path, 'a', 0o600)
      this.#octets = fstatSync(this.#descriptor).size
    }
    return this.#descriptor
  }

  #rotate(): void {
    this.close()
    for (let older = this.#olderMax; older >= 1; older--) {
      const from = older === 1 ? this.#path : `${this.#path}.${older - 1}`
      renameIfThere(from, `${this.#path}.${older}`)
    }
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error']
const FILE_OCTETS_MAX = 10 * 1024 * 1024
const OLDER_FILES_MAX = 4
/** UTF-16 units of one event name or fact. */
const TEXT_MAX = 1024
const FACTS_MAX = 64
/** Lines of one event in a minute, and different events in a minute. */
export const EVENT_LINES_MAX = 300
const EVENTS_MAX = 1000
