/**
 * `photonward link explain --preset`: the average block of a preset, from the light to ℓ.
 *
 * @module
 */

import type { ExplainOptions } from '#cli'
import {
  checkedLink,
  channelLossDb,
  expectLink,
  isCoherentName,
  isPairLink,
  namedLink,
  pathOf,
  type OpticalLink,
  type PairLink,
} from '#optics'
import type { ExplanationView } from '#contract'
import { systemRandom } from '#crypto'
import {
  BLOCK_BOUNDS,
  expectedBlock,
  explainLength,
  KEY_BITS_MIN,
  optimiseSettings,
  QkdRefusal,
  type BlockBound,
  type ExpectedBlock,
} from '#qkd'
import { EPSILONS, RESERVE_OCTETS } from './block-defaults.ts'
import { expectedPairBlock, pairSections, stretched } from './explain-pairs.ts'
import { explainGaussian } from './explain-gaussian.ts'
import { section, type Section } from './explain-section.ts'
import { RECONCILIATION } from './gaussian-block.ts'

/**
 * Computes the average block and explains it.
 *
 * @throws OpticsRefusal for an unknown preset, QkdRefusal for a bound that does not fit it
 */
export function explainPreset(request: ExplainOptions): ExplanationView {
  if (isCoherentName(request.preset)) return explainSymbols(request)
  if (Object.values(request.simulation ?? {}).some((one) => one !== undefined)) {
    throw new QkdRefusal('BOUND_NOT_APPLICABLE', 'Expected a GG02 preset to simulate symbols of')
  }
  const preset = namedLink(request.preset).link
  if (isPairLink(preset)) return explainPairs(preset, request)
  const { blockBits, efficiency, lengthKm } = request
  const threeStates = preset.settings.source === 'three-states'
  const bound = boundNamed(request.bound ?? (threeStates ? 'three-state' : 'wiesemann-2024'))
  const channel = { ...preset.channel, ...(lengthKm === undefined ? {} : { lengthKm }) }
  const link = checkedLink({ ...preset, channel })
  const epsilons = EPSILONS
  const evaluate = (settings: OpticalLink['settings']): ExpectedBlock => {
    const { pulses } = expectLink({ ...link, settings })
    return expectedBlock({ settings, pulses, bound, blockBits, efficiency, epsilons })
  }
  const { settings, block } = request.optimise
    ? optimiseSettings({ start: link.settings, evaluate })
    : { settings: link.settings, block: evaluate(link.settings) }
  return explained(request, link.channel.lengthKm, block, [
    lightSection({ ...link, settings }),
    pulseSection({ ...link, settings }),
  ])
}

/** A block of symbols, drawn from the operating system's random source. */
function explainSymbols(request: ExplainOptions): ExplanationView {
  const { preset, lengthKm, bound = 'leverrier-2010', optimise, simulation } = request
  if (bound !== 'leverrier-2010' || optimise) {
    throw new QkdRefusal(
      'BOUND_NOT_APPLICABLE',
      'Expected leverrier-2010 and settings as they are for a GG02 preset',
    )
  }
  const { symbols = SYMBOLS, reconciliation = RECONCILIATION, attack, amount } = simulation ?? {}
  return explainGaussian({
    ...{ preset, lengthKm, symbols, reconciliation, attack, amount },
    random: systemRandom,
  })
}

function explainPairs(preset: PairLink, request: ExplainOptions): ExplanationView {
  const { bound = 'tomamichel-2012', blockBits, efficiency, optimise } = request
  if (boundNamed(bound) !== 'tomamichel-2012') {
    throw new QkdRefusal('BOUND_NOT_APPLICABLE', `Expected tomamichel-2012 for pairs, got ${bound}`)
  }
  if (optimise) {
    throw new QkdRefusal(
      'BOUND_NOT_APPLICABLE',
      'Expected a link with decoys to search settings of',
    )
  }
  const link = stretched(preset, request.lengthKm)
  const block = expectedPairBlock(link, { blockBits, efficiency, epsilons: EPSILONS })
  return explained(request, pathOf(link).lengthKm, block, pairSections(link))
}

/** The explanation of a block, after what is peculiar to its light. */
function explained(
  { preset, efficiency }: ExplainOptions,
  lengthKm: number,
  block: ExpectedBlock,
  light: readonly Section[],
): ExplanationView {
  const length = explainLength(block.keyLength, 8 * RESERVE_OCTETS + KEY_BITS_MIN)
  return {
    subject: `preset ${preset}, ${String(lengthKm)} km`,
    from: 'expectation',
    outcome: 'expected',
    bound: length.bound,
    sections: [
      ...light,
      blockSection(block, EPSILONS, efficiency),
      { title: 'Key length', terms: length.terms.map((term) => ({ ...term })) },
    ],
    secretBits: length.secretBits,
    verdict: length.verdict,
    why: length.why,
  }
}

function lightSection(link: OpticalLink): Section {
  const { channel, receiver, settings } = link
  const expected = expectLink(link)
  const lossDb = channelLossDb(channel)
  const { transmitter, receiver: atReceiver } = settings.keyBasisProbability
  const share = 10 ** (-(lossDb + receiver.lossDb) / 10) * receiver.detector.efficiency
  const { darkCountProbability } = receiver.detector
  return section('Light', [
    ['clockHz', settings.clockHz, 'pulses per second'],
    ['lengthKm', channel.lengthKm, 'fibre'],
    ['channelLossDb', lossDb, 'length × attenuation + insertion loss'],
    ['receiverLossDb', receiver.lossDb, 'from the end of the fibre to the detectors'],
    ['efficiency', receiver.detector.efficiency, 'of the detectors'],
    ['eta', share, 'η_sys: share of the light that is counted'],
    ['darkCountProbability', darkCountProbability, 'per detector and gate'],
    ['backgroundProbability', channel.backgroundProbability, 'stray light, per detector and gate'],
    ['keyBasisTransmitter', transmitter, 'share of pulses sent in the key basis'],
    ['keyBasisReceiver', atReceiver, 'share of slots measured in the key basis'],
    ['clickProbability', expected.clickProbability, 'anything fires in a live slot'],
    ['liveFraction', expected.liveFraction, 'share of slots that are not in dead time'],
    ['detectionsPerSecond', expected.detectionsPerSecond, 'detections of all bases'],
  ])
}

function pulseSection(link: OpticalLink): Section {
  const { pulses } = expectLink(link)
  const threeStates = link.settings.source === 'three-states'
  return section(
    'Each pulse, both ends in one basis',
    link.settings.intensities.flatMap(({ meanPhotonNumber, probability }, at) => {
      const { Z, X, crossed } = pulses[at]
      const n = String(at + 1)
      return [
        [`mu${n}`, meanPhotonNumber, 'mean photon number'],
        [`p${n}`, probability, 'share of pulses sent with it'],
        [`gainZ${n}`, Z.gain, 'probability that it is reported in the key basis'],
        [`errorZ${n}`, Z.error / Z.gain, 'share of those with a wrong bit'],
        [`gainX${n}`, X.gain, 'probability that it is reported in the test basis'],
        [`errorX${n}`, X.error / X.gain, 'share of those with a wrong bit'],
        ...(threeStates
          ? ([
              [`zeroCrossed${n}`, crossed.zero, 'probability that a key state is seen as +'],
            ] as const)
          : []),
      ] as const
    }),
  )
}

const blockSection = (
  block: ExpectedBlock,
  epsilons: { readonly secrecy: number; readonly correctness: number },
  efficiency: number,
): Section =>
  section('Block', [
    ['epsilonSecrecy', epsilons.secrecy, 'ε_sec granted to the block'],
    ['epsilonCorrectness', epsilons.correctness, 'ε_cor granted to it'],
    ['pulsesSent', block.pulsesSent, 'until the block is full'],
    ['seconds', block.seconds, 'until the block is full'],
    ...(['key', 'test'] as const).flatMap((basis) =>
      block.counts[basis].detections.flatMap((count, at) => {
        const n = String(at + 1)
        return [
          [`${basis}Detections${n}`, count, `of intensity ${n} in the ${basis} basis`],
          [`${basis}Errors${n}`, block.counts[basis].errors[at], 'those with a wrong bit'],
        ] as const
      }),
    ),
    ...(block.counts.crossedZeros ?? []).map((count, at) => {
      const n = String(at + 1)
      return [`crossedZeros${n}`, count, `key states of intensity ${n} seen as +`] as const
    }),
    ['keyErrorRate', block.keyErrorRate, 'of the key basis'],
    ['testErrorRate', block.testErrorRate, 'of the test basis'],
    ['correctionEfficiency', efficiency, 'f, assumed; a running link counts what it reveals'],
    ['siftedBitsPerSecond', block.siftedBitsPerSecond, 'sifted rate in the key basis'],
    ['secretBitsPerSecond', block.secretBitsPerSecond, 'ℓ over the time of the block'],
  ])

function boundNamed(name: string): BlockBound {
  const found = BLOCK_BOUNDS.find((bound) => bound === name)
  if (found !== undefined) return found
  throw new QkdRefusal('PARAMETERS_INVALID', `Expected a bound: ${BLOCK_BOUNDS.join(', ')}`)
}

/** Symbols of a block, unless told otherwise: a second or two of work. */
const SYMBOLS = 10_000_000
