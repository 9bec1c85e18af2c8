/**
 * What both ends of a link agree on before the first photon, and the hash that shows they do.
 *
 * Everything that decides how bits become keys stands here. Both ends put the hash into their
 * hello; ends with different parameters refuse each other.
 *
 * @module
 */

import {
  door,
  Exactly,
  OneOf,
  Refusal,
  Text,
  toCbor,
  Type,
  Whole,
  linkId,
  siteId,
  type LinkId,
  type SiteId,
} from '#base'
import { sha256 } from '#crypto'
import type { PulseSettings } from '#optics'
import type { Epsilons } from './bounds/counts.ts'
import {
  BLOCK_BOUNDS,
  intensitiesFor,
  kindFor,
  pulseKindOf,
  type BlockBound,
} from './bounds/length.ts'
import type { PlanAim } from './cascade/plan.ts'
import { QkdRefusal } from './refusal.ts'

/** The hash family of privacy amplification; see `amplification.ts` for what each allows. */
export type AmplificationFamily = 'modular' | 'toeplitz'

/**
 * What of a Cascade run is charged as leaked. `one-way`: every parity of the transmitter's string.
 * That is sound where the places of errors may be announced without harm, as after a receiver that
 * is basis-independent and gives a random bit for each double click: which bits differ in the key
 * basis then says nothing about the phase errors, which alone bound Eve. `two-way` needs no such
 * argument: the receiver's parities, which its questions betray, are charged as well.
 *
 * @see Tupkary, Lütkenhaus, Using Cascade in quantum key distribution, arXiv 2307.00576
 */
export type LeakCharge = 'one-way' | 'two-way'

/**
 * How the ends come to their bits. `decoy-bb84`: one sends weak pulses, the other detects.
 * `three-state-bb84`: so too, with one state of the test basis, and detections of key states in the
 * test basis counted. `bbm92`: both detect halves of entangled pairs; the site named transmitter is
 * the one whose string becomes the key.
 */
export type LinkProtocol = (typeof LINK_PROTOCOLS)[number]

/** Every protocol. */
export const LINK_PROTOCOLS = ['decoy-bb84', 'three-state-bb84', 'bbm92'] as const

/**
 * How errors are corrected. `cascade`: by questions and answers, least leak, some hundred round
 * trips a block. `ldpc`: the transmitter tells the syndromes of all frames at once, more leak, no
 * round trip but for rare frames, which Cascade corrects after all.
 */
export type CorrectionMethod = 'cascade' | 'ldpc'

/**
 * What authenticates a session that begins without a reserve in common: a signed hybrid exchange, or
 * a chunk of a pre-shared key. One never stands in for the other.
 */
export type BootstrapMethod = 'signature' | 'psk'

/** The parameters of one link, the same at both ends. */
export interface LinkParameters {
  readonly link: LinkId
  readonly transmitter: SiteId
  readonly receiver: SiteId
  /** Follows from what the devices do; stated, so that both ends and every report say it. */
  readonly protocol: LinkProtocol
  readonly pulses: PulseSettings
  readonly bound: BlockBound
  /** A block closes with the first batch that brings its sifted key-basis bits to this number. */
  readonly blockBits: number
  /** Granted to each block. */
  readonly epsilons: Epsilons
  /** Blocks with a higher error rate in either basis are discarded. */
  readonly qberMax: number
  /** Authentication reserve cut from each block: 2 × (16 + 16 × pads per direction). */
  readonly reserveOctets: number
  readonly bootstrap: BootstrapMethod
  readonly correction: CorrectionMethod
  /** Largest Cascade frame. */
  readonly frameBits: number
  /** What Cascade spends less of. */
  readonly reconciliation: PlanAim
  readonly leakCharge: LeakCharge
  readonly amplification: AmplificationFamily
  /** Closed blocks that may be in post-processing at once. */
  readonly blocksInFlightMax: number
  /** Batches that the receiver may have announced without an answer yet. */
  readonly batchesInFlightMax: number
  /** A block or hello that makes no progress for so long is given up. */
  readonly stallMs: number
}

/** What an operator has to choose; the rest has defaults. */
export type LinkChoices = Pick<LinkParameters, 'link' | 'transmitter' | 'receiver' | 'pulses'> &
  Partial<LinkParameters>

/** Complete, checked parameters. @throws QkdRefusal `PARAMETERS_INVALID` */
export function linkParameters(choices: LinkChoices): LinkParameters {
  const ofSource = SOURCE_DEFAULTS[choices.pulses.source ?? 'weak-pulses']
  return readLinkParameters({ ...DEFAULTS, ...ofSource, ...choices })
}

/** Reads parameters from configuration. @throws QkdRefusal `PARAMETERS_INVALID` */
export function readLinkParameters(value: unknown): LinkParameters {
  try {
    const { link, transmitter, receiver, ...rest } = openParameters(value)
    const parameters = {
      ...rest,
      link: linkId(link),
      transmitter: siteId(transmitter),
      receiver: siteId(receiver),
    }
    check(parameters)
    return parameters
  } catch (cause) {
    if (cause instanceof QkdRefusal) throw cause
    const detail = cause instanceof Refusal ? `: ${cause.message}` : ''
    throw new QkdRefusal('PARAMETERS_INVALID', `Invalid link parameters${detail}`, { cause })
  }
}

/** SHA-256 of the parameters in their one deterministic form. */
export function parametersHash(parameters: LinkParameters): Uint8Array {
  // A copy with plain members: the brands of names are texts on the wire.
  const { pulses, epsilons, ...rest } = parameters
  return sha256(
    toCbor({
      ...rest,
      epsilons: { ...epsilons },
      pulses: {
        clockHz: pulses.clockHz,
        keyBasisProbability: { ...pulses.keyBasisProbability },
        intensities: pulses.intensities.map((intensity) => ({ ...intensity })),
        source: pulses.source ?? 'weak-pulses',
        ...(pulses.chshProbability === undefined
          ? {}
          : { chshProbability: pulses.chshProbability }),
      },
    }),
  )
}

/** Pads of one direction in the reserve of one block. */
export const padsPerReserve = ({ reserveOctets }: LinkParameters): number => reserveOctets / 32 - 1

function check(parameters: LinkParameters): void {
  const { pulses, bound, transmitter, receiver, reserveOctets, frameBits, protocol } = parameters
  const needed = intensitiesFor(bound)
  const source = pulses.source ?? 'weak-pulses'
  const { intensities } = pulses
  let sum = 0
  for (const { probability } of intensities) sum += probability
  const fault =
    (transmitter === receiver && 'two sites') ||
    (protocol !== SOURCE_DEFAULTS[source].protocol &&
      `${SOURCE_DEFAULTS[source].protocol} from ${source}, got ${protocol}`) ||
    (kindFor(bound) !== pulseKindOf(pulses) && `a bound for ${protocol}, got ${bound}`) ||
    (bound === 'three-state' &&
      parameters.amplification !== 'toeplitz' &&
      'toeplitz amplification for three-state, whose proof needs a dual-universal hash') ||
    (pulses.chshProbability !== undefined &&
      source !== 'entangled-pairs' &&
      'entangled pairs for a CHSH test') ||
    (intensities.length !== needed && `${needed} intensities for ${bound}`) ||
    (Math.abs(sum - 1) > 1e-9 && 'probabilities of intensities that sum to 1') ||
    (intensities.some(
      ({ meanPhotonNumber }, at) =>
        at > 0 && meanPhotonNumber >= intensities[at - 1].meanPhotonNumber,
    ) &&
      'intensities, brightest first') ||
    (reserveOctets % 32 !== 0 && 'a reserve of 2 × (16 + 16 × pads) octets') ||
    (frameBits % 32 !== 0 && 'frames of whole 32-bit words')
  if (fault !== false) {
    throw new QkdRefusal('PARAMETERS_INVALID', `Invalid link parameters: expected ${fault}`)
  }
}

const Probability = Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })

const openParameters = door(
  Exactly({
    link: Text(63, 1),
    transmitter: Text(63, 1),
    receiver: Text(63, 1),
    protocol: OneOf(...LINK_PROTOCOLS),
    pulses: Exactly({
      clockHz: Type.Number({ exclusiveMinimum: 0, maximum: 1e12 }),
      intensities: Type.Array(
        Exactly({
          meanPhotonNumber: Type.Number({ minimum: 0, maximum: 10 }),
          probability: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
        }),
        { minItems: 1, maxItems: 3 },
      ),
      keyBasisProbability: Exactly({ transmitter: Probability, receiver: Probability }),
      source: Type.Optional(OneOf('entangled-pairs', 'three-states')),
      chshProbability: Type.Optional(Type.Number({ minimum: 1e-6, maximum: 0.5 })),
    }),
    bound: OneOf(...BLOCK_BOUNDS),
    blockBits: Whole(1024, 2 ** 25),
    epsilons: Exactly({ secrecy: Probability, correctness: Probability }),
    qberMax: Type.Number({ exclusiveMinimum: 0, maximum: 0.25 }),
    reserveOctets: Whole(2 * (16 + 16 * 16), 2 * (16 + 16 * 4096)),
    bootstrap: OneOf('signature', 'psk'),
    frameBits: Whole(1024, 65_536),
    correction: OneOf('cascade', 'ldpc'),
    reconciliation: OneOf('least-leak', 'few-rounds'),
    leakCharge: OneOf('one-way', 'two-way'),
    amplification: OneOf('modular', 'toeplitz'),
    blocksInFlightMax: Whole(1, 128),
    batchesInFlightMax: Whole(1, 64),
    stallMs: Whole(100, 3_600_000),
  }),
  'link parameters',
)

const DEFAULTS = {
  protocol: 'decoy-bb84',
  bound: 'wiesemann-2024',
  blockBits: 1_000_000,
  epsilons: { secrecy: 1e-10, correctness: 1e-15 },
  qberMax: 0.08,
  reserveOctets: 2 * (16 + 16 * 256),
  bootstrap: 'signature',
  frameBits: 65_536,
  correction: 'cascade',
  reconciliation: 'least-leak',
  leakCharge: 'one-way',
  amplification: 'modular',
  blocksInFlightMax: 8,
  batchesInFlightMax: 8,
  stallMs: 20_000,
} as const satisfies Partial<LinkParameters>

/** What follows from what the devices do, or differs with it. */
const SOURCE_DEFAULTS = {
  'weak-pulses': { protocol: 'decoy-bb84' },
  'three-states': {
    protocol: 'three-state-bb84',
    bound: 'three-state',
    amplification: 'toeplitz',
  },
  'entangled-pairs': { protocol: 'bbm92', bound: 'tomamichel-2012' },
} as const satisfies Record<
  NonNullable<PulseSettings['source']> | 'weak-pulses',
  Partial<LinkParameters> & Pick<LinkParameters, 'protocol'>
>
