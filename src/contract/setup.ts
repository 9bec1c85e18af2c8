/**
 * What the commands that make and run sites say and are told: plain facts, no code that makes one.
 *
 * @module
 */

/** Facts to show, in order. */
export type Shown = readonly (readonly [string, string])[]

/** What makes a new site. */
export interface NewSite {
  readonly name: string
  readonly peerPort: number
  readonly northPort: number
  /** Of the console, on this machine alone; left out, there is none. */
  readonly consolePort?: number | undefined
  /** Folders of simulated fibres that the console may attack. */
  readonly consoleFibres?: readonly string[]
  readonly profile: 'demo' | 'production'
  /** Of the root key; left out, it lies in the folder. */
  readonly passphrase: Uint8Array | undefined
}

/** What makes a new simulated fibre. */
export interface NewFibre {
  readonly preset: string
  readonly transmitter: string
  readonly receiver: string
  readonly port: number
  /** Pulses per second; left out, as many of the preset's as this machine simulates in real time. */
  readonly clockHz?: number | undefined
  /** Another way for the light than the preset's. */
  readonly path?: FibrePath | undefined
}

/** Length and loss of a link as they were surveyed. */
export interface FibrePath {
  readonly lengthKm: number
  readonly lossDb: number
  /** Stray light of one detector in one gate. */
  readonly backgroundProbability: number
}

/** What a site knows of the network that it is in, and with whom it shares relayed keys. */
export interface SiteInNetwork {
  readonly nodes: readonly {
    readonly site: string
    readonly kind: 'hospital' | 'trusted-node'
    readonly relays: boolean
    /** For maps: what people call it, and where it stands. */
    readonly title?: string
    readonly place?: { readonly latitude: number; readonly longitude: number }
  }[]
  readonly links: readonly { readonly link: string; readonly a: string; readonly b: string }[]
  readonly relays: readonly {
    readonly peer: string
    readonly shares: number
    readonly sharesLeast: number
    readonly blockOctets: number
    readonly targetBits: number
  }[]
  /** Sifted bits of each block of its links. */
  readonly blockBits: number
  readonly checkpointMs: number
}

/** What the daemon of a site says of itself once it serves. */
export interface SiteFacts {
  readonly site: string
  /** Which of several daemons of the site it is; left out where there is one. */
  readonly daemon?: string
  readonly profile: string
  readonly folder: string
  readonly peerAddress: string
  readonly northAddress: string
  readonly adminSocket: string
  readonly rootFingerprint: string
  /** What opens it, where it is sealed; left out where it is open. */
  readonly sealed?: string
}

/** What the daemon of a fibre says of itself once it serves. */
export interface FibreFacts {
  readonly fibre: string
  readonly link: string
  readonly preset: string
  readonly address: string
  readonly folder: string
}
