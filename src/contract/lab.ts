/**
 * Routes of the attack lab: simulated fibres that a daemon may reach, what they are made of, and two
 * links beside each other of which one has no decoys. There in the profile `demo` alone.
 *
 * @module
 */

import { Exactly, Text, Type, Whole, type Static } from '#base'
import { route } from './route.ts'
import { AttackShape, FibreShape } from './shapes.ts'

const none = Exactly({})
const nothing = Type.Null()
const Share = Type.Number({ minimum: 0, maximum: 1 })
const Name = Text(63, 1)

/** A figure that a simulated link was made with. No device of it can tell most of them. */
export const FigureShape = Exactly({
  /** Where it stands in the preset: `receiver.detector.efficiency`. */
  path: Text(128, 1),
  value: Type.Number(),
  /** Where it was published, or that it is assumed. */
  source: Text(256),
})
export type FigureView = Static<typeof FigureShape>

/** One link of a comparison, with or without Eve. */
const ComparedShape = Exactly({
  /** Of each intensity, brightest first: how often a pulse of it is detected in the key basis. */
  pulses: Type.Array(Exactly({ meanPhotonNumber: Type.Number(), gain: Type.Number() }), {
    minItems: 1,
    maxItems: 2,
  }),
  /** Error rate of the key basis. */
  qber: Type.Number(),
  /** What the link itself makes of that, in bits per second. */
  secretBitsPerSecond: Type.Number(),
})

/** A link as it is, and under photon-number splitting. */
const ComparedLinkShape = Exactly({
  honest: ComparedShape,
  attacked: ComparedShape,
  /** Under the attack, counted in a simulation: which only a simulation can. */
  sifted: Whole(0),
  knownToEve: Whole(0),
  /** Whether the decoys arrived too seldom for any honest fibre; never without decoys. */
  decoysAlarm: Type.Boolean(),
})

export const ComparisonShape = Exactly({
  lengthKm: Type.Number(),
  lossDb: Type.Number(),
  fraction: Share,
  stealth: Share,
  /** Pulses that were simulated of each link. */
  slots: Whole(0),
  /** Secret bits by the formula that takes each click for one photon: it has nothing else. */
  withoutDecoys: ComparedLinkShape,
  /** Secret bits by the bound for one decoy, blocks of 10⁶ bits. */
  withDecoys: ComparedLinkShape,
})
export type ComparisonView = Static<typeof ComparisonShape>

export const labRoutes = {
  fibres: route({
    method: 'GET',
    path: '/v1/lab',
    summary: 'Simulated fibres of this machine that answer',
    query: none,
    body: nothing,
    answer: Type.Array(FibreShape),
  }),
  attackFibre: route({
    method: 'POST',
    path: '/v1/lab/:link/attack',
    summary: 'Switch an attack on a simulated fibre on, change it, or switch it off (kind none)',
    query: Exactly({ link: Name }),
    body: AttackShape,
    answer: FibreShape,
  }),
  fibreFigures: route({
    method: 'GET',
    path: '/v1/lab/:link/figures',
    summary: 'What a simulated fibre and its devices were made with, and where each figure is from',
    query: Exactly({ link: Name }),
    body: nothing,
    answer: Type.Array(FigureShape),
  }),
  compareDecoys: route({
    method: 'POST',
    path: '/v1/lab/comparison',
    summary: 'Photon-number splitting on two simulated links, one of them without decoys',
    query: none,
    body: Exactly({
      lengthKm: Type.Number({ minimum: 0, maximum: 120 }),
      fraction: Share,
      stealth: Share,
    }),
    answer: ComparisonShape,
  }),
}
export type LabRoutes = typeof labRoutes
