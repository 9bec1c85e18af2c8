/**
 * What the audience of the demo sees: headings, lines, and a few lines that move.
 *
 * On a terminal the moving lines are drawn over; elsewhere one is printed now and then, so that a
 * log of the demo stays readable.
 *
 * @module
 */

import { style, visibleWidth } from '../output.ts'

export class Stage {
  readonly #quiet: boolean
  readonly #moving: boolean
  #drawn = 0
  #lastPrintedMs = 0
  readonly #begunMs = performance.now()

  constructor(quiet: boolean) {
    this.#quiet = quiet
    this.#moving = process.stderr.isTTY
  }

  /** Seconds since the curtain rose. */
  get seconds(): number {
    return (performance.now() - this.#begunMs) / 1000
  }

  title(text: string, below: string): void {
    this.line('')
    this.line(style.bold(text))
    this.line(style.dim(below))
  }

  act(number: number, name: string, below: string): void {
    this.line('')
    this.line(`${style.cyan(style.bold(`${String(number)}  ${name}`))}  ${style.dim(below)}`)
  }

  /** One line that stays. */
  line(text: string): void {
    this.settle()
    if (!this.#quiet) process.stderr.write(`${text}\n`)
  }

  /** Something that was seen to hold. */
  tick(text: string): void {
    this.line(`   ${style.green('✓')} ${text}`)
  }

  /** Something bad that is meant to be shown. */
  cross(text: string): void {
    this.line(`   ${style.red('✗')} ${text}`)
  }

  note(text: string): void {
    this.line(`     ${style.dim(text)}`)
  }

  /** A command that the reader could type instead. */
  command(text: string): void {
    this.line(`     ${style.dim('$')} ${text}`)
  }

  /** Lines that replace those of the last call. */
  live(lines: readonly string[]): void {
    if (this.#quiet) return
    const now = performance.now()
    if (!this.#moving) {
      if (now - this.#lastPrintedMs < PRINT_MS) return
      this.#lastPrintedMs = now
      for (const line of lines) process.stderr.write(`   ${line}\n`)
      return
    }
    this.#erase()
    for (const line of lines) process.stderr.write(`   ${line}\n`)
    this.#drawn = lines.length
  }

  /** Leaves the moving lines as they are. */
  settle(): void {
    this.#drawn = 0
    this.#lastPrintedMs = 0
  }

  box(title: string, rows: readonly (readonly [string, string])[]): void {
    const left = Math.max(...rows.map(([name]) => visibleWidth(name)))
    const lines = rows.map(([name, value]) => {
      return `${style.dim(name)}${' '.repeat(left - visibleWidth(name))}  ${value}`
    })
    const width = Math.max(visibleWidth(title), ...lines.map(visibleWidth))
    this.line('')
    this.line(`  ╭─ ${style.bold(title)} ${'─'.repeat(width - visibleWidth(title))}─╮`)
    for (const line of lines) {
      this.line(`  │  ${line}${' '.repeat(width - visibleWidth(line))}  │`)
    }
    this.line(`  ╰${'─'.repeat(width + 4)}╯`)
  }

  #erase(): void {
    if (this.#drawn > 0) process.stderr.write(`\x1b[${String(this.#drawn)}A\x1b[0J`)
    this.#drawn = 0
  }
}

/** Time between two printed states where nothing can move. */
const PRINT_MS = 3000
