/**
 * The law of one pulse: what is chosen, what fires, and how both hang together.
 *
 * Lists every way one pulse can go (intensity, both bases, bit, what arrives, which detectors
 * fire) with its probability, and turns the list into tables from which `simulate` draws: first
 * whether anything fires, then, given that, the choices, and then, given the choices, the outcome.
 * So choices and outcomes of detected pulses have exactly the joint law of a simulation that goes
 * through every pulse, at the cost of the detected ones only.
 *
 * Choices and outcome are drawn apart because they come from different generators: choices become
 * keys and need a cryptographic source, outcomes are noise of the channel.
 *
 * As long as both detectors are alike to the light, the bit is a fair coin whatever happened; it is
 * then one bit of the random source, untouched. (Of three states, the one of the test basis needs
 * no coin.) Where an attack makes them differ, or the source
 * fails, the bit is drawn with the cell instead.
 *
 * @module
 */

import { firingOf, type Arrival, type Firing, type ReceiverFigures } from './arrival.ts'
import { draw, drawTable, type DrawTable } from './draw-table.ts'
import type { Basis } from './device.ts'
import { detectorRates, reportedProbability } from './detector-rates.ts'
import { arrivalsOf, chanceOfOne, linkUnder, type Attack } from './eve.ts'
import { figuresOf, type OpticalLink } from './link.ts'

/** The law of what is chosen in a slot. */
export interface ChoiceTable extends DrawTable {
  /** Bit 0: in basis Z a fair coin decides the bit; bit 1: in basis X too. Otherwise it is 0. */
  readonly coins: number
}

/** Everything that a simulation needs to draw pulses of one link under one attack. */
export interface PulseLaw {
  /** Probability that anything fires in a live slot. */
  readonly clickProbability: number
  /** Cell, given that something fired. */
  readonly clicked: ChoiceTable
  /** Cell, given that nothing fired in a live slot. */
  readonly silent: ChoiceTable
  /** Cell, given that nothing of the slot shows in any report: it was silent, or dead. */
  readonly unseen: ChoiceTable
  /**
   * Outcome given all choices (rows as packed by `drawChoices`, up to bit 4) and that something
   * fired: bit 0 detector 0 fired, bit 1 detector 1 fired, bit 2 Eve knows the bit, bit 3 the light
   * came early, bit 4 it came late.
   */
  readonly outcomes: DrawTable
  /** How early or late such light comes, in picoseconds. */
  readonly shiftPs: number
}

/**
 * A cell is: bit 0 transmitter's basis, bit 1 receiver's (0 = Z), bits 2–3 intensity, and bit 4 the
 * bit where that is no fair coin.
 */
const FAIR_CELLS = 16
const UNFAIR_CELLS = 32
/** Bits 0–4 of packed choices: all that an outcome depends on. */
const ROW_MASK = 0b11111

/** Packed choices: the transmitter's basis, its bit, and the receiver's basis. */
const TRANSMITTER_BASIS = 1
const BIT = 2
const RECEIVER_BASIS = 16

/** Parts of an outcome. */
const KNOWN = 4
const EARLY = 8
const LATE = 16

/** Works out the law of one pulse. The link and the attack must have been checked. */
export function pulseLaw(usual: OpticalLink, attack: Attack): PulseLaw {
  const link = linkUnder(usual, attack)
  const { receiver } = link
  const { receiverTransmittance, noiseProbability } = figuresOf(link)
  const figures = { receiver, receiverTransmittance, noiseProbability }
  const rows = Array.from({ length: ROW_MASK + 1 }, (_, row) => rowOf(usual, attack, figures, row))
  const coins = usual.settings.source === 'three-states' ? 0b01 : 0b11
  const fair = rows.every(
    ({ fired, prior }, row) =>
      ((coins >> (row & TRANSMITTER_BASIS)) & 1) === 0 ||
      (Math.abs(fired - rows[row ^ BIT].fired) <= 1e-12 && prior === rows[row ^ BIT].prior),
  )
  const clicked = rows.map(({ prior, fired }) => prior * fired)
  const silent = rows.map(({ prior, fired }) => prior * (1 - fired))
  const clickProbability = Math.min(1, total(clicked))
  const doubles = total(rows.map(({ prior, doubled }) => prior * doubled))
  const doubleShare = clickProbability === 0 ? 0 : doubles / clickProbability
  const rates = detectorRates(link, clickProbability, doubleShare)
  const strays = link.receiver.detector.neighbourSlotProbability
  const unseen = rows.map(({ prior, fired }) => {
    const reported = reportedProbability(fired, rates, clickProbability, strays)
    return prior * Math.max(0, 1 - reported - strays * fired)
  })
  const priors = rows.map(({ prior }) => prior)
  const choices = (weights: readonly number[]): ChoiceTable => ({
    ...cellTable(weights, priors, fair),
    coins,
  })
  return {
    clickProbability,
    clicked: choices(clicked),
    silent: choices(silent),
    unseen: choices(unseen),
    outcomes: drawTable(
      rows.map(({ outcomes }) => outcomes),
      32,
    ),
    shiftPs: attack.kind === 'time-shift' ? attack.shiftPs : 0,
  }
}

/**
 * Draws what is chosen in one slot with one uniform word of 32 bits.
 *
 * Returns, packed: bits 0–3 the transmitter's choice as in `TransmitterChoices`, bit 4 the
 * receiver's basis (0 = Z), bit 5 a fair bit that a double click would get.
 */
export function drawChoices(cells: ChoiceTable, word: number): number {
  const cell = draw(cells, 0, word >>> 2)
  const bit = cells.outcomes === FAIR_CELLS ? word & (cells.coins >> (cell & 1)) & 1 : cell >> 4
  return (cell & 0b1101) | ((cell & 0b10) << 3) | (bit << 1) | ((word & 0b10) << 4)
}

/** Draws the outcome for choices as packed by `drawChoices`, with one uniform word of 32 bits. */
export const drawOutcome = (outcomes: DrawTable, packed: number, word: number): number =>
  draw(outcomes, packed & ROW_MASK, word)

const total = (weights: readonly number[]): number =>
  weights.reduce((sum, weight) => sum + weight, 0)

const intensityOf = (row: number): number => (row >> 2) & 0b11

interface LawRow {
  /** Probability of these choices. */
  readonly prior: number
  /** Probability that anything fires, given the choices. */
  readonly fired: number
  /** Probability that both detectors fire, given the choices. */
  readonly doubled: number
  /** Weight of each outcome, given the choices. */
  readonly outcomes: readonly number[]
}

function rowOf(link: OpticalLink, attack: Attack, figures: ReceiverFigures, row: number): LawRow {
  const { intensities, keyBasisProbability } = link.settings
  const bit = row & BIT ? 1 : 0
  const basis: Basis = row & TRANSMITTER_BASIS ? 'X' : 'Z'
  const measured: Basis = row & RECEIVER_BASIS ? 'X' : 'Z'
  const outcomes = new Array<number>(attack.kind === 'time-shift' ? 32 : 8).fill(0)
  const nothing = outcomes.map((_, outcome) => (outcome === 1 ? 1 : 0))
  const index = intensityOf(row)
  if (index >= intensities.length) return { prior: 0, fired: 0, doubled: 0, outcomes: nothing }
  const { meanPhotonNumber, probability } = intensities[index]
  const one = chanceOfOne(attack, basis, link.settings)
  const prior =
    probability *
    chance(keyBasisProbability.transmitter, basis) *
    chance(keyBasisProbability.receiver, measured) *
    (bit === 1 ? one : 1 - one)
  const sent = { meanPhotonNumber, basis, bit } as const
  let doubled = 0
  for (const arrival of arrivalsOf(attack, sent, link)) {
    const firing = firingOf(arrival, measured, figures)
    addOutcomes(outcomes, arrival, firing)
    doubled += arrival.probability * firing[2]
  }
  const fired = total(outcomes)
  return { prior, fired, doubled, outcomes: fired > 0 ? outcomes : nothing }
}

/** Adds what one arrival may fire to the weights of the outcomes. */
function addOutcomes(outcomes: number[], arrival: Arrival, firing: Firing): void {
  const { probability, known, guess, delayPs = 0 } = arrival
  const shift = delayPs < 0 ? EARLY : delayPs > 0 ? LATE : 0
  for (const [at, fires] of firing.entries()) {
    const guessed = guess?.detector === at ? guess.certainty : 0
    const share = known ? 1 : guessed
    const outcome = (at + 1) | shift
    outcomes[outcome | KNOWN] += probability * fires * share
    outcomes[outcome] += probability * fires * (1 - share)
  }
}

const chance = (keyBasis: number, basis: Basis): number => (basis === 'Z' ? keyBasis : 1 - keyBasis)

/** The law of cells, from the weight of each row; from `otherwise` if nothing has weight. */
function cellTable(
  weights: readonly number[],
  otherwise: readonly number[],
  fair: boolean,
): DrawTable {
  const cells = new Array<number>(fair ? FAIR_CELLS : UNFAIR_CELLS).fill(0)
  for (const [row, weight] of (weights.some(Boolean) ? weights : otherwise).entries()) {
    const bit = fair ? 0 : (row & BIT) << 3
    cells[(row & 0b1101) | ((row & RECEIVER_BASIS) >> 3) | bit] += weight
  }
  return drawTable([cells], 30)
}
