/**
 * Photon-number splitting with and without decoys, along the fibre.
 *
 * Without decoys a link knows its gain and its error rate, and nothing else. The naive rate that
 * many a demonstration prints, R = q·Q·(1 − f·h(E) − h(E)), takes every click for a single photon.
 * Photon-number splitting leaves both figures alone, so this rate stays as it was while Eve knows
 * the bits. The bound without decoys that holds (Gottesman, Lo, Lütkenhaus, Preskill) grants Eve all
 * pulses of several photons; it is safe, and dies early. With decoys the bound sees what arrives.
 *
 * What Eve knows is counted in a simulation, not computed.
 *
 * @see Gottesman, Lo, Lütkenhaus, Preskill, Quant. Inf. Comput. 4, 325 (2004)
 * @module
 */

import {
  BatchSimulator,
  expectLink,
  linkOf,
  noAttack,
  presetNamed,
  type Attack,
  type OpticalLink,
} from '#optics'
import { bitsOfEveryClick, expectedBlock, rateOfSinglePhotons } from '#qkd'
import { seededRandom } from '#world/ports'
import { steps, type Study, type StudyResult } from './study.ts'

export const study: Study = { run }

/** One length of fibre, honest and attacked. */
interface Place {
  readonly km: number
  /** Bits per second. */
  readonly naive: number
  readonly naiveAttacked: number
  readonly safe: number
  readonly decoys: number
  readonly decoysAttacked: number
  readonly qberAttacked: number
  readonly knownShare: number
}

function run(): StudyResult {
  const places = steps(0, 120, 25).map(placeAt)
  const at = (km: number): Place => places.find((place) => place.km === km)!
  const source = 'ours; no published figure'
  const one = (what: string, unit: string, ours: number) => ({
    what,
    unit,
    ours,
    published: null,
    source,
  })
  const curve = (name: string, of: (place: Place) => number, hue: number, dashed = false) => ({
    name,
    style: dashed ? ('dashed' as const) : ('line' as const),
    hue,
    points: places.map((place) => [place.km, of(place)] as const),
  })
  return {
    comparisons: [
      {
        what: 'loss that suffices to block every single photon, signal 0.5, perfect receiver',
        unit: 'dB',
        ours: sufficientLossDb(0.5),
        published: 7.23,
        source: '1 − e^(−μη) = 1 − e^−μ(1 + μ), solved by hand',
      },
      one('50 km, no decoys, attacked: QBER', '', at(50).qberAttacked),
      one('50 km, no decoys, attacked: bits that Eve knows', 'of 1', at(50).knownShare),
      one('50 km, no decoys: naive rate, honest', 'b/s', at(50).naive),
      one('50 km, no decoys: naive rate, attacked', 'b/s', at(50).naiveAttacked),
      one('50 km, no decoys: rate by GLLP, which grants her those bits', 'b/s', at(50).safe),
      one('50 km, one decoy: rate, honest', 'b/s', at(50).decoys),
      one('50 km, one decoy: rate, attacked', 'b/s', at(50).decoysAttacked),
    ],
    plots: [
      {
        name: 'photon-number-splitting',
        title: 'A link without decoys stays green while it is broken',
        subtitle:
          'range-50km at other lengths: 1 GHz, signal 0.5, 1 % misalignment; blocks of 10⁶ with one decoy',
        x: { label: 'fibre (km)' },
        y: { label: 'secret bits per second', log: true },
        series: [
          curve('no decoys, naive: honest', ({ naive }) => naive, 0),
          curve('no decoys, naive: attacked', ({ naiveAttacked }) => naiveAttacked, 0, true),
          curve('no decoys, GLLP', ({ safe }) => safe, 1),
          curve('one decoy: honest', ({ decoys }) => decoys, 2),
          curve('one decoy: attacked', ({ decoysAttacked }) => decoysAttacked, 2, true),
        ],
      },
      {
        name: 'photon-number-splitting-known',
        title: 'What Eve knows, and what the error rate says about it',
        subtitle: 'No decoys, photon-number splitting; counted in a simulation',
        x: { label: 'fibre (km)' },
        y: { label: 'share of sifted bits' },
        series: [
          curve('bits that Eve knows', ({ knownShare }) => knownShare, 0),
          curve('error rate', ({ qberAttacked }) => qberAttacked, 1),
        ],
      },
    ],
    remarks: [
      'PhotonWard has no engine for links without decoys: its bounds refuse them. The naive rate is ' +
        'computed here only, to show what it is worth.',
      'On short fibres Eve has too little loss to replace: she passes single photons, and knows less.',
      'GLLP at f = 1.1, per pulse and without finite-size terms: an upper limit for such a link.',
    ],
  }
}

const attack: Attack = { kind: 'photon-number-splitting', fraction: 1 }

function placeAt(km: number): Place {
  const preset = linkOf(presetNamed('range-50km'))
  const link: OpticalLink = { ...preset, channel: { ...preset.channel, lengthKm: km } }
  const [signal] = link.settings.intensities
  const intensities = [{ ...signal, probability: 1 }]
  const single: OpticalLink = { ...link, settings: { ...link.settings, intensities } }
  const { knownShare, qber } = counted(single)
  return {
    km,
    naive: naiveRate(single, noAttack),
    naiveAttacked: naiveRate(single, attack),
    safe: gllpRate(single),
    decoys: decoyRate(link, noAttack),
    decoysAttacked: decoyRate(link, attack),
    qberAttacked: qber,
    knownShare,
  }
}

const EFFICIENCY = 1.1

/** Every click taken for a single photon. */
function naiveRate(link: OpticalLink, eve: Attack): number {
  const { qber, siftedBitsPerSecond } = expectLink(link, eve)
  return bitsOfEveryClick({
    siftedBits: siftedBitsPerSecond,
    errorRate: qber.Z,
    efficiency: EFFICIENCY,
  })
}

/** Every pulse of several photons granted to Eve, and taken to arrive always. */
function gllpRate(link: OpticalLink): number {
  const { settings } = link
  const [{ meanPhotonNumber: mu }] = settings.intensities
  const { pulses, qber } = expectLink(link)
  const { gain } = pulses[0].Z
  const singleGain = Math.max(0, gain - (1 - Math.exp(-mu) * (1 + mu)))
  const { transmitter, receiver } = settings.keyBasisProbability
  const rate = rateOfSinglePhotons({
    signal: { meanPhotonNumber: mu, gain, errorRate: qber.Z },
    singleGain,
    singleError: singleGain === 0 ? 0.5 : Math.min(0.5, (qber.Z * gain) / singleGain),
    sifting: transmitter * receiver,
    efficiency: EFFICIENCY,
  })
  return rate * settings.clockHz
}

function decoyRate(link: OpticalLink, eve: Attack): number {
  return expectedBlock({
    settings: link.settings,
    pulses: expectLink(link, eve).pulses,
    bound: 'wiesemann-2024',
    blockBits: 1e6,
    efficiency: EFFICIENCY,
    epsilons: { secrecy: 1e-10, correctness: 1e-15 },
  }).secretBitsPerSecond
}

/** What Eve knows, and the error rate that the ends see, over some 10⁷ slots. */
function counted(link: OpticalLink): { readonly knownShare: number; readonly qber: number } {
  const random = seededRandom(1, 'splitting')
  const simulator = new BatchSimulator({ link, random, allowSimulatedRandomness: true })
  simulator.setAttack(attack)
  let [sifted, known, wrong] = [0, 0, 0]
  for (let batch = 0; batch < 4; batch++) {
    const { detections, record, truth } = simulator.next(2 ** 22)
    sifted += truth.sifted
    known += truth.knownToEve
    let at = 0
    for (const [index, slot] of detections.slots.entries()) {
      while (record.slots[at] !== slot) at++
      const differs = record.choices[at] ^ detections.outcomes[index]
      if ((differs & 1) === 0) wrong += (differs >> 1) & 1
    }
  }
  return { knownShare: known / sifted, qber: wrong / sifted }
}

/** Where the fuller pulses alone make up for all counts, every photon counted at the receiver. */
function sufficientLossDb(mu: number): number {
  const fuller = 1 - Math.exp(-mu) * (1 + mu)
  return -10 * Math.log10(-Math.log1p(-fuller) / mu)
}
