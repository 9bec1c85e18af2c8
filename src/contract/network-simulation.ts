/**
 * What a network was through in simulated time, and whether anything went wrong that must not.
 *
 * @module
 */

/** A country to be drawn from a seed. */
export interface SimulatedCountry {
  readonly sites: number
  readonly links: number
}

export interface NetworkSimulationView {
  readonly network: string
  readonly sites: number
  readonly links: number
  readonly pairs: number
  readonly seed: number
  readonly minutes: number
  /** What each link gave of what its devices would. */
  readonly rateScale: number
  /** How long it took to come to rest once all faults were over. */
  readonly quietMinutes: number
  readonly requests: {
    readonly asked: number
    readonly servedAtOnce: number
    readonly servedLater: number
    readonly refused: number
    /** Of those that were served later. */
    readonly waitedMsMedian: number
    readonly waitedMsMax: number
  }
  readonly keys: {
    readonly made: number
    readonly fetched: number
    readonly relayedBlocks: number
    readonly relayedOctets: number
    readonly sharesPassedOn: number
    readonly pads: number
    /** Times that a pair went other ways than before. */
    readonly otherWays: number
  }
  readonly blocks: {
    readonly events: number
    readonly stored: number
    /** The pool was full, and the link rested. */
    readonly whileFull: number
    readonly withoutLink: number
    readonly discardedForEve: number
  }
  /** Bits of all links and relayed pools, in octets: grown = free + claimed + given up. */
  readonly octets: {
    readonly grown: number
    readonly free: number
    readonly claimed: number
    readonly givenUp: number
  }
  /** What went wrong on purpose, and how often. */
  readonly injected: Readonly<Record<string, number>>
  readonly exposure: {
    /** Relayed octets by the fewest nodes between the ends that together held every share. */
    readonly octetsByCoalition: Readonly<Record<string, number>>
    /** Nodes that alone held every share of so many octets: they lack nothing but the wrap. */
    readonly worst: readonly { readonly site: string; readonly octets: number }[]
  }
  /** How often each check was made. */
  readonly checks: Readonly<Record<string, number>>
  /** Everything that was counted, by name. */
  readonly counts: Readonly<Record<string, number>>
  /** What must not happen, and did; empty after a good run. */
  readonly faults: readonly string[]
}

/** How far a simulation is. */
export interface NetworkSimulationProgress {
  readonly minute: number
  readonly minutes: number
  /** Whether faults are over, and the network comes to rest. */
  readonly isClosing: boolean
  readonly requests: number
  readonly blocks: number
  readonly checks: number
  readonly faults: number
}
