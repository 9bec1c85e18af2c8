/**
 * The processes of the demo, or of a network: sites and fibres, started, watched and ended.
 *
 * @module
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fibreRoutes, siteRoutes, type FibreRoutes, type SiteRoutes } from '#contract'
import { newClient, type Client } from '../client.ts'
import { ADMIN_SOCKET } from '../context.ts'
import { CliRefusal } from '../exit.ts'

/** One process with a folder and an admin socket. */
export interface Player {
  readonly name: string
  readonly folder: string
}

export interface SitePlayer extends Player {
  readonly admin: Client<SiteRoutes>
  readonly northPort: number
  readonly consolePort?: number
  readonly sae: string
}

export interface FibrePlayer extends Player {
  readonly admin: Client<FibreRoutes>
}

export const sitePlayer = (name: string, folder: string, northPort: number): SitePlayer => ({
  name,
  folder,
  northPort,
  sae: `${name}.ward`,
  admin: newClient(siteRoutes, join(folder, ADMIN_SOCKET)),
})

export const fibrePlayer = (folder: string): FibrePlayer => ({
  name: 'fibre',
  folder,
  admin: newClient(fibreRoutes, join(folder, ADMIN_SOCKET)),
})

/** Starts processes and ends all of them. */
export class Troupe {
  readonly #children = new Map<string, ChildProcess>()

  /** Starts a process; its output goes to `out.log` in its folder. */
  start({ name, folder }: Player, args: readonly string[]): void {
    const log = openSync(join(folder, OUTPUT), 'a', 0o600)
    const child = spawn(process.execPath, [...process.execArgv, MAIN, ...args], {
      stdio: ['ignore', log, log],
      env: { ...process.env, NO_COLOR: '1' },
    })
    closeSync(log)
    this.#children.set(name, child)
  }

  /** Ends one process in good order and waits for it. */
  async stop(player: Player): Promise<void> {
    const child = this.#children.get(player.name)
    this.#children.delete(player.name)
    if (child !== undefined) await ended(child)
  }

  /** Kills one process without a warning, as a power cut would, and waits for it. */
  async kill(player: Player): Promise<void> {
    const child = this.#children.get(player.name)
    this.#children.delete(player.name)
    if (child === undefined || hasEnded(child)) return
    const gone = new Promise<void>((resume) => child.once('exit', () => resume()))
    child.kill('SIGKILL')
    await gone
  }

  /** Whether it was started, and has not ended since. */
  isRunning({ name }: Player): boolean {
    const child = this.#children.get(name)
    return child !== undefined && !hasEnded(child)
  }

  async stopAll(): Promise<void> {
    const children = [...this.#children.values()]
    this.#children.clear()
    await Promise.all(children.map(ended))
  }

  /** Waits until a question is answered to our liking. @throws CliRefusal `DEMO_FAILED` */
  async until<T>(
    player: Player,
    what: string,
    ask: () => Promise<T>,
    enough: (answer: T) => boolean,
    seconds = PATIENCE_S,
  ): Promise<T> {
    const deadline = performance.now() + seconds * 1000
    for (;;) {
      this.#checkAlive(player)
      const answer = await ask().catch((error: unknown) => {
        if (error instanceof CliRefusal && error.code === 'SITE_NOT_RUNNING') return undefined
        throw error
      })
      if (answer !== undefined && enough(answer)) return answer
      if (performance.now() > deadline) {
        throw new CliRefusal('DEMO_FAILED', `${player.name}: ${what} did not happen in time`, {
          next: `look into ${join(player.folder, 'log')}`,
        })
      }
      await sleep(ASK_MS)
    }
  }

  #checkAlive({ name, folder }: Player): void {
    const child = this.#children.get(name)
    if (child === undefined || child.exitCode === null) return
    const said = readFileSync(join(folder, OUTPUT), 'utf8').trim().split('\n').at(-1) ?? ''
    throw new CliRefusal('DEMO_FAILED', `${name} ended by itself: ${said}`)
  }
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resume) => void setTimeout(resume, ms))

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null

async function ended(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const gone = new Promise<void>((resume) => child.once('exit', () => resume()))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(late)
}

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url))
const OUTPUT = 'out.log'
/** Longer than anything takes, but on a machine that has much else to do. */
const PATIENCE_S = 180
const ASK_MS = 200
const STOP_MS = 15_000
