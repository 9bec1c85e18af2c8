/**
 * Photon-number splitting on two simulated links that differ in one thing: one of them sends no decoys.
 *
 * For the attack lab. Both are drawn over so many pulses, honestly and attacked; what each makes of its
 * figures is computed as it would itself. The link without decoys has its gain and its error rate and
 * nothing else, so it takes every click for a single photon, as many a demonstration does: it stays green.
 * No engine of the house runs such a link; the bounds refuse it.
 *
 * Touches no link of the site and no key.
 *
 * @see study/photon-number-splitting.ts, along the whole fibre and with the bound that holds
 * @module
 */

import type { RandomSource } from '#base'
import type { ComparisonView } from '#contract'
import {
  BatchSimulator,
  expectLink,
  linkOf,
  noAttack,
  pathOf,
  presetNamed,
  type Attack,
  type OpticalLink,
} from '#optics'
import { bitsOfEveryClick, decoyFacts, expectedBlock } from '#qkd'

/** What is compared. */
export interface ComparisonWish {
  readonly lengthKm: number
  /** Share of the pulses that Eve works on. */
  readonly fraction: number
  /** How far she keeps the count rate. */
  readonly stealth: number
}

type ComparedLink = ComparisonView['withDecoys']

/**
 * Draws both links.
 *
 * @param random  of which the pulses are drawn; simulated ones are for tests
 */
export function compareDecoys(
  { lengthKm, fraction, stealth }: ComparisonWish,
  random: RandomSource,
  allowSimulatedRandomness = false,
): ComparisonView {
  const preset = linkOf(presetNamed(PRESET))
  const withDecoys: OpticalLink = { ...preset, channel: { ...preset.channel, lengthKm } }
  const [signal] = withDecoys.settings.intensities
  const intensities = [{ ...signal, probability: 1 }]
  const withoutDecoys: OpticalLink = {
    ...withDecoys,
    settings: { ...withDecoys.settings, intensities },
  }
  const attack: Attack = { kind: 'photon-number-splitting', fraction, stealth }
  const means = { random, allowSimulatedRandomness, attack }
  return {
    ...{ lengthKm, lossDb: pathOf(withDecoys).lossDb, fraction, stealth, slots: SLOTS },
    withoutDecoys: compared(withoutDecoys, means),
    withDecoys: compared(withDecoys, means),
  }
}

function compared(link: OpticalLink, means: Means & { readonly attack: Attack }): ComparedLink {
  const { detections, sifted, knownToEve } = counted(link, means)
  return {
    honest: figuresOf(link, noAttack),
    attacked: figuresOf(link, means.attack),
    ...{ sifted, knownToEve },
    decoysAlarm: decoyFacts(detections, link.settings.intensities).suspicious,
  }
}

/** On average, and what a link makes of it. */
function figuresOf(link: OpticalLink, attack: Attack): ComparedLink['honest'] {
  const { intensities } = link.settings
  const { pulses, qber, siftedBitsPerSecond } = expectLink(link, attack)
  const hasDecoys = intensities.length > 1
  return {
    pulses: intensities.map(({ meanPhotonNumber }, at) => ({
      meanPhotonNumber,
      gain: pulses[at].Z.gain,
    })),
    qber: qber.Z,
    secretBitsPerSecond: hasDecoys
      ? expectedBlock({
          ...{ settings: link.settings, pulses, bound: 'wiesemann-2024', blockBits: 1e6 },
          ...{ efficiency: EFFICIENCY, epsilons: { secrecy: 1e-10, correctness: 1e-15 } },
        }).secretBitsPerSecond
      : bitsOfEveryClick({
          siftedBits: siftedBitsPerSecond,
          errorRate: qber.Z,
          efficiency: EFFICIENCY,
        }),
  }
}

interface Means {
  readonly random: RandomSource
  readonly allowSimulatedRandomness: boolean
}

/** Detections of each intensity, and what Eve knows of the sifted ones. */
function counted(
  link: OpticalLink,
  { attack, ...means }: Means & { readonly attack: Attack },
): {
  readonly detections: readonly number[]
  readonly sifted: number
  readonly knownToEve: number
} {
  const simulator = new BatchSimulator({ link, ...means })
  simulator.setAttack(attack)
  const { detections, record, truth } = simulator.next(SLOTS)
  const counts = link.settings.intensities.map(() => 0)
  let at = 0
  for (const slot of detections.slots) {
    while (record.slots[at] !== slot) at++
    // Bits 2 and 3 of a choice are the intensity.
    counts[record.choices[at] >> 2]++
  }
  return { detections: counts, ...truth }
}

/** A fibre whose loss Eve can use, and pulses as bright as the textbooks have them. */
const PRESET = 'range-50km'
const EFFICIENCY = 1.1
/** Some ten thousand detections at 50 km, in a fraction of a second. */
const SLOTS = 2 ** 22
