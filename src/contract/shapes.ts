/**
 * Shapes of what the admin API says. Sizes are octets, times epoch milliseconds, rates per second.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole, type Static } from '#base'
import { DeclarationShape, StandingShape, UsedKeyShape } from './exposure.ts'
import { LinkStateShape } from './link-history.ts'

const Count = Whole(0)
const Time = Whole(0)
const Name = Text(64)

export const LinkShape = Exactly({
  link: Name,
  peer: Name,
  role: OneOf('transmitter', 'receiver'),
  /** `etsi-014`: a vendor's system makes the keys, its KMEs give them (GS QKD 014). */
  protocol: OneOf('decoy-bb84', 'three-state-bb84', 'bbm92', 'etsi-014'),
  /** `suspended`: an alarm of suspected tampering stands; keys of the link wait. */
  state: LinkStateShape,
  /** Why it stands so, in a neutral term such as the kind of an alarm; empty while it runs well. */
  reason: Text(128),
  /** Since when it has been in this state. */
  since: Time,
  /** Whether the optics are simulated: then its keys are computational. */
  simulated: Type.Boolean(),
  epoch: Count,
  clockHz: Type.Number(),
  /** Of the last block, in the key basis; null before the first. */
  qber: Type.Union([Type.Number(), Type.Null()]),
  /**
   * S of the last block, of entangled pairs: inferred from the error rates of both bases, not a
   * loophole-free test. Null before the first, and of weak pulses.
   */
  chsh: Type.Union([Type.Number(), Type.Null()]),
  /**
   * What the CHSH test of the last block measured, where the link has one: S, its standard error, what
   * S is at least but for a chance of 10⁻⁶, and the coincidences at all settings. Else null.
   */
  chshTest: Type.Union([
    Exactly({
      chsh: Type.Number(),
      standardError: Type.Number(),
      lowerBound: Type.Number(),
      coincidences: Count,
    }),
    Type.Null(),
  ]),
  siftedBitsPerSecond: Type.Number(),
  secretBitsPerSecond: Type.Number(),
  blocksDistilled: Count,
  /** Discarded blocks by cause. */
  blocksDiscarded: Type.Record(Type.String(), Count),
  /** Reconciliation efficiency f of the last block; null before the first. */
  efficiency: Type.Union([Type.Number(), Type.Null()]),
  secretBits: Count,
  /** Sum of the ε of all keys that this end has ever made on the link. */
  epsilonSpent: Type.Number(),
  authenticationSource: Text(64),
  padsLeft: Count,
  batchesLost: Count,
  /** What authenticates a session that begins without a reserve in common. */
  bootstrap: OneOf('signature', 'psk'),
  /** Sessions that pre-shared keys here could still begin; null where none are used. */
  preSharedSessions: Type.Union([Count, Type.Null()]),
})
export type LinkView = Static<typeof LinkShape>

/** A key length with every intermediate value: of a block, or of the average one of a model. */
export const ExplanationShape = Exactly({
  /** A link and its block, or a preset and its length. */
  subject: Text(256),
  from: OneOf('expectation', 'block'),
  /** `distilled`, `discarded` or `undecided` for a block, `expected` for a model. */
  outcome: Text(32),
  bound: Text(32),
  /** Values in the order of computation. */
  sections: Type.Array(
    Exactly({
      title: Text(128),
      terms: Type.Array(Exactly({ name: Text(64), value: Type.Number(), meaning: Text(256) })),
    }),
  ),
  /** ℓ; 0 is an ordinary outcome, and `why` says how it came about. */
  secretBits: Type.Number(),
  verdict: Text(64),
  why: Text(512),
  /** What a simulated block of symbols (GG02) raised; a running link has its alarms elsewhere. */
  alarms: Type.Optional(Type.Array(Text(256))),
})
export type ExplanationView = Static<typeof ExplanationShape>

export const PoolShape = Exactly({
  peer: Name,
  /** Bits this site may give out, from its own half. */
  availableBits: Count,
  /** The same as keys of the default size. */
  availableKeys: Count,
  heldBlocks: Count,
  /** Whether applications get keys now; a suspect link suspends them. */
  serving: Type.Boolean(),
  /** Keys of the default size by what they are wanted for; each has those of the one before. */
  ready: Exactly({ application: Count, emergency: Count, own: Count }),
  /** Bits the peer may give out, as far as this end knows. */
  peerBits: Count,
  /** Keys that the peer has reserved and no application here has fetched yet. */
  waitingKeys: Count,
  /** Withdrawn keys that the peer has not confirmed. */
  pendingVoids: Count,
  links: Type.Array(
    Exactly({
      link: Name,
      availableBits: Count,
      heldBlocks: Count,
      /** Why its keys wait; null if they do not. */
      quarantine: Type.Union([Text(128), Type.Null()]),
    }),
  ),
})
export type PoolView = Static<typeof PoolShape>

export const AlarmShape = Exactly({
  id: UuidText,
  at: Time,
  kind: Text(64),
  severity: OneOf('notice', 'warning', 'critical'),
  subject: Text(128),
  message: Text(512),
  clearedAt: Type.Union([Time, Type.Null()]),
})
export type AlarmView = Static<typeof AlarmShape>

export const StatusShape = Exactly({
  site: Name,
  version: Text(32),
  /** `demo` accepts simulated keys as quantum, and synthetic patients only. */
  profile: OneOf('demo', 'production'),
  /** A trusted node keeps no records. */
  role: OneOf('hospital', 'trusted-node'),
  startedAt: Time,
  at: Time,
  folder: Text(4096),
  engine: Text(64),
  listeners: Type.Array(Exactly({ name: Name, address: Text(256) })),
  /** Daemons that serve the site together; empty where there is one. */
  daemons: Type.Array(
    Exactly({ name: Name, leads: Type.Boolean(), serving: Type.Boolean(), since: Time }),
  ),
  peers: Type.Array(Exactly({ site: Name, connected: Type.Boolean() })),
  links: Type.Array(LinkShape),
  pools: Type.Array(PoolShape),
  patients: Count,
  items: Count,
  logEntries: Count,
  checkpointSize: Count,
  witnesses: Type.Array(Exactly({ site: Name, size: Count })),
  transfersWaiting: Count,
  /** When everything stored was last verified in the background, and what was wrong; null before. */
  scrubbed: Type.Union([Exactly({ at: Time, faults: Count, versions: Count }), Type.Null()]),
  alarms: Type.Array(AlarmShape),
})
export type StatusView = Static<typeof StatusShape>

/** Keys shared with a distant site over trusted nodes, and the network as this site knows it. */
export const NetworkShape = Exactly({
  site: Name,
  /** Nodes that this site's operator has declared compromised. */
  declared: Type.Array(DeclarationShape),
  /** Hospitals, of this site and its peers, to which no sound way leads now. */
  isolated: Type.Array(Name),
  pairs: Type.Array(
    Exactly({
      peer: Name,
      /** `waiting`: for the reason said; `full`: there is enough. */
      state: OneOf('opening', 'relaying', 'full', 'waiting'),
      reason: Type.Union([Text(64), Type.Null()]),
      /** Blocks and octets that this site has relayed since it started. */
      blocks: Count,
      octets: Count,
      availableBits: Count,
      /** The ways of the last block, each from end to end. */
      ways: Type.Array(Type.Array(Name)),
    }),
  ),
  /** Sites of the plan; none where this site was told of no network. */
  nodes: Type.Array(
    Exactly({
      site: Name,
      title: Text(120),
      kind: OneOf('hospital', 'trusted-node'),
      relays: Type.Boolean(),
      /** Where it stands, in degrees; null where nobody said so. */
      place: Type.Union([
        Exactly({ latitude: Type.Number(), longitude: Type.Number() }),
        Type.Null(),
      ]),
    }),
  ),
  links: Type.Array(
    Exactly({
      link: Name,
      a: Name,
      b: Name,
      /** As GS QKD 015 has it, by the worse of both ends; `unheard` until both have spoken. */
      status: OneOf('active', 'passive', 'pending', 'off', 'unheard'),
      /** Octets that may be given out from a to b, and from b to a. */
      freeOctets: Type.Array(Count, { minItems: 2, maxItems: 2 }),
      secretBitsPerSecond: Type.Number(),
      qber: Type.Union([Type.Number(), Type.Null()]),
      suspect: Type.Boolean(),
      ageMs: Type.Union([Count, Type.Null()]),
    }),
  ),
})
export type NetworkView = Static<typeof NetworkShape>

export const ModeShape = OneOf('one-time-pad', 'require-quantum', 'prefer-quantum', 'post-quantum')
export type ModeName = Static<typeof ModeShape>

export const ProtectionShape = Exactly({
  mode: ModeShape,
  used: OneOf('hybrid-quantum', 'hybrid-post-quantum'),
  suite: Text(64),
  keyIds: Type.Array(UuidText),
  keySource: Text(32),
  /** `relayed` if any of the keys was in clear at a site between; `none` without keys. */
  keyPath: Text(32),
  sessionId: UuidText,
  transcript: Text(128),
  at: Time,
  /** How each of the keys came, and what declared nodes know of it. */
  keys: Type.Array(UsedKeyShape),
  /** What it rests on, for all that declared nodes know; it never rises again. */
  standing: StandingShape,
})
export type ProtectionView = Static<typeof ProtectionShape>

export const ImportShape = Exactly({
  entries: Count,
  /** New versions written; fewer than entries where content was already here. */
  written: Count,
  unchanged: Count,
  patients: Type.Array(UuidText),
  milliseconds: Type.Number(),
})
export type ImportView = Static<typeof ImportShape>

export const PatientShape = Exactly({ patient: UuidText, items: Count, origin: Name, since: Time })
export type PatientView = Static<typeof PatientShape>

export const ItemShape = Exactly({
  object: UuidText,
  version: Count,
  octets: Count,
  hash: Text(128),
  /** Site that sealed it first. */
  origin: Name,
  storedAt: Time,
  /** The weakest of the ways it took; null where it was imported at this site. */
  protection: Type.Union([ProtectionShape, Type.Null()]),
  /** Every way it took from site to site, oldest first. */
  protections: Type.Array(ProtectionShape),
  verified: Type.Boolean(),
})
export type ItemView = Static<typeof ItemShape>

export const TransferShape = Exactly({
  transfer: UuidText,
  direction: OneOf('out', 'in'),
  peer: Name,
  /** By the reference of this site; null while it is not known, as of what is coming in. */
  patient: Type.Union([UuidText, Type.Null()]),
  mode: ModeShape,
  state: OneOf('waiting', 'sending', 'delivered', 'receiving', 'imported', 'refused'),
  /** Why it waits or was refused; empty otherwise. */
  reason: Text(256),
  items: Count,
  itemsDone: Count,
  octets: Count,
  createdAt: Time,
  finishedAt: Type.Union([Time, Type.Null()]),
  protection: Type.Union([ProtectionShape, Type.Null()]),
})
export type TransferView = Static<typeof TransferShape>

export const EntryShape = Exactly({
  index: Count,
  at: Time,
  kind: Text(64),
  actor: Text(128),
  facts: Type.Record(Type.String(), Type.Unknown()),
})
export type EntryView = Static<typeof EntryShape>

/** One line of a long verification. */
export const FindingShape = Type.Union([
  Exactly({ kind: Type.Literal('progress'), part: Name, done: Count, total: Count }),
  Exactly({ kind: Type.Literal('fault'), part: Name, place: Text(256), problem: Text(512) }),
  Exactly({
    kind: Type.Literal('done'),
    faults: Count,
    checked: Type.Record(Type.String(), Count),
  }),
])
export type FindingView = Static<typeof FindingShape>

export const AttackShape = Exactly({
  kind: OneOf(
    'none',
    'intercept-resend',
    'photon-number-splitting',
    'beam-splitting',
    'blinding',
    'time-shift',
    'trojan-horse',
    'bright-light',
    'fibre-cut',
    'failing-source',
    'drift',
  ),
  /** Share of pulses attacked, or of light lost in a bent fibre, 0 to 1. */
  fraction: Type.Number({ minimum: 0, maximum: 1 }),
  /**
   * How far Eve keeps the usual count rate, of `intercept-resend` and `photon-number-splitting`;
   * 1 if left out.
   */
  stealth: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Continuous light of `blinding`, `bright-light` and `trojan-horse`, in μW. */
  powerUw: Type.Optional(Type.Number({ minimum: 0, maximum: 1e8 })),
  /**
   * Whose detectors `blinding`, `bright-light` and `time-shift` are aimed at; the receiver's if left out.
   * The other end has detectors only on links of entangled pairs.
   */
  at: Type.Optional(OneOf('transmitter', 'receiver')),
  /** By how much `time-shift` delays or hastens pulses, in picoseconds. */
  shiftPs: Type.Optional(Type.Number({ minimum: 0, maximum: 1e6 })),
  /** By how much `drift` turns the polarisation, in degrees a minute. */
  degreesPerMinute: Type.Optional(Type.Number({ minimum: 0, maximum: 1e4 })),
})
export type AttackView = Static<typeof AttackShape>

export const FibreShape = Exactly({
  link: Name,
  preset: Text(64),
  clockHz: Type.Number(),
  lengthKm: Type.Number(),
  lossDb: Type.Number(),
  attack: AttackShape,
  /** Since when that is so. */
  since: Time,
  /** What only the simulation can know, since the present attack began. */
  eve: Exactly({ siftedBits: Count, knownBits: Count }),
  /** Simulated pulses per second of real time, over the last seconds. */
  pulsesPerSecond: Type.Number(),
  batches: Count,
  batchesDropped: Count,
  connected: Type.Array(Name),
})
export type FibreView = Static<typeof FibreShape>
