/**
 * One link of a simulated network, from the block on: what optics and post-processing would give is
 * drawn, as long as it is expected to be, and told to both ends.
 *
 * From there on it goes as between two real link runners: both key stores take the block in, then
 * each puts it to use once the other has it; whatever is interrupted is settled when the ends meet
 * again, by their marks and reports. Where Eve is, blocks show it and are discarded, and both ends let
 * the keys of the link wait until three sound ones have come after each other. A link whose pool is
 * full rests.
 *
 * No reserve is cut from the blocks, for nothing of a link is authenticated here.
 *
 * @module
 */

import { bitsOf, type RandomSource, type SeededRandom } from '#base'
import type { Keystore, Origin } from '#keystore'
import type { HeardReport, NetworkLink } from '#relay'
import type { SimulatedTime } from '../ports/mod.ts'
import type { Accounts } from './accounts.ts'
import { LINK_OCTETS_MAX, type NetworkNode, type Run } from './node.ts'
import type { Wires } from './wires.ts'

export interface FibreInput {
  readonly link: NetworkLink
  readonly a: NetworkNode
  readonly b: NetworkNode
  readonly blockBits: number
  readonly random: RandomSource
  readonly chance: SeededRandom
  readonly time: SimulatedTime
  readonly wires: Wires
  readonly accounts: Accounts
  /** Tells that the link stands otherwise now. */
  readonly turned: () => void
  /** Probability that a daemon dies at some step of a block. */
  readonly deathsPerBlock: () => number
  /** A daemon has died at a step. */
  readonly died: (node: NetworkNode) => void
}

/** Two runs that have settled what they hold. */
interface Session {
  readonly a: Run
  readonly b: Run
  readonly epoch: number
  sequence: number
}

export class NetworkFibre {
  readonly input: FibreInput
  /** What is wrong with the link; more than one cut may overlap. */
  cuts = 0
  eves = 0
  /** Sound blocks since the suspicion; undefined without one. */
  #sound: number | undefined
  #session: Session | undefined
  readonly #origin: Origin

  constructor(input: FibreInput) {
    this.input = input
    const { a, b } = input.link
    this.#origin = { ...ORIGIN, assumptions: [], seenBy: [a, b].toSorted() }
  }

  /** Under suspicion: its keys wait at both ends. */
  get suspicion(): string | undefined {
    return this.#sound === undefined ? undefined : CAUSE
  }

  /** Whether both ends live, meet, and have light between them. */
  get isUp(): boolean {
    const { a, b, wires } = this.input
    const meet = wires.reaches(a.site, b.site)
    return this.cuts === 0 && meet && a.run !== undefined && b.run !== undefined
  }

  /** Whether nothing is left over from what went wrong. */
  get isSound(): boolean {
    return this.isUp && this.#session !== undefined && this.#sound === undefined
  }

  /** A minute is over: the block of it, if there is one. */
  async minute(): Promise<void> {
    const { a, b, accounts } = this.input
    accounts.count('block events')
    const [runA, runB] = [a.run, b.run]
    if (!this.isUp || runA === undefined || runB === undefined) {
      this.#session = undefined
      accounts.count('blocks without a link')
      return
    }
    const isOpen = this.#session?.a === runA && this.#session.b === runB
    const session = isOpen ? this.#session : await this.#meet(runA, runB)
    this.#session = session
    if (session === undefined) return
    if (this.eves > 0) return this.#suspect(runA, runB)
    if (this.#sound !== undefined && ++this.#sound > SOUND_BLOCKS) await this.#trust(runA, runB)
    if (!this.#isLong()) accounts.count('minutes without a whole block')
    else if (this.#isFull(runA) || this.#isFull(runB)) accounts.count('blocks while full')
    else if (await this.#block(session)) accounts.count('blocks stored')
  }

  /** What an end says of the link; undefined while it is silent. */
  reportOf(end: 'a' | 'b', consumption: number, saidMs: number): HeardReport | undefined {
    const { link, blockBits } = this.input
    const run = this.input[end].run
    if (run === undefined) return undefined
    const peer = end === 'a' ? link.b : link.a
    const pool = this.#poolAt(run.keystore)
    const sendOctets = (pool?.availableBits ?? 0) / 8
    const receiveOctets = (pool?.peerBits ?? 0) / 8
    const isUsable = this.isUp || sendOctets + receiveOctets > 0
    return {
      ...{ link: link.link, peer, sendOctets, receiveOctets, saidMs },
      status: this.isUp ? 'active' : isUsable ? 'passive' : 'off',
      secretBitsPerSecond: blockBits / 60,
      consumptionBitsPerSecond: consumption,
      ...{ qberPpm: 0, qberTrendPpmPerHour: 0 },
      suspect: pool?.quarantine !== undefined,
    }
  }

  /** Settles what both hold, and begins an epoch, as two link runners do before a session. */
  async #meet(a: Run, b: Run): Promise<Session | undefined> {
    const { link, accounts, wires, chance } = this.input
    const name = link.link
    const blocks = a.keystore.blockReport(name)
    const mark = await a.keystore.highWater(name)
    if (chance.chance(wires.faults.questionsLost)) return undefined
    const { kind } = await b.keystore.compareHighWater(link.a, mark)
    if (kind === 'stale' || kind === 'repeated') return undefined
    const report = b.keystore.blockReport(name)
    const there = await b.keystore.settle(name, blocks)
    const answer = await b.keystore.highWater(name)
    if (chance.chance(wires.faults.answersLost)) return undefined
    await a.keystore.compareHighWater(link.b, answer)
    const here = await a.keystore.settle(name, report)
    const epoch = Math.max(a.keystore.epoch(name), b.keystore.epoch(name)) + 1
    for (const { keystore } of [a, b]) await keystore.beginEpoch(name, epoch)
    accounts.count('links opened')
    accounts.count('blocks settled', here.confirmed + there.confirmed)
    accounts.count('blocks voided by settling', here.voided + there.voided)
    return { a, b, epoch, sequence: 0 }
  }

  /** A fresh block at both ends, in the steps in which they take it. @returns whether both have it */
  async #block(session: Session): Promise<boolean> {
    const { link, random, chance, blockBits, deathsPerBlock } = this.input
    const octets = Math.max(
      BLOCK_OCTETS_MIN,
      Math.round((blockBits * (1 + SPREAD * (2 * chance.unit() - 1))) / 8),
    )
    const bits = random.octets(octets)
    const place = { epoch: session.epoch, sequence: session.sequence++ }
    const block = { link: link.link, ...place, provenance: this.#origin }
    const take = async ({ keystore }: Run): Promise<void> => {
      await keystore.ingest({ ...block, key: bitsOf(bits) })
    }
    const use = ({ keystore }: Run): Promise<void> => keystore.confirm(link.link, place)
    const steps = [
      () => take(session.a),
      () => take(session.b),
      () => use(session.b),
      () => use(session.a),
    ]
    const deadly = chance.chance(deathsPerBlock()) ? 1 + chance.below(steps.length - 1) : Infinity
    for (const [at, step] of steps.entries()) {
      if (at === deadly) {
        this.#session = undefined
        this.input.died(chance.chance(0.5) ? this.input.a : this.input.b)
        return false
      }
      await step()
    }
    return true
  }

  /** A block has shown Eve: it is discarded, and the keys of the link wait. */
  async #suspect(a: Run, b: Run): Promise<void> {
    const { accounts, link, turned } = this.input
    accounts.count('blocks that showed Eve')
    if (this.#sound === undefined) accounts.count('quarantines')
    for (const { keystore } of [a, b]) {
      // What waits because of a declared node goes on waiting because of that.
      if (this.#quarantineAt(keystore) !== undefined) continue
      await keystore.quarantine({ link: link.link, cause: CAUSE })
    }
    this.#sound = 0
    accounts.suspects.add(link.link)
    turned()
  }

  async #trust(a: Run, b: Run): Promise<void> {
    const { link, turned, accounts } = this.input
    this.#sound = undefined
    accounts.suspects.delete(link.link)
    for (const { keystore } of [a, b]) {
      if (this.#quarantineAt(keystore) === CAUSE) await keystore.release(link.link, 'sound blocks')
    }
    turned()
  }

  #quarantineAt(keystore: Keystore): string | undefined {
    return this.#poolAt(keystore)?.quarantine
  }

  #poolAt(keystore: Keystore) {
    const { a, b, link } = this.input.link
    const { links } = keystore.pool(keystore.site === a ? b : a)
    return links.find((one) => one.link === link)
  }

  /** A link too slow for a block a minute has one now and then. */
  #isLong(): boolean {
    const { blockBits, chance } = this.input
    const share = blockBits / (8 * BLOCK_OCTETS_MIN)
    return share >= 1 || chance.chance(share)
  }

  /** Whether both directions have enough; what is used one way only must not starve. */
  #isFull({ keystore }: Run): boolean {
    const pool = this.#poolAt(keystore)
    const [own, peer] = [(pool?.availableBits ?? 0) / 8, (pool?.peerBits ?? 0) / 8]
    const isCrowded = own + peer + BLOCK_OCTETS_MIN + this.input.blockBits / 4 > LINK_OCTETS_MAX
    return isCrowded || Math.min(own, peer) >= FULL_OCTETS
  }
}

const ORIGIN = {
  source: 'simulated',
  randomness: 'simulated',
  authentication: 'wegman-carter-from-reserve',
  epsilon: 1e-10,
} as const
const CAUSE = 'link.intercept-suspected'
/** Sound blocks in a row that lift a suspicion. */
const SOUND_BLOCKS = 3
/** Blocks are by so much longer or shorter than expected. */
const SPREAD = 0.1
/** A link rests while it has so many octets to give in each direction. */
const FULL_OCTETS = 49_152
/** A block has at least so many octets, or it is none. */
const BLOCK_OCTETS_MIN = 160
