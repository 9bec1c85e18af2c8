/**
 * A small link for tests: a source of detections, and two engines with a host each, in one process.
 *
 * The source draws detections, not pulses: which intensity a detected pulse had follows from how
 * often each is detected. It knows nothing of dead time or afterpulses.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, SeededRandom, siteId, type RandomSource } from '#base'
import { simulatedRandom } from '#crypto'
import type {
  DetectionBatch,
  PulseSettings,
  ReceiverObservables,
  TransmitterChoices,
} from '#optics'
import { peerOf, type AuthenticationSource, type Role } from './authentication.ts'
import type { EngineEffect, EngineInput, KeyBlock } from './effects.ts'
import { LinkEngine } from './engine.ts'
import { linkParameters, type LinkChoices, type LinkParameters } from './parameters.ts'
import type { BlockReport } from './report.ts'

export const PULSES: PulseSettings = {
  clockHz: 1e9,
  intensities: [
    { meanPhotonNumber: 0.5, probability: 0.5 },
    { meanPhotonNumber: 0.15, probability: 0.5 },
  ],
  keyBasisProbability: { transmitter: 0.6, receiver: 0.6 },
}

/** Small blocks that still give a key: the ε are far too large for use. */
export function smallLink(choices: Partial<LinkChoices> = {}): LinkParameters {
  return linkParameters({
    link: linkId('bristol-cambridge'),
    transmitter: siteId('bristol'),
    receiver: siteId('cambridge'),
    pulses: PULSES,
    blockBits: 60_000,
    frameBits: 16_384,
    epsilons: { secrecy: 1e-4, correctness: 1e-9 },
    reserveOctets: 2 * (16 + 16 * 32),
    ...choices,
  })
}

/** The smallest link that gives a key, in some hundred messages a block. */
export const tinyLink = (choices: Partial<LinkChoices> = {}): LinkParameters =>
  smallLink({
    blockBits: 18_000,
    frameBits: 4096,
    epsilons: { secrecy: 0.1, correctness: 1e-6 },
    reserveOctets: 2 * (16 + 16 * 16),
    pulses: {
      ...PULSES,
      intensities: [
        { meanPhotonNumber: 0.6, probability: 0.5 },
        { meanPhotonNumber: 0.2, probability: 0.5 },
      ],
      keyBasisProbability: { transmitter: 0.5, receiver: 0.5 },
    },
    ...choices,
  })

export const TINY_WEATHER: Weather = { errorRate: 0.001, transmission: 0.1 }

/** Both ends detect halves of entangled pairs. */
export const pairLink = (choices: Partial<LinkChoices> = {}): LinkParameters =>
  smallLink({
    blockBits: 12_000,
    frameBits: 4096,
    epsilons: { secrecy: 1e-4, correctness: 1e-6 },
    reserveOctets: 2 * (16 + 16 * 16),
    pulses: {
      clockHz: 4e8,
      intensities: [{ meanPhotonNumber: 0.01, probability: 1 }],
      keyBasisProbability: { transmitter: 0.5, receiver: 0.5 },
      source: 'entangled-pairs',
    },
    ...choices,
  })

/** A source of three states; blocks that still give a key by a bound that wants large ones. */
export const threeStateLink = (choices: Partial<LinkChoices> = {}): LinkParameters =>
  smallLink({
    epsilons: { secrecy: 1e-2, correctness: 1e-6 },
    reserveOctets: 2 * (16 + 16 * 16),
    pulses: {
      clockHz: 2.5e9,
      intensities: [
        { meanPhotonNumber: 0.4, probability: 0.11 },
        { meanPhotonNumber: 0.083, probability: 0.89 },
      ],
      keyBasisProbability: { transmitter: 0.64, receiver: 0.64 },
      source: 'three-states',
    },
    ...choices,
  })

/** As `optics` has it where the transmitter's end of entangled pairs detected nothing. */
export const NOTHING_SEEN = 0b0100

export const randomFrom = (seed: number): RandomSource =>
  simulatedRandom(new SeededRandom(seed).octets(32))

/** What the channel is like. */
export interface Weather {
  readonly errorRate: number
  /** In the test basis, where it differs. */
  readonly testErrorRate?: number
  /** Transmission of channel and receiver together. */
  readonly transmission: number
  /** Of entangled pairs: share of the receiver's detections that the other end detected too. */
  readonly coincident?: number
  /** Share of key states that the test basis shows as its bit 0; one half in an even channel. */
  readonly crossedZeros?: number
  /** Of entangled pairs, where there is a CHSH test: what is left there of S = 2√2. */
  readonly visibility?: number
  /** How much of the decoys arrives, compared with the signal; 1 in an honest channel. */
  readonly decoysLeft?: number
}

/** One batch as both devices report it. */
export function drawBatch(
  random: SeededRandom,
  batch: number,
  detections: number,
  { pulses, weather }: { readonly pulses: PulseSettings; readonly weather: Weather },
): { readonly detections: DetectionBatch; readonly choices: TransmitterChoices } {
  const { intensities, keyBasisProbability } = pulses
  const weights = intensities.map(
    ({ meanPhotonNumber, probability }, at) =>
      probability *
      (at > 0 ? (weather.decoysLeft ?? 1) : 1) *
      -Math.expm1(-meanPhotonNumber * weather.transmission),
  )
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const slots = new Uint32Array(detections)
  const outcomes = new Uint8Array(detections)
  const choices = new Uint8Array(detections)
  let slot = 0
  for (let at = 0; at < detections; at++) {
    slot += 1 + random.below(60)
    slots[at] = slot
    let rest = random.unit() * total
    let intensity = 0
    while (intensity < intensities.length - 1 && rest >= weights[intensity]) {
      rest -= weights[intensity++]
    }
    const sentBasis = random.chance(keyBasisProbability.transmitter) ? 0 : 1
    const basis = random.chance(keyBasisProbability.receiver) ? 0 : 1
    const threeStates = pulses.source === 'three-states'
    const sent = random.below(2) & (threeStates && sentBasis === 1 ? 0 : 1)
    const errorRate = basis === 1 ? (weather.testErrorRate ?? weather.errorRate) : weather.errorRate
    const flipped = random.chance(errorRate) ? 1 : 0
    const odd = basis === 1 ? 1 - (weather.crossedZeros ?? 0.5) : 0.5
    const bit = basis === sentBasis ? sent ^ flipped : random.chance(odd) ? 1 : 0
    choices[at] = sentBasis | (sent << 1) | (intensity << 2)
    if (pulses.source === 'entangled-pairs' && !random.chance(weather.coincident ?? 0.5)) {
      choices[at] = NOTHING_SEEN
    }
    outcomes[at] = basis | (bit << 1)
    const { chshProbability } = pulses
    if (chshProbability !== undefined && random.chance(chshProbability)) {
      const angle = random.below(2)
      const correlation = (sentBasis & angle ? -1 : 1) * (weather.visibility ?? 1) * Math.SQRT1_2
      const unlike = random.chance((1 - correlation) / 2) ? 1 : 0
      outcomes[at] = 0b100 | angle | ((sent ^ unlike) << 1)
    }
  }
  const quarter = Math.floor(detections / 4)
  const observables = {
    clicks: [quarter, quarter, quarter, quarter] as const,
    doubleClicks: 0,
    deadTimeDrops: 0,
    photocurrentUa: 1,
  }
  const slotCount = slot + 1
  return {
    detections: { batch, slotCount, simulated: true, slots, outcomes, observables },
    choices: { batch, choices },
  }
}

/** Drawn once for all runs that differ only in what goes wrong. */
function keptBatch(
  seed: number,
  ...rest: Parameters<typeof drawBatch> extends [unknown, ...infer R] ? R : never
) {
  const name = JSON.stringify([seed, ...rest])
  const kept = drawnBatches.get(name) ?? drawBatch(new SeededRandom(seed), ...rest)
  drawnBatches.set(name, kept)
  return kept
}

const drawnBatches = new Map<string, ReturnType<typeof drawBatch>>()

/** The same pads at both ends. */
export function pairedSources(
  seed: number,
  id = 'bootstrap-1',
  pads = 256,
): Readonly<Record<Role, AuthenticationSource>> {
  const random = new SeededRandom(seed)
  const run = () => ({ hashKey: random.octets(16), pads: random.octets(16 * pads), next: 0 })
  const [down, up] = [run(), run()]
  const copy = (one: ReturnType<typeof run>) => ({
    ...one,
    hashKey: one.hashKey.slice(),
    pads: one.pads.slice(),
  })
  return {
    transmitter: { id, send: copy(down), receive: copy(up) },
    receiver: { id, send: copy(up), receive: copy(down) },
  }
}

/** What one host has stored and heard. */
export interface HostRecord {
  readonly engine: LinkEngine
  /** Blocks by name, as the key store would hold them. */
  readonly held: Map<string, KeyBlock & { state: 'held' | 'usable' | 'void' | 'undecided' }>
  readonly reports: BlockReport[]
  readonly effects: EngineEffect[]
  epoch: number
  open: boolean
  ended: (EngineEffect & { readonly kind: 'end-session' })[]
}

/** What becomes of a message on its way: the messages that arrive in its stead. */
export type Interceptor = (octets: Uint8Array, index: number, from: Role) => readonly Uint8Array[]

/** Two engines and their hosts, joined by a channel that an interceptor may disturb. */
export class Pair {
  readonly hosts: Readonly<Record<Role, HostRecord>>
  readonly parameters: LinkParameters
  intercept: Interceptor = (octets) => [octets]
  messages = 0
  nowMs = 0
  weather: Weather = { errorRate: 0.01, transmission: 0.1 }
  /** What the receiver observes beside its detections, where it is not as usual. */
  observed: Partial<ReceiverObservables> = {}
  /** What is wrong with the transmitter. */
  transmitterTrouble: { readonly incomingLightNw?: number; readonly stuck?: boolean } = {}
  /** Inputs on their way, in order: effects of a step are performed before the next step. */
  readonly #queue: { readonly to: Role; readonly input: EngineInput }[] = []
  readonly drawnChoices = new Map<number, TransmitterChoices>()
  readonly #seed: number
  #batch = 0
  #sessions = 0

  constructor(seed: number, parameters = smallLink()) {
    this.parameters = parameters
    this.#seed = seed
    const host = (role: Role): HostRecord => ({
      engine: new LinkEngine({
        site: parameters[role],
        parameters,
        random: randomFrom(seed * 2 + (role === 'receiver' ? 1 : 0)),
      }),
      held: new Map(),
      reports: [],
      effects: [],
      epoch: 0,
      open: false,
      ended: [],
    })
    this.hosts = { transmitter: host('transmitter'), receiver: host('receiver') }
  }

  /** A new connection, with fresh bootstrap sources unless others are given. */
  connect(pads = 256, sources?: Readonly<Record<Role, readonly AuthenticationSource[]>>): void {
    this.#queue.length = 0
    const id = `bootstrap-${++this.#sessions}`
    const fresh = pairedSources(1000 + this.#sessions, id, pads)
    for (const role of ROLES) {
      const nextEpoch = this.hosts[role].epoch + 1
      const { nowMs } = this
      const given = sources?.[role] ?? [fresh[role]]
      this.input(role, { kind: 'started', sources: given, nextEpoch, nowMs })
    }
    this.run()
  }

  /** Alarms that an end has raised or cleared, as `kind state`. */
  alarms(role: Role): string[] {
    return this.hosts[role].effects.flatMap((effect) =>
      effect.kind === 'alarm' ? [`${effect.alarm.kind} ${effect.alarm.state}`] : [],
    )
  }

  /** Causes for which an end has discarded blocks, and `distilled` for the others. */
  fates(role: Role): string[] {
    return this.hosts[role].reports.map(({ cause, outcome }) => cause ?? outcome)
  }

  /** Feeds one batch to the receiver and lets everything that follows happen. */
  feed(detections = 20_000): void {
    this.offer(detections)
    this.run()
  }

  /** Feeds one batch to the receiver; nothing follows until `run`. Returns what both ends have. */
  offer(detections = 20_000): { readonly outcomes: Uint8Array; readonly choices: Uint8Array } {
    const batch = this.#batch++
    const { pulses } = this.parameters
    const { weather } = this
    const drawn = keptBatch(this.#seed * 10_000 + batch, batch, detections, { pulses, weather })
    const { stuck = false, incomingLightNw = 0.01 } = this.transmitterTrouble
    // Of three states, that of the test basis has a bit of its own.
    const alone = pulses.source === 'three-states' ? 1 : 0
    const choices = drawn.choices.choices.map((choice) =>
      stuck && (choice & alone) === 0 ? choice | 2 : choice,
    )
    this.drawnChoices.set(batch, { batch, choices, observables: { incomingLightNw } })
    const observables = { ...drawn.detections.observables, ...this.observed }
    const outcomes = drawn.detections.outcomes.map((outcome) => (stuck ? outcome | 2 : outcome))
    const detected = { ...drawn.detections, outcomes, observables }
    this.input('receiver', { kind: 'detections', batch: detected })
    return { outcomes, choices }
  }

  /** Both devices count their batches from 0 again. */
  restartDevices(): void {
    this.#batch = 0
  }

  /** Time passes. */
  tick(ms: number): void {
    this.nowMs += ms
    for (const role of ROLES) this.input(role, { kind: 'tick', nowMs: this.nowMs })
    this.run()
  }

  /** Delivers inputs until none is left. */
  run(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { to, input } = next
      for (const effect of this.hosts[to].engine.step(input)) this.#perform(to, effect)
    }
  }

  /** The connection breaks. */
  cut(): void {
    for (const role of ROLES) this.input(role, { kind: 'peer-gone' })
    this.run()
  }

  /** Connects again if the session is over, and settles what was left open. */
  recover(): void {
    if (ROLES.every((role) => this.hosts[role].open)) return
    this.cut()
    this.reconcile()
    this.connect()
  }

  /** Names of the blocks that both hosts may use; fails unless they hold them alike. */
  usable(): string[] {
    const [a, b] = ROLES.map((role) => this.hosts[role].held)
    const names: string[] = []
    for (const name of new Set([...a.keys(), ...b.keys()])) {
      const [one, other] = [a.get(name), b.get(name)]
      if (one?.state === 'usable' || other?.state === 'usable') {
        assert.equal(one?.state, other?.state, `block ${name} is usable at one end only`)
        assert.deepEqual(one?.key, other?.key, `block ${name} differs`)
        names.push(name)
      }
    }
    return names
  }

  /** Compares what the hosts hold, as they do after a lost connection. */
  reconcile(): void {
    const [a, b] = ROLES.map((role) => this.hosts[role].held)
    for (const name of new Set([...a.keys(), ...b.keys()])) {
      const pair = [a.get(name), b.get(name)]
      const kept = pair.every((one) => one !== undefined && one.state !== 'void')
      for (const one of pair) if (one !== undefined) one.state = kept ? 'usable' : 'void'
    }
  }

  /** Queues an input. */
  input(to: Role, input: EngineInput): void {
    this.#queue.push({ to, input })
  }

  #perform(role: Role, effect: EngineEffect): void {
    const host = this.hosts[role]
    host.effects.push(effect)
    switch (effect.kind) {
      case 'send': {
        const to = role === 'transmitter' ? 'receiver' : 'transmitter'
        for (const octets of this.intercept(effect.octets, this.messages++, role)) {
          this.input(to, { kind: 'message', octets: octets.slice() })
        }
        return
      }
      case 'ask-choices': {
        const choices = this.drawnChoices.get(effect.batch)
        this.drawnChoices.delete(effect.batch)
        if (choices === undefined) {
          this.input(role, { kind: 'choices-unavailable', batch: effect.batch })
          return
        }
        this.input(role, { kind: 'choices', choices })
        return
      }
      case 'align':
        // Its devices have nothing to align.
        this.input(role, { kind: 'not-aligned' })
        return
      case 'store-epoch':
        host.epoch = effect.epoch
        {
          this.input(role, { kind: 'epoch-stored', epoch: effect.epoch })
          return
        }
      case 'burn-pads': {
        this.input(role, { kind: 'pads-burned', source: effect.source, to: effect.to })
        return
      }
      case 'store-block': {
        const { epoch, sequence } = effect.block
        host.held.set(`${epoch}/${sequence}`, { ...effect.block, state: 'held' })
        this.input(role, { kind: 'block-stored', epoch, sequence })
        return
      }
      case 'block-usable':
      case 'block-void':
      case 'block-undecided': {
        const held = host.held.get(`${effect.epoch}/${effect.sequence}`)
        assert(held !== undefined, 'only stored blocks change their state')
        held.state = effect.kind.slice('block-'.length) as 'usable' | 'void' | 'undecided'
        return
      }
      case 'session-open':
        host.open = true
        return
      case 'end-session': {
        host.open = false
        host.ended.push(effect)
        // The connection is closed, and the other end sees it.
        const other = this.hosts[peerOf(role)]
        if (other.open) this.input(peerOf(role), { kind: 'peer-gone' })
        return
      }
      case 'report':
        host.reports.push(effect.report)
        return
      case 'alarm':
      case 'alignment-ended':
      case 'pad-accepted':
      case 'busy':
        return
    }
  }
}

export const ROLES = ['transmitter', 'receiver'] as const

test('the fixture draws batches in which bases agree as often as they should', () => {
  const { detections, choices } = drawBatch(new SeededRandom(1), 0, 20_000, {
    pulses: PULSES,
    weather: { errorRate: 0.1, transmission: 0.1 },
  })
  let matches = 0
  let errors = 0
  choices.choices.forEach((choice, at) => {
    if (((choice ^ detections.outcomes[at]) & 1) !== 0) return
    matches++
    errors += ((choice ^ detections.outcomes[at]) >> 1) & 1
  })
  assert(Math.abs(matches / 20_000 - 0.52) < 0.02)
  assert(Math.abs(errors / matches - 0.1) < 0.01)
})
