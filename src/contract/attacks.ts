/**
 * What each attack does, what shows, and what becomes of the key: the words of the command `attack` and of
 * the attack lab. Imports no code: the console brings it along.
 *
 * The figures behind them are measured by `photonward study attacks`.
 *
 * @module
 */

import type { AttackView } from './shapes.ts'

export type AttackKind = Exclude<AttackView['kind'], 'none'>

export interface AttackText {
  /** What she does, or what happens. */
  readonly does: string
  /** What an instrument shows. */
  readonly shows: string
  /** Alarms, as `alarm list` names them without `link.`. */
  readonly alarms: string
  /** What the key length becomes. */
  readonly key: string
}

/** In the order in which they are told. */
export const attackTexts: Readonly<Record<AttackKind, AttackText>> = {
  'intercept-resend': {
    does: 'Eve measures a share p of the pulses and sends new ones',
    shows: 'error rate + p/4; she knows p/2 of the bits',
    alarms: 'qber-above-limit; below the limit error-step',
    key: '0 above the limit; below it shorter by what she may know',
  },
  'photon-number-splitting': {
    does: 'Eve blocks single photons and keeps one photon of each fuller pulse',
    shows: 'no error at all; decoys arrive too seldom, where 7 dB of loss let her (range-50km)',
    alarms: 'decoy-statistics',
    key: '0 where the fibre loses enough for her; without decoys nothing would show',
  },
  'beam-splitting': {
    does: 'Eve takes the light that the fibre would lose',
    shows: 'nothing: no instrument can tell',
    alarms: 'none, and none is needed',
    key: 'unchanged: fuller pulses never counted as secret',
  },
  blinding: {
    does: 'Eve blinds the detectors with light, measures herself and dictates their clicks',
    shows: 'error rate falls, double clicks vanish; the detector current rises',
    alarms: 'photocurrent, double-clicks',
    key: 'every block discarded; the bound alone would let a full key pass',
  },
  'time-shift': {
    does: 'Eve delays or hastens pulses so that one detector is likelier to click',
    shows: 'clicks spread over the gate, fewer of them; no error; of nanowires only other times',
    alarms: 'arrival-times',
    key: 'every block discarded; the bound alone would let key pass that she partly knows',
  },
  'trojan-horse': {
    does: 'Eve shines light into the transmitter and reads its settings from what comes back',
    shows: 'light at the watchdog of the transmitter; nothing at the receiver',
    alarms: 'incoming-light; at the other end peer-device',
    key: 'every block discarded; no bound sees it',
  },
  'bright-light': {
    does: 'Eve jams the receiver with light',
    shows: 'far more clicks, half of the new ones wrong; far brighter: none at all',
    alarms: 'rate-surge, qber-above-limit, photocurrent; rate-collapse',
    key: '0: a denial of service, no secret is lost',
  },
  'fibre-cut': {
    does: 'The fibre is cut or bent',
    shows: 'fewer clicks; of a clean cut only dark counts',
    alarms: 'rate-collapse',
    key: 'blocks take longer, or none comes any more',
  },
  'failing-source': {
    does: 'The random source of the transmitter gets stuck in a share of the pulses',
    shows: 'equal bits too often (NIST SP 800-90B tests)',
    alarms: 'source-health; at the other end peer-device',
    key: 'every block discarded, from the window in which the tests fail; small shares pass',
  },
  drift: {
    does: 'No attack: the polarisation turns slowly, as in a fibre that warms up',
    shows: 'error rate creeps up from block to block',
    alarms: 'alignment-drift, until the devices have aligned themselves',
    key: 'shrinks, and comes back; where no alignment keeps up, 0',
  },
}

/** The attack of this name, or undefined. */
export const attackNamed = (name: string): AttackKind | undefined =>
  (Object.keys(attackTexts) as AttackKind[]).find((kind) => kind === name)
