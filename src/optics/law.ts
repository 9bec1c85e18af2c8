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
 * The bit is a fair coin in every law that we have, whatever happened, because the two detectors
 * are alike; it is then one bit of the random source, untouched. A law with detectors that differ
 * must draw it with the cell instead; the assertion in `pulseLaw` will say so.
 *
 * @module
 */

import { assert } from '#base'
import { draw, drawTable, type DrawTable } from './draw-table.ts'
import { firingProbability } from './detector.ts'
import type { Basis } from './device.ts'
import { detectorRates, reportedProbability } from './expectation.ts'
import { arrivalsOf, type Arrival, type Attack } from './eve.ts'
import { figuresOf, type LinkFigures, type OpticalLink } from './link.ts'

/** Everything that a simulation needs to draw pulses of one link under one attack. */
export interface PulseLaw {
  /** Probability that anything fires in a live slot. */
  readonly clickProbability: number
  /** Cell, given that something fired. */
  readonly clicked: DrawTable
  /** Cell, given that nothing fired in a live slot. */
  readonly silent: DrawTable
  /** Cell, given that nothing of the slot shows in any report: it was silent, or dead. */
  readonly unseen: DrawTable
  /**
   * Outcome given all choices (rows as packed by `drawChoices`, up to bit 4) and that something
   * fired: bit 0 detector 0 fired, bit 1 detector 1 fired, bit 2 Eve knows the bit.
   */
  readonly outcomes: DrawTable
}

/** A cell is: bit 0 transmitter's basis, bit 1 receiver's (0 = Z), bits 2–3 intensity. */
const CELLS = 16
/** Bits 0–4 of packed choices: all that an outcome depends on. */
const ROW_MASK = 0b11111

/** Packed choices: the transmitter's basis, its bit, and the receiver's basis. */
const TRANSMITTER_BASIS = 1
const BIT = 2
const RECEIVER_BASIS = 16

/** Works out the law of one pulse. The link and the attack must have been checked. */
export function pulseLaw(link: OpticalLink, attack: Attack): PulseLaw {
  const figures = figuresOf(link)
  const rows = Array.from({ length: ROW_MASK + 1 }, (_, row) => rowOf(link, attack, figures, row))
  for (const [row, { fired }] of rows.entries()) {
    const other = rows[row ^ BIT].fired
    assert(Math.abs(fired - other) <= 1e-12, 'both bits are alike to the detectors')
  }
  const clicked = rows.map(({ prior, fired }) => prior * fired)
  const silent = rows.map(({ prior, fired }) => prior * (1 - fired))
  const clickProbability = Math.min(1, total(clicked))
  const doubled = total(rows.map(({ prior, outcomes }) => prior * (outcomes[3] + outcomes[7])))
  const doubleShare = clickProbability === 0 ? 0 : doubled / clickProbability
  const rates = detectorRates(link, clickProbability, doubleShare)
  const strays = link.receiver.detector.neighbourSlotProbability
  const unseen = rows.map(({ prior, fired }) => {
    const reported = reportedProbability(fired, rates, clickProbability, strays)
    return prior * Math.max(0, 1 - reported - strays * fired)
  })
  const priors = rows.map(({ prior }) => prior)
  return {
    clickProbability,
    clicked: cellTable(clicked, priors),
    silent: cellTable(silent, priors),
    unseen: cellTable(unseen, priors),
    outcomes: drawTable(
      rows.map(({ outcomes }) => outcomes),
      32,
    ),
  }
}

/**
 * Draws what is chosen in one slot with one uniform word of 32 bits.
 *
 * Returns, packed: bits 0–3 the transmitter's choice as in `TransmitterChoices`, bit 4 the
 * receiver's basis (0 = Z), bit 5 a fair bit that a double click would get.
 */
export function drawChoices(cells: DrawTable, word: number): number {
  const cell = draw(cells, 0, word >>> 2)
  return (cell & 0b1101) | ((cell & 0b10) << 3) | ((word & 0b01) << 1) | ((word & 0b10) << 4)
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
  /** Weight of each outcome, given the choices. */
  readonly outcomes: readonly number[]
}

function rowOf(link: OpticalLink, attack: Attack, figures: LinkFigures, row: number): LawRow {
  const { intensities, keyBasisProbability } = link.settings
  const bit = row & BIT ? 1 : 0
  const basis: Basis = row & TRANSMITTER_BASIS ? 'X' : 'Z'
  const measured: Basis = row & RECEIVER_BASIS ? 'X' : 'Z'
  const outcomes = new Array<number>(8).fill(0)
  const index = intensityOf(row)
  if (index >= intensities.length) return { prior: 0, fired: 0, outcomes: NOTHING_DRAWN }
  const { meanPhotonNumber, probability } = intensities[index]
  const prior =
    probability *
    chance(keyBasisProbability.transmitter, basis) *
    chance(keyBasisProbability.receiver, measured) *
    0.5
  const sent = { meanPhotonNumber, basis, bit } as const
  for (const arrival of arrivalsOf(attack, sent, figures.channelTransmittance, intensities)) {
    const [zero, one] = firing(link, figures, arrival, measured)
    const known = arrival.known ? 4 : 0
    outcomes[known + 1] += arrival.probability * zero * (1 - one)
    outcomes[known + 2] += arrival.probability * (1 - zero) * one
    outcomes[known + 3] += arrival.probability * zero * one
  }
  const fired = total(outcomes)
  return { prior, fired, outcomes: fired > 0 ? outcomes : NOTHING_DRAWN }
}

/** Probability that detector 0 and detector 1 fire, each given what arrives in a live slot. */
function firing(
  link: OpticalLink,
  figures: LinkFigures,
  arrival: Arrival,
  measured: Basis,
): readonly [number, number] {
  const counted = arrival.meanPhotonNumber * figures.receiverTransmittance
  const astray = link.receiver.misalignment[measured]
  const toOther = arrival.basis === measured ? astray : 0.5
  const toOne = arrival.bit === 1 ? 1 - toOther : toOther
  return [
    firingProbability(counted * (1 - toOne), figures.noiseProbability),
    firingProbability(counted * toOne, figures.noiseProbability),
  ]
}

const chance = (keyBasis: number, basis: Basis): number => (basis === 'Z' ? keyBasis : 1 - keyBasis)

/** The law of cells, from the weight of each row; from `otherwise` if nothing has weight. */
function cellTable(weights: readonly number[], otherwise: readonly number[]): DrawTable {
  const cells = new Array<number>(CELLS).fill(0)
  for (const [row, weight] of (weights.some(Boolean) ? weights : otherwise).entries()) {
    cells[(row & 0b1101) | ((row & RECEIVER_BASIS) >> 3)] += weight
  }
  return drawTable([cells], 30)
}

/** A placeholder law for rows that are never drawn. */
const NOTHING_DRAWN: readonly number[] = [0, 1, 0, 0, 0, 0, 0, 0]
