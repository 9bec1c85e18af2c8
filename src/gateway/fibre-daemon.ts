/**
 * The process that plays a quantum link: source, fibre, detectors and, if asked, an eavesdropper.
 *
 * Knows every key of its link, so it is a process of its own with a certificate of its own, and the
 * sites reach their two devices over mutual TLS. Keeps real time as well as the machine allows:
 * what it cannot simulate in time, or nobody takes, is lost as on a real link.
 *
 * @module
 */

import { join } from 'node:path'
import {
  Exactly,
  siteId,
  Text,
  Type,
  Whole,
  type Cancel,
  type Clock,
  type Connection,
  type Disk,
} from '#base'
import {
  fibreRoutes,
  type AttackView,
  type FibreFacts,
  type FibreView,
  type Handlers,
  type FibreRoutes,
} from '#contract'
import {
  namedLink,
  overPath,
  pathOf,
  serveReceiver,
  serveTransmitter,
  SimulatedFibre,
} from '#optics'
import { readDeviceCredentials } from '#site'
import { openAdmin } from './admin.ts'
import { attackOf } from './attacks.ts'
import { SystemClock } from './clock.ts'
import { readConfigurationFile } from './config.ts'
import { openDisk, sweepPending } from './disk.ts'
import { lockFolder, openFolder } from './folder.ts'
import { FileSink, JsonLog } from './log.ts'
import { openNetwork, type TlsNetwork } from './network.ts'
import { deviceChannel } from './peer.ts'
import { testedRandom } from './random.ts'
import { Shutdown } from './shutdown.ts'
import { watchTrust } from './trust.ts'
import { addressText } from './listen.ts'
import { ADMIN_SOCKET, CONFIG_FILE } from './site-daemon.ts'

const Name = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' })

/** `photonward.json` in the folder of a simulated fibre. */
export const FibreConfigurationShape = Exactly({
  fibre: Name,
  link: Name,
  transmitter: Name,
  receiver: Name,
  preset: Text(64, 1),
  /** Pulses per second, where the machine cannot keep up with the preset's. */
  clockHz: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  /** Length, loss and stray light as surveyed, in the place of the preset's. */
  path: Type.Optional(
    Exactly({
      lengthKm: Type.Number({ minimum: 0, maximum: 2000 }),
      lossDb: Type.Number({ minimum: 0, maximum: 200 }),
      backgroundProbability: Type.Number({ minimum: 0, maximum: 0.5 }),
    }),
  ),
  listener: Exactly({ host: Text(255, 1), port: Whole(0, 65_535) }),
})

export interface FibreDaemon {
  readonly facts: FibreFacts
  /** Resolves when it has shut down. */
  readonly ended: Promise<void>
}

/** Starts several simulated fibres in one process, which a signal ends when all of them have. */
export async function startFibres(folders: readonly string[]): Promise<readonly FibreDaemon[]> {
  let running = folders.length
  const exit = (status: number): void => {
    running--
    if (status !== 0 || running === 0) process.exit(status)
  }
  process.setMaxListeners(process.getMaxListeners() + folders.length)
  return Promise.all(folders.map((folder) => startFibre(folder, exit)))
}

/**
 * Starts a simulated fibre.
 *
 * @param exit   called at the end after a signal; `process.exit` if left out
 */
export async function startFibre(
  folderName: string,
  exit?: (status: number) => void,
): Promise<FibreDaemon> {
  const folder = openFolder(folderName)
  const configuration = readConfigurationFile(join(folder, CONFIG_FILE), FibreConfigurationShape)
  const clock = new SystemClock()
  const sinks = [new FileSink({ path: join(folder, 'log', 'fibre.log') })]
  const log = new JsonLog({ clock, sinks })
  const lock = lockFolder(folder)
  const shutdown = new Shutdown({ clock, log, ...(exit === undefined ? {} : { exit }) })
  shutdown.add('close', 'lock', () => lock[Symbol.dispose]())
  shutdown.add('close', 'clock', () => clock[Symbol.dispose]())
  const preset = namedLink(configuration.preset, configuration.clockHz)
  const { path: surveyed } = configuration
  const fibre = new SimulatedFibre({
    link: surveyed === undefined ? preset.link : overPath(preset.link, surveyed),
    random: testedRandom(),
    batchSlots: preset.batchSlots,
  })
  shutdown.add('flush', 'fibre', () => fibre.close())
  sweepPending(folder)
  const disk = openDisk(folder)
  const network = await openNetwork({
    kind: 'device',
    credentials: await readDeviceCredentials(disk),
    listen: configuration.listener,
    peers: (id) =>
      id === configuration.transmitter || id === configuration.receiver
        ? { kind: 'site' }
        : undefined,
    clock,
    log,
  })
  shutdown.addListener('network', network)
  watchTrust({ disk, clock, log, shutdown, reload: () => reloadTrust(disk, network) })
  const connected = new Map<string, Connection>()
  serveEnds(configuration, fibre, {
    accept: (channel, take) => {
      network.accept((name) => name === channel, take)
    },
    connected,
  })
  const pace = new Pace(fibre, clock)
  pace.start()
  shutdown.add('timers', 'pace', () => pace.stop())
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const stop = (reason: string): void => void shutdown.run(reason).then(end)
  const handlers = fibreHandlers({ configuration, fibre, pace, clock, connected, stop })
  const path = join(folder, ADMIN_SOCKET)
  const admin = await openAdmin({ path, table: fibreRoutes, handlers, log })
  shutdown.addListener('admin', admin)
  shutdown.onSignals()
  const address = network.address === undefined ? 'not listening' : addressText(network.address)
  const { fibre: name, link } = configuration
  return { facts: { fibre: name, link, preset: preset.name, address, folder }, ended }
}

async function reloadTrust(disk: Disk, network: TlsNetwork): Promise<void> {
  network.reload(await readDeviceCredentials(disk))
  network.endWhere(() => true, 'new trust')
}

type FibreConfiguration = {
  readonly link: string
  readonly preset: string
  readonly transmitter: string
  readonly receiver: string
}

/** Each end may be reached by its own site only. */
function serveEnds(
  { link, transmitter, receiver }: FibreConfiguration,
  fibre: SimulatedFibre,
  door: {
    accept: (channel: string, take: (connection: Connection) => void) => void
    connected: Map<string, Connection>
  },
): void {
  const ends = [
    { role: 'transmitter', site: siteId(transmitter) },
    { role: 'receiver', site: siteId(receiver) },
  ] as const
  for (const { role, site } of ends) {
    door.accept(deviceChannel(link, role), (connection) => {
      if (connection.peer !== site) {
        connection.close()
        return
      }
      door.connected.set(site, connection)
      void connection.closed.then(() => {
        // A site that came back may be here again before its old connection is seen to end.
        if (door.connected.get(site) === connection) door.connected.delete(site)
      })
      if (role === 'transmitter') serveTransmitter(fibre.transmitter, connection)
      else serveReceiver(fibre.receiver, connection)
    })
  }
}

/** Makes batches in real time; after a stall the lost time is lost, not made up for. */
class Pace {
  readonly #fibre: SimulatedFibre
  readonly #clock: Clock
  readonly #begun: number
  /** When the next batch is due, in milliseconds of the monotonic clock. */
  #due: number
  #cancel: Cancel | undefined
  #stopped = false
  /** Batches made in each of the last seconds, newest last. */
  readonly #seconds: { at: number; batches: number }[] = []

  constructor(fibre: SimulatedFibre, clock: Clock) {
    this.#fibre = fibre
    this.#clock = clock
    this.#begun = clock.monotonicMs()
    this.#due = this.#begun
  }

  start(): void {
    this.#turn()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  /** Simulated pulses per second of real time, over the last few seconds. */
  get pulsesPerSecond(): number {
    const now = this.#clock.monotonicMs()
    const recent = this.#seconds.filter(({ at }) => at > now / 1000 - 1 - RATE_SECONDS)
    const batches = recent.reduce((sum, one) => sum + one.batches, 0)
    const seconds = Math.min(RATE_SECONDS, Math.max(1, (now - this.#begun) / 1000))
    return (batches * this.#fibre.batchSlots) / seconds
  }

  #turn(): void {
    if (this.#stopped) return
    const batchMs = this.#fibre.batchSeconds * 1000
    const begun = this.#clock.monotonicMs()
    if (begun - this.#due > STALL_MS) this.#due = begun
    // A few batches a turn, so that connections and the operator are heard in between.
    for (let made = 0; made < BATCHES_A_TURN && this.#due <= this.#clock.monotonicMs(); made++) {
      if (this.#fibre.produce() !== undefined) this.#note()
      this.#due += batchMs
    }
    const wait = Math.max(0, Math.ceil(this.#due - this.#clock.monotonicMs()))
    this.#cancel = this.#clock.after(wait, () => this.#turn())
  }

  #note(): void {
    const at = Math.floor(this.#clock.monotonicMs() / 1000)
    const last = this.#seconds.at(-1)
    if (last?.at === at) last.batches++
    else this.#seconds.push({ at, batches: 1 })
    if (this.#seconds.length > 2 * RATE_SECONDS) this.#seconds.shift()
  }
}

function fibreHandlers(input: {
  configuration: FibreConfiguration
  fibre: SimulatedFibre
  pace: Pace
  clock: Clock
  connected: ReadonlyMap<string, Connection>
  stop: (reason: string) => void
}): Handlers<FibreRoutes> {
  const { configuration, fibre, pace, clock, connected, stop } = input
  let attack: AttackView = { kind: 'none', fraction: 0 }
  let since = clock.now()
  let before = fibre.truth
  const { lengthKm, lossDb } = pathOf(fibre.link)
  const view = (): FibreView => ({
    link: configuration.link,
    preset: configuration.preset,
    clockHz: fibre.link.settings.clockHz,
    lengthKm,
    lossDb: Number(lossDb.toFixed(3)),
    attack,
    since,
    eve: {
      siftedBits: fibre.truth.sifted - before.sifted,
      knownBits: fibre.truth.knownToEve - before.knownToEve,
    },
    pulsesPerSecond: pace.pulsesPerSecond,
    batches: fibre.counts.batches,
    batchesDropped: fibre.counts.batchesDropped,
    connected: [...connected.keys()].toSorted(),
  })
  return {
    fibre: () => Promise.resolve(view()),
    attack: (_query, wanted) => {
      fibre.setAttack(attackOf(wanted))
      attack = wanted
      since = clock.now()
      before = fibre.truth
      return Promise.resolve(view())
    },
    stop: () => {
      stop('asked by the operator')
      return Promise.resolve({ stopping: true })
    },
  }
}

const BATCHES_A_TURN = 1
/** A machine that was busy for so long does not try to make up for it. */
const STALL_MS = 100
const RATE_SECONDS = 5
