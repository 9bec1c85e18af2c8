/**
 * Processes of PhotonWard: commands that run to their end, and daemons that are ended by their id.
 *
 * Whatever is still running when the test process exits is killed then.
 *
 * @module
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { resolve } from 'node:path'
import { Hopeless, LIMIT_MS, until } from './until.ts'

const main = resolve(import.meta.dirname, '../../src/main.ts')
/** The flags with which the launcher `./photonward` starts Node. */
const FLAGS = [
  '--no-experimental-ffi',
  '--disable-proto=throw',
  '--max-semi-space-size=2',
  '--initial-heap-size=128',
]

/** The arguments of Node that run a photonward command. */
export const commandLine = (args: readonly string[]): string[] => [...FLAGS, main, ...args]

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** What a command said and how it ended. */
export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly limitMs?: number
}

/** Runs `photonward` with these arguments to its end. */
export const photonward = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  run(process.execPath, commandLine(args), options)

/** Runs a program to its end; killed at the limit. */
export async function run(
  program: string,
  args: readonly string[],
  { input, env = {}, cwd, limitMs = LIMIT_MS }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: { ...cleanEnvironment(), ...env },
    ...(cwd === undefined ? {} : { cwd }),
  })
  running.add(child)
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // A program that ends without reading its input breaks the pipe.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const { promise, resolve: done, reject } = Promise.withResolvers<Ended>()
  child.once('error', reject)
  child.once('close', (status, signal) => done({ status, signal, stdout, stderr }))
  return promise.finally(() => {
    clearTimeout(timer)
    running.delete(child)
  })
}

/**
 * The environment without what would change how a command behaves or finds its site; and as in
 * a CI system, which must not change it.
 */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const changing = /^(NODE_|PHOTONWARD_|FORCE_COLOR$|NO_COLOR$)/
  const kept = Object.entries(process.env).filter(([name]) => !changing.test(name))
  return { ...Object.fromEntries(kept), CI: 'true' }
}

/** A daemon as a child process: started, killed and started again over the same folder. */
export class DaemonProcess {
  readonly name: string
  readonly #program: string
  readonly #args: readonly string[]
  readonly #input: string | undefined
  #child: ChildProcess | undefined
  #ended: Promise<Ended> | undefined
  #stdout = ''
  #stderr = ''

  /** @param wrap   a program and arguments before those of Node, such as `unshare` */
  constructor(
    name: string,
    args: readonly string[],
    { wrap = [], input }: { wrap?: readonly string[]; input?: string } = {},
  ) {
    this.name = name
    const [program, ...more] = [...wrap, process.execPath, ...commandLine(args)]
    this.#program = program
    this.#args = more
    this.#input = input
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** Everything that this run has written to standard output and error. */
  get output(): string {
    return this.#stdout + this.#stderr
  }

  /** Starts it, and does not wait. */
  launch(): void {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`)
    this.#stdout = ''
    this.#stderr = ''
    const child = spawn(this.#program, this.#args, { stdio: 'pipe', env: cleanEnvironment() })
    this.#child = child
    running.add(child)
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    child.stdin.on('error', () => undefined)
    child.stdin.end(this.#input)
    const { promise, resolve: done, reject } = Promise.withResolvers<Ended>()
    child.once('error', reject)
    child.once('close', (status, signal) => {
      running.delete(child)
      this.#child = undefined
      done({ status, signal, stdout: this.#stdout, stderr: this.#stderr })
    })
    this.#ended = promise
  }

  /** Starts it and waits until it says that it serves. */
  async start(): Promise<void> {
    this.launch()
    await until(`${this.name} serves`, () => {
      if (!this.isRunning) throw new Hopeless(`${this.name} has ended: ${this.output}`)
      return this.#stdout.includes('\n')
    })
  }

  /** Waits for its end. */
  async ended(): Promise<Ended> {
    if (this.#ended === undefined) throw new Error(`${this.name} was never started`)
    return this.#ended
  }

  /** `kill -9`, or another signal; resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal)
    if (this.#ended !== undefined) await this.#ended
  }
}
