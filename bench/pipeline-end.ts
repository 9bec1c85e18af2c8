/**
 * One end of a link as a process of its own: an engine, a socket to the other end, and detections
 * that were simulated before and are replayed from memory.
 *
 *   node pipeline-end.ts transmitter|receiver <port> <delay in ms> <blocks>
 *
 * The receiver listens, the transmitter dials. Messages are held back by the delay on arrival, at
 * each end. Each prints one line of JSON with what it measured once the blocks are stored.
 * Simulating does not count, nor do as many blocks as may be in flight at once: they begin together,
 * and only behind them is the flow of blocks steady.
 *
 * @module
 */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { linkId, siteId } from '#base'
import { systemRandom } from '#crypto'
import {
  BatchSimulator,
  linkOf,
  presetNamed,
  type DetectionBatch,
  type TransmitterChoices,
} from '#optics'
import {
  linkParameters,
  LinkEngine,
  type AuthenticationSource,
  type BlockReport,
  type EngineEffect,
  type EngineInput,
  type PadRun,
  type Role,
} from '#qkd'
import { seededRandom } from '#world/ports'
import { choicesAt } from './replayed.ts'

/** What the receiving end reports. */
export interface PipelineFigures {
  readonly siftedBits: number
  readonly secretBits: number
  readonly seconds: number
  readonly errorRate: number
  /** Of this end, the other tells its own at its end. */
  readonly cpuSeconds: number
}

const [role, port, delayMs, blocks] = [
  process.argv[2] as Role,
  Number(process.argv[3]),
  Number(process.argv[4]),
  Number(process.argv[5]),
]

/** Cambridge metro with well-aligned devices, so that the error rate is 1 %. */
function linkAtOnePercent() {
  const link = linkOf(presetNamed('cambridge-metro'))
  const { receiver } = link
  return { ...link, receiver: { ...receiver, misalignment: { Z: 0.0035, X: 0.0035 } } }
}

/** Smaller ones pay more for finite statistics; the record system that is the peer takes 100 Mbit. */
const BLOCK_BITS = 8_000_000
/** They pass through their round trips in step: at 10 ms, 24 leave 64 % of the rate, 48 89 %, these 94 %. */
const BLOCKS_IN_FLIGHT = 96

const link = linkAtOnePercent()
const parameters = linkParameters({
  link: linkId('bench'),
  transmitter: siteId('alice'),
  receiver: siteId('bob'),
  pulses: link.settings,
  blockBits: BLOCK_BITS,
  batchesInFlightMax: 64,
  blocksInFlightMax: BLOCKS_IN_FLIGHT,
})

interface Replayed {
  readonly detections: DetectionBatch
  readonly choices: TransmitterChoices
}

class End {
  readonly #engine = new LinkEngine({ site: parameters[role], parameters, random: systemRandom })
  readonly #socket: Socket
  readonly #batches: readonly Replayed[]
  readonly #inbox: { readonly dueMs: number; readonly octets: Uint8Array }[] = []
  readonly #head = new Uint8Array(4)
  /** The message that is coming in, once its head is whole. */
  #message: Uint8Array | undefined
  /** Octets of the head or of the message that are there. */
  #filled = 0
  #next = 0
  /** Set while a turn is due at once. */
  #waiting = false
  #timer: NodeJS.Timeout | undefined
  readonly #reports: BlockReport[] = []
  readonly #answers: EngineInput[] = []
  #told = false
  #begun = { wallMs: 0, cpu: process.cpuUsage() }

  constructor(socket: Socket, replayed: readonly Replayed[]) {
    this.#socket = socket
    this.#batches = replayed
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    // Whoever has its figures first goes first.
    socket.on('error', () => undefined)
    socket.once('close', () => process.exit(0))
    this.#step({ kind: 'started', sources: [bootstrap()], nextEpoch: 1, nowMs: performance.now() })
    setInterval(() => this.#step({ kind: 'tick', nowMs: performance.now() }), 500)
  }

  #read(chunk: Buffer): void {
    const dueMs = performance.now() + delayMs
    for (let at = 0; at < chunk.length;) {
      const target = this.#message ?? this.#head
      const part = chunk.subarray(at, at + target.length - this.#filled)
      target.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled < target.length) break
      this.#filled = 0
      if (this.#message === undefined) {
        this.#message = new Uint8Array(new DataView(this.#head.buffer).getUint32(0))
      } else {
        this.#inbox.push({ dueMs, octets: this.#message })
        this.#message = undefined
      }
    }
    this.#wake()
  }

  /** Looks again at once: something has come, or the engine takes more. */
  #wake(): void {
    if (this.#waiting) return
    clearTimeout(this.#timer)
    this.#waiting = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#waiting = false
    const now = performance.now()
    while (this.#inbox.length > 0 && this.#inbox[0].dueMs <= now) {
      const { octets } = this.#inbox.shift() ?? { octets: new Uint8Array(0) }
      this.#step({ kind: 'message', octets })
    }
    const fed = role === 'receiver' && this.#feed()
    const due = this.#inbox.at(0)?.dueMs
    if (fed) this.#wake()
    else if (due !== undefined) this.#wakeAt(due)
  }

  /** What is held back does not keep the engine from other work until then. */
  #wakeAt(dueMs: number): void {
    const wait = dueMs - performance.now()
    if (this.#waiting) return
    if (wait > 0.5) this.#timer = setTimeout(() => this.#turn(), wait)
    else this.#wake()
  }

  /** One batch, if the engine takes one now. */
  #feed(): boolean {
    if (this.#engine.busy || this.#socket.writableLength > QUEUE_OCTETS_MAX) return false
    const { detections } = this.#batches[this.#next % this.#batches.length]
    this.#step({ kind: 'detections', batch: { ...detections, batch: this.#next++ } })
    return true
  }

  #step(input: EngineInput): void {
    for (const effect of this.#engine.step(input)) this.#perform(effect)
    for (let next = this.#answers.shift(); next !== undefined; next = this.#answers.shift()) {
      for (const effect of this.#engine.step(next)) this.#perform(effect)
    }
  }

  /** Answers wait until all effects of a step have been performed. */
  #answer(input: EngineInput): void {
    this.#answers.push(input)
  }

  #perform(effect: EngineEffect): void {
    switch (effect.kind) {
      case 'send': {
        const head = Buffer.alloc(4)
        head.writeUInt32BE(effect.octets.length)
        this.#socket.cork()
        this.#socket.write(head)
        this.#socket.write(effect.octets)
        process.nextTick(() => this.#socket.uncork())
        return
      }
      case 'ask-choices': {
        const { choices } = this.#batches[effect.batch % this.#batches.length].choices
        this.#answer({ kind: 'choices', choices: { batch: effect.batch, choices } })
        return
      }
      case 'store-epoch':
        return this.#answer({ kind: 'epoch-stored', epoch: effect.epoch })
      case 'burn-pads':
        return this.#answer({ kind: 'pads-burned', source: effect.source, to: effect.to })
      case 'store-block': {
        const { epoch, sequence, key } = effect.block
        key.octets.fill(0)
        return this.#answer({ kind: 'block-stored', epoch, sequence })
      }
      case 'align':
        return this.#answer({ kind: 'not-aligned' })
      case 'busy':
        if (!effect.busy) this.#wake()
        return
      case 'report':
        return this.#reported(effect.report)
      case 'end-session':
        throw new Error(`The session ended: ${effect.message}`)
      case 'session-open':
      case 'pad-accepted':
      case 'block-usable':
      case 'block-void':
      case 'block-undecided':
      case 'alarm':
      case 'alignment-ended':
        return
    }
  }

  #reported(report: BlockReport): void {
    if (report.outcome !== 'distilled') throw new Error(`A block was discarded: ${report.cause}`)
    this.#reports.push(report)
    if (this.#reports.length === BLOCKS_IN_FLIGHT) {
      this.#begun = { wallMs: performance.now(), cpu: process.cpuUsage() }
    }
    if (this.#reports.length < BLOCKS_IN_FLIGHT + blocks || this.#told) return
    this.#told = true
    const { user, system } = process.cpuUsage(this.#begun.cpu)
    const counted = this.#reports.slice(BLOCKS_IN_FLIGHT)
    const sum = (of: (one: BlockReport) => number): number =>
      counted.reduce((total, one) => total + of(one), 0)
    const figures: PipelineFigures = {
      siftedBits: sum(({ account }) => account.siftedBits),
      secretBits: sum(({ account }) => account.applicationBits),
      seconds: (performance.now() - this.#begun.wallMs) / 1000,
      errorRate: sum(({ keyErrorRate = 0 }) => keyErrorRate) / counted.length,
      cpuSeconds: (user + system) / 1e6,
    }
    console.log(JSON.stringify(figures))
    if (role === 'receiver') setTimeout(() => this.#socket.destroy(), LINGER_MS)
  }
}

/** The same at both ends, and public: this is a measurement. */
function bootstrap(): AuthenticationSource {
  const random = seededRandom(1, 'bootstrap')
  const run = (): PadRun => ({
    hashKey: random.octets(16),
    pads: random.octets(16 * 1024),
    next: 0,
  })
  const [down, up] = [run(), run()]
  return role === 'transmitter'
    ? { id: 'bootstrap', send: down, receive: up }
    : { id: 'bootstrap', send: up, receive: down }
}

/** Both ends simulate the same photons from the same seed, each for itself. */
function replayedBatches(): readonly Replayed[] {
  const random = seededRandom(1, 'photons')
  const simulator = new BatchSimulator({ link, random, allowSimulatedRandomness: true })
  return Array.from({ length: BATCHES }, (_, batch) => {
    const { detections, record } = simulator.next(SLOTS)
    const choices = { batch, choices: choicesAt(record, detections.slots) }
    return { detections, choices }
  })
}

const SLOTS = 2 ** 22
/** Replayed again and again: 5 Mbit sifted. */
const BATCHES = 250
const QUEUE_OCTETS_MAX = 2 ** 22
/** Until the other end has its figures too. */
const LINGER_MS = 1000

const ready = replayedBatches()
if (role === 'receiver') {
  const server = createServer((socket) => {
    server.close()
    new End(socket, ready)
  })
  server.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }))
  })
} else {
  const socket = connect({ port, host: '127.0.0.1' }, () => {
    new End(socket, ready)
  })
}
