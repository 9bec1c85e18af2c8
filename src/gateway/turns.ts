/**
 * A daemon that is open or sealed by turns: open while it has the root key of its site.
 *
 * It starts open where the key lies in the folder, or passphrase or shares came with the start.
 * Otherwise it starts sealed: it holds the folder, says at its listeners that it is sealed, and takes
 * passphrase or shares at its admin socket until they are enough. `seal` goes the way back.
 *
 * @module
 */

import { join } from 'node:path'
import { noteOf } from '#base'
import { siteRoutes, type SealView, type SiteFacts } from '#contract'
import {
  openUnsealing,
  readRootKey,
  rootFingerprintIn,
  rootKeyForm,
  sealedCredentials,
  sealedHandlers,
  sealedKeys,
  sealedRecords,
  type Unsealed,
  type Unsealing,
} from '#site'
import { openAdmin } from './admin.ts'
import { ConsoleSessions } from './console-sessions.ts'
import { openConsole, type ConsoleListener } from './console.ts'
import { openDisk } from './disk.ts'
import { openHttp } from './http.ts'
import { addressText } from './listen.ts'
import { startAmongSeveral } from './several-daemons.ts'
import { Shutdown } from './shutdown.ts'
import {
  ADMIN_SOCKET,
  assemble,
  CONSOLE_PAGES,
  exitFailed,
  type Assembly,
  type Daemon,
} from './site-daemon.ts'
import { openSiteDisk } from './site-disk.ts'
import { openSiteStore } from './store-open.ts'
import type { Credentials } from './tls.ts'

/** What all turns of a daemon have in common. Its shutdown ends the last of them. */
export type Standing = Pick<Assembly, 'options' | 'folder' | 'configuration' | 'shutdown' | 'ports'>

/** Starts a daemon, open if it can be. @throws GatewayRefusal, RootKeyRefusal and others */
export async function startInTurns(standing: Standing): Promise<Daemon> {
  const turns = new Turns(standing)
  const facts = await turns.begin()
  const { shutdown } = standing
  const stop = (reason: string): Promise<void> => shutdown.run(reason).then(() => turns.end())
  return { facts, ended: turns.ended, stop }
}

class Turns {
  readonly ended: Promise<void>
  readonly end: () => void
  readonly #standing: Standing
  #turn: Shutdown | undefined
  /** The listeners' credentials from the open turn before, if there was one. */
  #north: Credentials | undefined

  constructor(standing: Standing) {
    this.#standing = standing
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.ended = promise
    this.end = () => resolve(undefined)
    standing.shutdown.add('listen', 'turn', () => this.#turn?.run('the daemon ends'))
  }

  async begin(): Promise<SiteFacts> {
    const { options, folder } = this.#standing
    const disk = openDisk(folder)
    const { form } = await rootKeyForm(disk)
    if (form !== 'file' && options.passphrase === undefined) return await this.#sealed()
    return await this.#open({ root: await readRootKey(disk, options.passphrase) })
  }

  /** @param with.root   this turn's from now on */
  async #open({ root, ...unsealed }: Pick<Unsealed, 'root'> & Partial<Unsealed>) {
    const turn = this.#newTurn()
    turn.add('close', 'root key', () => root[Symbol.dispose]())
    const { form, refused } = unsealed
    const assembly: Assembly = {
      ...this.#standing,
      shutdown: turn,
      root,
      unsealed: form === undefined || refused === undefined ? undefined : { form, refused },
      onSeal: (north) => this.#change(turn, north),
    }
    const { folder, configuration, options, ports } = assembly
    try {
      const daemon =
        options.as === undefined
          ? await assemble(assembly, {
              store: await openSiteStore(folder, configuration, ports.clock),
              disk: openSiteDisk(folder, configuration, ports),
            })
          : await startAmongSeveral(assembly, options.as)
      void daemon.ended.then(() => this.#over(turn))
      return daemon.facts
    } catch (error) {
      await turn.run('start refused')
      throw error
    }
  }

  /** An open turn has ended by itself: then so does the daemon, unless it was to be sealed. */
  async #over(turn: Shutdown): Promise<void> {
    if (this.#turn !== turn) return
    await this.#standing.shutdown.run('the site has stopped')
    this.end()
  }

  /** From open to sealed, once the answer to whoever asked for it is out. */
  #change(turn: Shutdown, north: Credentials): void {
    if (this.#turn !== turn) return
    this.#turn = undefined
    this.#north = north
    this.#standing.ports.clock.after(ANSWER_MS, () => {
      void turn
        .run('sealed by the operator')
        .then(() => this.#sealed())
        .catch((error: unknown) => this.#failed(error))
    })
  }

  async #sealed(): Promise<SiteFacts> {
    const turn = this.#newTurn()
    const { folder, configuration, options, ports } = this.#standing
    try {
      if (options.as === undefined) {
        // Nobody else works in the folder meanwhile.
        const store = await openSiteStore(folder, configuration, ports.clock)
        turn.add('close', 'store', () => store[Symbol.asyncDispose]())
      }
      const unsealing = await openUnsealing({ disk: openDisk(folder), ...ports })
      turn.add('close', 'shares', () => unsealing[Symbol.dispose]())
      const facts = await this.#listen(turn, unsealing)
      void unsealing.opened.then((unsealed) => this.#unseal(turn, unsealed))
      ports.log.write('info', 'sealed', { form: unsealing.view.form })
      return facts
    } catch (error) {
      await turn.run('start refused')
      throw error
    }
  }

  /** From sealed to open, once the answer to the last who gave something is out. */
  #unseal(turn: Shutdown, unsealed: Unsealed): void {
    const { clock, log } = this.#standing.ports
    clock.after(ANSWER_MS, () => {
      void (async () => {
        await turn.run('unsealed')
        const facts = await this.#open(unsealed)
        log.write('info', 'unsealed', { form: unsealed.form, refused: unsealed.refused })
        this.#standing.options.onFacts?.(facts)
      })().catch((error: unknown) => this.#failed(error))
    })
  }

  /** Listeners that say that the site is sealed, and the admin socket by which it is opened. */
  async #listen(turn: Shutdown, unsealing: Unsealing): Promise<SiteFacts> {
    const { folder, configuration, options, ports, shutdown } = this.#standing
    const { northListener, fhir, consoleListener } = configuration
    const { log } = ports
    const disk = openDisk(folder)
    const credentials = this.#north ?? (await sealedCredentials({ disk, ...ports }))
    const common = { credentials, log, certificates: 'welcome' } as const
    const opened = { ...common, name: 'north', listen: northListener, handler: sealedKeys }
    const north = await openHttp(opened)
    turn.addListener('north', north)
    if (fhir !== undefined && options.as === undefined) {
      const { listen } = fhir
      const records = await openHttp({ ...common, name: 'fhir', listen, handler: sealedRecords })
      turn.addListener('fhir', records)
    }
    const shown: { console?: ConsoleListener } = {}
    const handlers = sealedHandlers(unsealing, {
      stop: () => {
        void shutdown.run('asked by the operator').then(this.end)
        return Promise.resolve({ stopping: true })
      },
      newConsoleLink: () => shown.console?.newLink(),
    })
    const path = join(folder, socketOf(options.as))
    turn.addListener('admin', await openAdmin({ path, table: siteRoutes, handlers, log }))
    if (consoleListener !== undefined && options.as === undefined) {
      const sessions = new ConsoleSessions(ports)
      const pages = CONSOLE_PAGES
      const about = { listen: consoleListener, pages, table: siteRoutes, sessions, log }
      shown.console = await openConsole({ ...about, handlersFor: () => handlers })
      turn.addListener('console', shown.console)
    }
    return {
      ...{ site: configuration.site, profile: configuration.profile, folder },
      ...(options.as === undefined ? {} : { daemon: options.as }),
      peerAddress: 'not listening',
      northAddress: `https://${addressText(north.address ?? northListener)}`,
      adminSocket: path,
      rootFingerprint: await rootFingerprintIn(disk),
      sealed: neededBy(unsealing.view),
    }
  }

  /** What could not be sealed or opened in the middle of its life ends, and is started anew. */
  #failed(error: unknown): void {
    const { log } = this.#standing.ports
    log.write('error', 'turn-failed', { code: noteOf(error).code })
    void this.#standing.shutdown.run('could not be sealed or opened').then(exitFailed)
  }

  #newTurn(): Shutdown {
    const turn = new Shutdown(this.#standing.ports)
    this.#turn = turn
    return turn
  }
}

const neededBy = ({ form, threshold, shares }: SealView): string =>
  form === 'shares' ? `any ${threshold} of ${shares} shares` : 'the passphrase'

/** Of several daemons each that is sealed has a socket of its own; the one that leads has the site's. */
const socketOf = (as: string | undefined): string =>
  as === undefined ? ADMIN_SOCKET : `sealed-${as}.sock`

/** Time for an answer to reach whoever asked, before its listener closes. */
const ANSWER_MS = 200
