/**
 * The attack lab without its screen: what each attack may be told, the command that does the same, and
 * what a block says of it.
 *
 * Pure; knows no screen.
 *
 * @module
 */

/** What a slider moves. */
export type Lever = 'share' | 'loss' | 'stealth' | 'power' | 'shift' | 'turn'
export type Levers = Readonly<Record<Lever, number>>

/** Ends of a slider, in the unit that it shows. */
export interface LeverRange {
  readonly least: number
  readonly most: number
  readonly step: number
}

/** Shares in per cent, loss in dB, light in powers of ten of a μW, shifts in ps, turns in degrees a minute. */
export const leverRanges: Readonly<Record<Lever, LeverRange>> = {
  share: { least: 1, most: 100, step: 1 },
  loss: { least: 0.5, most: 30, step: 0.5 },
  stealth: { least: 0, most: 100, step: 5 },
  power: { least: -6, most: 4, step: 0.5 },
  shift: { least: 0, most: 200, step: 5 },
  turn: { least: 1, most: 60, step: 1 },
}

/** Where the sliders stand at first: where the effect is seen. */
export const firstLevers: Levers = {
  ...{ share: 100, loss: 10, stealth: 100, power: 3, shift: 80, turn: 6 },
}

/** What an attack can be told. */
export const leversOf = {
  'intercept-resend': ['share', 'stealth'],
  'photon-number-splitting': ['share', 'stealth'],
  'beam-splitting': ['share'],
  blinding: ['share'],
  'time-shift': ['share', 'shift'],
  'trojan-horse': ['power'],
  'bright-light': ['power'],
  'fibre-cut': ['loss'],
  'failing-source': ['share'],
  drift: ['turn'],
} as const satisfies Readonly<Record<string, readonly Lever[]>>

/** Kinds of the contract, all of them. */
export type LeveredKind = keyof typeof leversOf

/** An attack; members as in `AttackView` of the contract. */
export interface WantedAttack {
  readonly kind: LeveredKind
  readonly fraction: number
  readonly stealth?: number
  readonly powerUw?: number
  readonly shiftPs?: number
  readonly degreesPerMinute?: number
}

/** A block in full; members as in `ExplanationView` of the contract. */
export interface ExplainedBlock {
  readonly sections: readonly {
    readonly terms: readonly { readonly name: string; readonly value: number }[]
  }[]
  readonly secretBits: number
  readonly verdict: string
}

/** The attack that the sliders ask for. */
export function attackBy(kind: LeveredKind, levers: Levers): WantedAttack {
  const asked: readonly Lever[] = leversOf[kind]
  const has = (lever: Lever): boolean => asked.includes(lever)
  const fraction = has('loss') ? lostShare(levers.loss) : has('share') ? levers.share / 100 : 1
  return {
    kind,
    fraction,
    ...(has('stealth') && { stealth: levers.stealth / 100 }),
    ...(has('power') && { powerUw: 10 ** levers.power }),
    ...(has('shift') && { shiftPs: levers.shift }),
    ...(has('turn') && { degreesPerMinute: levers.turn }),
  }
}

/** The share of light that is lost; the whole of it at the end of the slider, which is a clean cut. */
const lostShare = (lossDb: number): number =>
  lossDb >= leverRanges.loss.most ? 1 : 1 - 10 ** (-lossDb / 10)

/** The command that begins it. */
export function commandOf(attack: WantedAttack): string {
  const { kind, fraction, stealth, powerUw, shiftPs, degreesPerMinute } = attack
  const flags = [
    ['fraction', fraction === 1 ? undefined : Number(fraction.toFixed(4))],
    ['stealth', stealth === 1 ? undefined : stealth],
    ['power', powerUw && Number(powerUw.toPrecision(3))],
    ['shift', shiftPs],
    ['rate', degreesPerMinute],
  ] as const
  const told = flags.flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${String(value)}`],
  )
  return ['photonward attack run', kind, '--fibre <folder>', ...told].join(' ')
}

/** What one block says of its light. */
export interface BlockFigures {
  /** Detections of a pulse. */
  readonly gain: number
  /** Detections of the weaker intensity over those of the brighter; null without decoys. */
  readonly decoyShare: number | null
  /** What no honest fibre stays below. */
  readonly leastHonest: number | null
  readonly qber: number | null
  readonly secretBits: number
  readonly verdict: string
}

/** Reads the figures out of a block in full. */
export function figuresOfBlock({ sections, secretBits, verdict }: ExplainedBlock): BlockFigures {
  const terms = new Map(
    sections.flatMap((section) => section.terms).map(({ name, value }) => [name, value]),
  )
  const ratio = (top: number | undefined, bottom: number | undefined): number | null =>
    top === undefined || bottom === undefined || bottom === 0 ? null : top / bottom
  const of = (what: string, at: 1 | 2): number | undefined => terms.get(`${what}${String(at)}`)
  const light = (at: 1 | 2): number | undefined => {
    const [mean, share] = [of('meanPhotonNumber', at), of('probability', at)]
    return mean === undefined || share === undefined ? undefined : mean * share
  }
  return {
    gain: ratio(terms.get('detections'), terms.get('slots')) ?? 0,
    decoyShare: ratio(of('keyDetections', 2), of('keyDetections', 1)),
    leastHonest: ratio(light(2), light(1)),
    qber: terms.get('keyErrorRate') ?? terms.get('testErrorRate') ?? null,
    ...{ secretBits, verdict },
  }
}

/** Whether a way leads over the link between two sites, in either direction. */
export const crosses = (way: readonly string[], [a, b]: readonly [string, string]): boolean =>
  way.some((site, at) => {
    const next = way[at + 1]
    return (site === a && next === b) || (site === b && next === a)
  })
