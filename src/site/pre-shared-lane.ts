/**
 * How a link that begins with pre-shared keys comes by the next chunk: which one both ends have, how
 * often it may ask, and what the operator is told.
 *
 * Both ends say how far they are; the receiving end chooses the first chunk that neither has taken.
 * So the store of one end may be rolled back without a chunk being used twice. A chunk is taken when
 * a connection stands, not when it is agreed on: tries that get nowhere cost none. A session that
 * ends without a block costs one, and each in a row makes both ends wait longer for the next, so that
 * whoever cuts connections does not drain the key in a night.
 *
 * There is no other way to begin: a link without a chunk waits for one.
 *
 * @module
 */

import type { Clock, LinkId, Log } from '#base'
import { logFacts } from '#base'
import type { AuthenticationSource, Role } from '#qkd'
import type { Alarms } from './alarms.ts'
import { PreSharedRefusal } from './pre-shared.ts'
import type { PreShared, PskMark, PskPlace } from './pre-shared-store.ts'

export interface PskLaneInput {
  readonly link: LinkId
  readonly role: Role
  readonly preShared: Pick<PreShared, 'marks' | 'take'>
  readonly clock: Clock
  readonly alarms: Alarms
  readonly log: Log
}

export class PskLane {
  readonly #input: PskLaneInput
  #left: number | undefined
  /** Chunks taken since the last block. */
  #fruitless = 0
  #takenMs = -Infinity

  constructor(input: PskLaneInput) {
    this.#input = input
  }

  /** Sessions that this end could still begin, when it last looked. */
  get left(): number | undefined {
    return this.#left
  }

  /** Milliseconds to wait after a session that rested on a chunk and brought no block. */
  get restMs(): number {
    return this.#fruitless === 0 ? 0 : Math.min(REST_MS_MAX, 500 * 2 ** this.#fruitless)
  }

  /** How far this end is. */
  async marks(): Promise<readonly PskMark[]> {
    const marks = await this.#input.preShared.marks(this.#input.link)
    this.#left = marks.reduce((sum, { next, count }) => sum + count - next, 0)
    return marks
  }

  /**
   * Chooses, at the receiving end.
   *
   * @returns undefined if the ends have nothing in common; then the alarm is up
   * @throws PreSharedRefusal `PSK_TOO_SOON`
   */
  async choose(theirs: readonly PskMark[]): Promise<PskPlace | undefined> {
    // Half, for the other end's wait began when the session had ended.
    if (this.#input.clock.monotonicMs() - this.#takenMs < this.restMs / 2) {
      const message = 'Sessions that bring no block follow each other too fast'
      throw new PreSharedRefusal('PSK_TOO_SOON', message, { facts: { link: this.#input.link } })
    }
    for (const own of await this.marks()) {
      const other = theirs.find(({ id }) => id === own.id)
      if (other === undefined) continue
      const place = { id: own.id, chunk: Math.max(own.next, other.next) }
      if (isPlausible(own, place)) return place
    }
    await this.#unavailable()
    return undefined
  }

  /**
   * Checks the choice of the receiving end.
   *
   * @throws PreSharedRefusal `PSK_UNAVAILABLE`, with an alarm, or `PSK_CHOICE_INVALID`
   */
  async agree(place: PskPlace | undefined): Promise<PskPlace> {
    const marks = await this.marks()
    if (place === undefined) {
      await this.#unavailable()
      const message = 'Expected a chunk of a pre-shared key that both ends have, got none'
      throw new PreSharedRefusal('PSK_UNAVAILABLE', message, { facts: { link: this.#input.link } })
    }
    const own = marks.find(({ id }) => id === place.id)
    if (own !== undefined && isPlausible(own, place)) return place
    const message = 'Expected one of the next chunks of a pre-shared key that is here'
    throw new PreSharedRefusal('PSK_CHOICE_INVALID', message, { facts: { link: this.#input.link } })
  }

  /** Takes the chunk, for a connection that stands. Durable when it resolves. */
  async take(place: PskPlace): Promise<AuthenticationSource> {
    const { link, role, preShared, clock, alarms } = this.#input
    this.#fruitless++
    this.#takenMs = clock.monotonicMs()
    const source = await preShared.take({ link, role }, place)
    await this.marks()
    const left = this.#left ?? 0
    await this.#told(alarms.clear(UNAVAILABLE, link))
    const low = {
      kind: LOW,
      severity: 'warning',
      subject: link,
      message: `The pre-shared key is for ${left} more sessions: bring a new one`,
    } as const
    await this.#told(left < LEFT_LOW ? alarms.raise(low) : alarms.clear(LOW, link))
    return source
  }

  /** A block was made: the chunk has served. */
  earned(): void {
    this.#fruitless = 0
  }

  #unavailable(): Promise<void> {
    const { alarms, link } = this.#input
    const message =
      'The ends have no pre-shared key left in common and the link waits: bring a new one (link psk create)'
    return this.#told(
      alarms.raise({ kind: UNAVAILABLE, severity: 'critical', subject: link, message }),
    )
  }

  async #told(change: Promise<void>): Promise<void> {
    const { log, link } = this.#input
    await change.catch((error: unknown) => {
      log.write('error', 'link.alarm-failed', { link, ...logFacts(error) })
    })
  }
}

/** Whether a chunk may be the next here: not taken, there, and not so far on that it drains the key. */
const isPlausible = ({ next, count }: PskMark, { chunk }: PskPlace): boolean =>
  chunk >= next && chunk < count && chunk - next <= CHUNKS_SKIPPED_MAX

const UNAVAILABLE = 'link.psk-unavailable'
const LOW = 'link.psk-low'
/** Sessions below which an operator should bring a new key. */
const LEFT_LOW = 16
/** Chunks that one end may be ahead, after a roll-back of the other. */
const CHUNKS_SKIPPED_MAX = 32
const REST_MS_MAX = 600_000
