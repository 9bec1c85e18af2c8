/**
 * How often what goes wrong in a world: rates for every port, as data.
 *
 * @module
 */

/** Something that begins so often and then lasts a while. */
export interface Episodes {
  readonly perHour: number
  /** The longest; each lasts some part of it. */
  readonly minutesMax: number
}

/** What happens to single messages, each as a probability. */
export interface MessageFaults {
  readonly lost: number
  readonly duplicated: number
  /** Arrives late, after what was sent behind it. */
  readonly overtaken: number
  /**
   * One octet is changed. On a `link:` channel it arrives so, for the link authenticates by itself;
   * on every other channel TLS notices, and the connection ends.
   */
  readonly changed: number
  /** Every message takes up to so long, in order. */
  readonly delayMsMax: number
}

/** What goes wrong at the ports of every site, and on every link. */
export interface Faults {
  /** Between sites. */
  readonly peer: MessageFaults
  /** The classical channel of a quantum link. */
  readonly link: MessageFaults
  /** Between a site and its devices. */
  readonly device: MessageFaults
  /** Share of connections that do not come about. */
  readonly dialsRefused: number
  /** The wires between two sites are cut. */
  readonly wiresCut: Episodes
  /** No space is left: neither for the store nor for files. */
  readonly diskFull: Episodes
  /** Share of commits and of file writes that are refused by themselves. */
  readonly writesRefused: number
  /** The disk fails under the store: some commits stand, some do not, and the daemon ends. */
  readonly storeBreaksPerHour: number
  /** The wall clock of a site is set to another time, up to a day off. */
  readonly clockJumpsPerHour: number
  /** A site dies between two effects, and stays down for a while. */
  readonly crashes: Episodes
  /** A site is stopped in good order, and started again. */
  readonly restarts: Episodes
  /** Eve measures and resends some or all pulses of a link. */
  readonly eavesdropping: Episodes
  /** Light is lost on the fibre, some or all of it. */
  readonly fibreCut: Episodes
}

const never: Episodes = { perHour: 0, minutesMax: 0 }
const clean: MessageFaults = {
  lost: 0,
  duplicated: 0,
  overtaken: 0,
  changed: 0,
  delayMsMax: 5,
}

/** Nothing goes wrong. */
export const NO_FAULTS: Faults = {
  peer: clean,
  link: clean,
  device: clean,
  dialsRefused: 0,
  wiresCut: never,
  diskFull: never,
  writesRefused: 0,
  storeBreaksPerHour: 0,
  clockJumpsPerHour: 0,
  crashes: never,
  restarts: never,
  eavesdropping: never,
  fibreCut: never,
}

/** A bad day: everything happens, seldom enough that work gets done in between. */
export const DAY_FAULTS: Faults = {
  peer: { lost: 0.004, duplicated: 0.01, overtaken: 0.01, changed: 0.002, delayMsMax: 40 },
  link: { lost: 5e-5, duplicated: 5e-5, overtaken: 5e-5, changed: 2e-4, delayMsMax: 20 },
  device: { lost: 0, duplicated: 0, overtaken: 0, changed: 0.002, delayMsMax: 20 },
  dialsRefused: 0.05,
  wiresCut: { perHour: 0.5, minutesMax: 5 },
  diskFull: { perHour: 0.2, minutesMax: 3 },
  writesRefused: 0.001,
  storeBreaksPerHour: 0.1,
  clockJumpsPerHour: 0.2,
  crashes: { perHour: 0.5, minutesMax: 2 },
  restarts: { perHour: 0.1, minutesMax: 1 },
  eavesdropping: { perHour: 0.1, minutesMax: 40 },
  fibreCut: { perHour: 0.1, minutesMax: 20 },
}

/** An hour in which everything happens at once. */
export const ROUGH_FAULTS: Faults = {
  peer: { lost: 0.02, duplicated: 0.05, overtaken: 0.05, changed: 0.01, delayMsMax: 200 },
  link: { lost: 2e-4, duplicated: 2e-4, overtaken: 2e-4, changed: 1e-3, delayMsMax: 40 },
  device: { lost: 0, duplicated: 0, overtaken: 0, changed: 0.01, delayMsMax: 40 },
  dialsRefused: 0.15,
  wiresCut: { perHour: 4, minutesMax: 3 },
  diskFull: { perHour: 2, minutesMax: 2 },
  writesRefused: 0.01,
  storeBreaksPerHour: 1,
  clockJumpsPerHour: 2,
  crashes: { perHour: 8, minutesMax: 1 },
  restarts: { perHour: 1, minutesMax: 0.5 },
  eavesdropping: { perHour: 1, minutesMax: 10 },
  fibreCut: { perHour: 1, minutesMax: 5 },
}
