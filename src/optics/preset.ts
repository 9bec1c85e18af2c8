/**
 * Links that can be named: every figure as data, with its source or the word that it is assumed.
 *
 * A preset says what is known of a published link and fills the rest with plausible figures; where
 * a rate was published, the assumed figures are chosen so that it comes out. That shows that the
 * model is consistent with the publication, not that the real devices have these figures.
 *
 * @module
 */

import type { FibreChannel } from './channel.ts'
import type { Detector, Receiver } from './detector.ts'
import { detectorPresets } from './detectors.ts'
import { assumed, from, isFigure, valuesOf, type Figure, type Figures } from './figure.ts'
import { checkedLink, type OpticalLink } from './link.ts'
import { OpticsRefusal } from './refusal.ts'
import type { TransmitterGuard } from './trojan-horse.ts'

export interface LinkPreset {
  readonly name: string
  readonly title: string
  readonly link: Figures<OpticalLink>
  /** Slots of each batch that suit the link's clock. */
  readonly batchSlots: number
  /** Sifted bits of a block that suit the link; left out where any will do. */
  readonly blockBits?: number
  /** The secret key rate that was published for the link, in bits per second. */
  readonly publishedSecretBitsPerSecond?: Figure
}

/** The names of all presets. */
export const presetNames = (): readonly string[] => PRESETS.map(({ name }) => name)

/** The preset of this name. @throws OpticsRefusal OPTICS_PRESET_UNKNOWN */
export function presetNamed(name: string): LinkPreset {
  const found = PRESETS.find((preset) => preset.name === name)
  if (found !== undefined) return found
  throw new OpticsRefusal(
    'OPTICS_PRESET_UNKNOWN',
    `Expected the name of a link preset: ${presetNames().join(', ')}`,
  )
}

/**
 * The link of a preset, without the sources.
 *
 * @param clockHz  another clock, for machines that cannot keep up; probabilities per gate stay
 * @throws OpticsRefusal OPTICS_LINK_INVALID if the link cannot run at that clock
 */
export function linkOf({ link }: LinkPreset, clockHz = link.settings.clockHz.value): OpticalLink {
  const plain = valuesOf(link) as OpticalLink
  return checkedLink({ ...plain, settings: { ...plain.settings, clockHz } })
}

/** Every figure of a preset by its path, such as `receiver.detector.efficiency`. */
export function figuresIn(preset: {
  readonly link: object
}): readonly (Figure & { readonly path: string })[] {
  const found: (Figure & { readonly path: string })[] = []
  const visit = (node: unknown, path: string): void => {
    if (isFigure(node)) found.push({ path, ...node })
    else if (typeof node !== 'string')
      for (const [key, part] of Object.entries(node as object)) visit(part, `${path}.${key}`)
  }
  for (const [key, part] of Object.entries(preset.link)) visit(part, key)
  return found
}

const dynes = from('Dynes et al., npj Quantum Information 5, 101 (2019)')

const selfDifferencing = detectorPresets['self-differencing-apd']

const standardFibre = (lengthKm: Figure, insertionLossDb: Figure): Figures<FibreChannel> => ({
  lengthKm,
  attenuationDbPerKm: from('standard single-mode fibre (ITU-T G.652) at 1550 nm, typical')(0.2),
  insertionLossDb,
  backgroundProbability: assumed(1e-7),
})

const receiverOf = (lossDb: number, detector: Figures<Detector>): Figures<Receiver> => ({
  lossDb: assumed(lossDb),
  misalignment: { Z: assumed(0.01), X: assumed(0.01) },
  detector,
})

/** Closed as Lucamarini et al. (2015) ask for: 10¹¹ photons a pulse come back as 10⁻⁶. */
const transmitter: Figures<TransmitterGuard> = {
  isolationDb: from('Lucamarini et al., PRX 5, 031030 (2015): 170 dB for 1 GHz')(170),
  watchdogFloorNw: assumed(0.01),
}

const cambridgeMetro: LinkPreset = {
  name: 'cambridge-metro',
  title: 'Cambridge quantum network, the span of 10.6 km with 3.9 dB',
  link: {
    settings: {
      clockHz: from(
        'assumed: the clock of the same maker’s systems of that time, arXiv 1807.04484',
      )(1e9),
      // Dim pulses and a receiver with little loss, rather than the reverse: the same secret rate
      // from fewer detections.
      intensities: [
        { meanPhotonNumber: assumed(0.25), probability: assumed(0.6) },
        { meanPhotonNumber: assumed(0.08), probability: assumed(0.4) },
      ],
      keyBasisProbability: { transmitter: assumed(0.85), receiver: assumed(0.85) },
    },
    channel: standardFibre(
      dynes(10.6),
      from('published loss of 3.9 dB (Dynes et al. 2019) less 10.6 km × 0.2 dB/km')(1.78),
    ),
    // Chosen so that the published secret rate comes out.
    receiver: receiverOf(2.7, selfDifferencing),
    transmitter,
  },
  batchSlots: 2 ** 22,
  publishedSecretBitsPerSecond: dynes(2.58e6),
}

const gruenenfelder = from(
  'Grünenfelder et al., Nature Photonics 17, 422 (2023), as remembered: not read again',
)

const threeState: LinkPreset = {
  name: 'three-state-102km',
  title: 'Three states at 2.5 GHz over 102 km of low-loss fibre, with nanowire arrays',
  link: {
    settings: {
      clockHz: from('Grünenfelder et al., Nature Photonics 17, 422 (2023)')(2.5e9),
      // What gives most key from the blocks below, by the bound that counts what is crossed.
      intensities: [
        { meanPhotonNumber: assumed(0.36), probability: assumed(0.4) },
        { meanPhotonNumber: assumed(0.082), probability: assumed(0.6) },
      ],
      keyBasisProbability: { transmitter: assumed(0.76), receiver: assumed(0.76) },
      source: 'three-states',
    },
    channel: {
      lengthKm: gruenenfelder(102.4),
      attenuationDbPerKm: from('ultra-low-loss fibre at 1550 nm, typical 0.16 to 0.17')(0.16),
      insertionLossDb: assumed(0),
      backgroundProbability: assumed(1e-9),
    },
    receiver: {
      lossDb: assumed(1.5),
      misalignment: { Z: assumed(0.004), X: assumed(0.004) },
      detector: {
        ...detectorPresets['snspd-array'],
        efficiency: from('order of magnitude of Grünenfelder et al. 2023, 14 pixels')(0.8),
        darkCountProbability: from('assumed: 100 dark counts a second, in 0.4 ns')(4e-8),
        deadTimePs: from('assumed: some ten ns over the number of pixels')(2400),
      },
    },
    transmitter,
  },
  batchSlots: 2 ** 23,
  blockBits: 4_000_000,
  publishedSecretBitsPerSecond: gruenenfelder(3e6),
}

const laboratory: LinkPreset = {
  name: 'lab-25km',
  title: 'Laboratory link over 25 km of fibre, for benchmarks',
  link: {
    settings: {
      clockHz: assumed(1e9),
      intensities: [
        { meanPhotonNumber: assumed(0.5), probability: assumed(0.7) },
        { meanPhotonNumber: assumed(0.15), probability: assumed(0.3) },
      ],
      keyBasisProbability: { transmitter: assumed(0.9), receiver: assumed(0.9) },
    },
    channel: standardFibre(assumed(25), assumed(0)),
    receiver: receiverOf(3, selfDifferencing),
    transmitter,
  },
  batchSlots: 2 ** 22,
}

const range: LinkPreset = {
  name: 'range-50km',
  title: 'Firing range: 50 km, a loss that Eve can use, and a transmitter closed too weakly',
  link: {
    settings: {
      clockHz: assumed(1e9),
      intensities: [
        { meanPhotonNumber: assumed(0.5), probability: assumed(0.7) },
        { meanPhotonNumber: assumed(0.15), probability: assumed(0.3) },
      ],
      keyBasisProbability: { transmitter: assumed(0.8), receiver: assumed(0.8) },
    },
    channel: standardFibre(assumed(50), assumed(0)),
    receiver: receiverOf(3, selfDifferencing),
    transmitter: {
      isolationDb: from('assumed: one isolator, too little against a Trojan horse')(70),
      watchdogFloorNw: assumed(0.01),
    },
  },
  batchSlots: 2 ** 22,
}

const world: LinkPreset = {
  name: 'world-slow',
  title: 'Short, slow link for simulated days: blocks of 250 000 sifted bits already yield key',
  link: {
    settings: {
      clockHz: assumed(2000),
      intensities: [
        { meanPhotonNumber: assumed(0.3), probability: assumed(0.5) },
        { meanPhotonNumber: assumed(0.1), probability: assumed(0.5) },
      ],
      keyBasisProbability: { transmitter: assumed(0.75), receiver: assumed(0.75) },
    },
    channel: standardFibre(assumed(5), assumed(0.5)),
    receiver: {
      lossDb: assumed(1),
      misalignment: { Z: assumed(0.005), X: assumed(0.005) },
      detector: {
        ...selfDifferencing,
        efficiency: assumed(0.6),
        darkCountProbability: assumed(1e-6),
      },
    },
    transmitter,
  },
  batchSlots: 2 ** 18,
}

const PRESETS: readonly LinkPreset[] = [cambridgeMetro, threeState, laboratory, range, world]
