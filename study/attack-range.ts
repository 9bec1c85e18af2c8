/**
 * One link in one process under one attack: devices, both engines, and what only the simulation
 * knows.
 *
 * @module
 */

import { linkId, siteId } from '#base'
import {
  BatchSimulator,
  isPairLink,
  namedLink,
  noAttack,
  NOTHING_SEEN,
  PairSimulator,
  type Attack,
  type ChoiceRecord,
  type DetectionBatch,
  type TransmitterChoices,
} from '#optics'
import { linkParameters, LoopbackLink, type BlockReport } from '#qkd'
import { seededRandom } from '#world/ports'

/** What a run came to. */
export interface RangeResult {
  /** Blocks before the attack, and those that lie in it from end to end. */
  readonly before: readonly BlockReport[]
  readonly during: readonly BlockReport[]
  /** Alarms raised during the attack, by either end, as `transmitter: kind`. */
  readonly alarms: readonly string[]
  /** Detections in each slot under attack, over those before. */
  readonly rateRatio: number
  /** Share of the sifted bits that Eve knows under attack. */
  readonly knownShare: number
}

export interface RangeOptions {
  readonly preset: string
  readonly attack: Attack
  readonly seed: number
  /** Whether the devices say what they observe beside detections and choices. */
  readonly watched: boolean
  readonly blockBits: number
  readonly blocksBefore: number
  readonly blocksDuring: number
}

/** Lets a link run, be attacked, and run on. */
export function runRange(options: RangeOptions): RangeResult {
  const { preset, attack, seed, watched, blockBits } = options
  const { link, batchSlots } = namedLink(preset)
  const devices = { random: seededRandom(seed, 'devices'), allowSimulatedRandomness: true }
  const simulator = isPairLink(link)
    ? new PairSimulator({ link, ...devices })
    : new BatchSimulator({ link, ...devices })
  const parameters = linkParameters({
    link: linkId('range'),
    transmitter: siteId('alice'),
    receiver: siteId('bob'),
    pulses: link.settings,
    blockBits,
  })
  const random = (name: string) => seededRandom(seed, name)
  const pair = new LoopbackLink({
    parameters,
    random: { transmitter: random('a'), receiver: random('b'), bootstrap: random('c') },
  })
  const { reports } = pair.ends.receiver
  const stretch = (more: number): { detections: number; sifted: number; known: number } => {
    const sums = { detections: 0, sifted: 0, known: 0, batches: 0 }
    const wanted = reports.length + more
    while (reports.length < wanted && sums.batches < BATCHES_MAX) {
      const { detections, record, truth } = simulator.next(batchSlots)
      sums.batches++
      sums.detections += detections.slots.length
      sums.sifted += truth.sifted
      sums.known += truth.knownToEve
      pair.feed(
        watched ? detections : unwatched(detections),
        choicesOf(detections, record, watched),
      )
    }
    return { ...sums, detections: sums.detections / sums.batches }
  }
  const calm = stretch(options.blocksBefore)
  const begun = reports.length
  const told = { transmitter: 0, receiver: 0 }
  for (const role of ['transmitter', 'receiver'] as const)
    told[role] = pair.ends[role].alarms.length
  simulator.setAttack(attack)
  // One block more: the first began before the attack.
  const stormy = stretch(options.blocksDuring + 1)
  const alarms = (['transmitter', 'receiver'] as const).flatMap((role) =>
    pair.ends[role].alarms
      .slice(told[role])
      .filter(({ state }) => state === 'raised')
      .map(({ kind }) => `${role}: ${kind}`),
  )
  simulator.setAttack(noAttack)
  return {
    before: reports.slice(0, begun),
    during: reports.slice(begun + 1),
    alarms: [...new Set(alarms)],
    rateRatio: stormy.detections / calm.detections,
    knownShare: stormy.sifted === 0 ? 0 : stormy.known / stormy.sifted,
  }
}

/** The batch of a receiver that says no more than what it detected. */
const unwatched = (batch: DetectionBatch): DetectionBatch => ({
  ...batch,
  observables: { clicks: [0, 0, 0, 0], doubleClicks: 0, deadTimeDrops: 0, photocurrentUa: 0 },
})

/**
 * The choices in the detected slots: all of them are remembered, but of pairs those that the other end
 * saw nothing of.
 */
function choicesOf(
  { batch, slots }: DetectionBatch,
  record: ChoiceRecord,
  watched: boolean,
): TransmitterChoices {
  let at = 0
  const choices = Uint8Array.from(slots, (slot) => {
    while (at < record.slots.length && record.slots[at] < slot) at++
    return record.slots[at] === slot ? record.choices[at] : NOTHING_SEEN
  })
  return watched ? { batch, choices, observables: record.observables } : { batch, choices }
}

/** A link that makes no block in so many batches makes none at all. */
const BATCHES_MAX = 600
