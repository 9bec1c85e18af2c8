/**
 * Shapes of what compromised nodes know, as the admin API says it.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, UuidText, Whole, type Static } from '#base'

const Name = Text(64)
const Count = Whole(0)
const Time = Whole(0)

/**
 * What is learnt of a key. `nothing`; `shares`: some of several, which tell nothing; `wrapped`: all,
 * so the key under its post-quantum wrap; `key`: the key itself.
 */
export const KeyExposureShape = OneOf('nothing', 'shares', 'wrapped', 'key')
export type KeyExposureName = Static<typeof KeyExposureShape>

/**
 * What a transmission rests on, for all that the declared nodes know. `open`: on nothing.
 * `post-quantum`: on ML-KEM-1024 and X25519 alone. `unknown`: on these at least; this site does not
 * know how the QKD key came. `hybrid`: on the QKD key as well.
 */
export const StandingShape = OneOf('open', 'post-quantum', 'unknown', 'hybrid')
export type StandingName = Static<typeof StandingShape>

const Ways = Type.Array(Exactly({ way: Type.Array(Name), heldBy: Type.Array(Name) }))

/** How a key came that a session of this site has had. */
export const KeyOriginShape = Exactly({
  keyId: UuidText,
  /** When the session got it. */
  at: Time,
  source: Text(32),
  epsilon: Type.Number(),
  /** Everybody who has held its octets in clear. */
  seenBy: Type.Array(Name),
  parts: Type.Array(
    Exactly({
      link: Text(128),
      from: Name,
      to: Name,
      octets: Count,
      /** Of relayed octets: the way of each share, and who has held it. Empty for a direct link. */
      shares: Ways,
      /** A smallest set of nodes that together held every share; empty for a direct link. */
      coalition: Type.Array(Name),
    }),
  ),
  /** For all that nodes know which are declared compromised, or were when the key was used. */
  exposure: KeyExposureShape,
})
export type KeyOriginView = Static<typeof KeyOriginShape>

/** How a key of a protection came, in short; `exposure` is null where this site does not know it. */
export const UsedKeyShape = Exactly({
  keyId: UuidText,
  exposure: Type.Union([KeyExposureShape, Type.Null()]),
  /** Links whose octets it is made of; empty where that is not known. */
  links: Type.Array(Text(128)),
  /** Ways of its shares; empty where it came over one link, or is not known. */
  shares: Ways,
})

const byExposure = <T extends ReturnType<typeof Whole>>(each: T) =>
  Exactly({ nothing: each, shares: each, wrapped: each, key: each })
const Sums = byExposure(Count)

export const DeclarationShape = Exactly({
  node: Name,
  at: Time,
  breaksWrap: Type.Boolean(),
  cut: Type.Boolean(),
})
export type DeclarationView = Static<typeof DeclarationShape>

/** What certain nodes know between them, and what was done about it. */
export const ExposureShape = Exactly({
  compromised: Type.Array(Name),
  breaksWrap: Type.Boolean(),
  /** False for a trial: nothing was declared, and nothing changed. */
  declared: Type.Boolean(),
  /** Octets in each pool that may still be given out, before anything was discarded. */
  pools: Type.Array(Exactly({ link: Text(128), peer: Name, octets: Sums })),
  /** Octets that were given out, to applications or sessions, of blocks still remembered. */
  given: Sums,
  /** Key_IDs, as far as they are known, of exposed keys that peers made; a thousand at most. */
  givenKeys: Type.Array(UuidText),
  /** QKD keys that sessions of this site have had. */
  sessionKeys: Exactly({
    counts: Sums,
    /** Those that are `wrapped` or `key`; a thousand at most. */
    exposed: Type.Array(Exactly({ keyId: UuidText, at: Time, exposure: KeyExposureShape })),
  }),
  /** Transfers that rest on less than they did; a thousand at most are named. */
  transfers: Exactly({
    affected: Count,
    named: Type.Array(
      Exactly({
        transfer: UuidText,
        direction: OneOf('out', 'in'),
        peer: Name,
        patient: Type.Union([UuidText, Type.Null()]),
        standing: StandingShape,
      }),
    ),
  }),
  /** Versions that came from other sites, by what their weakest way rests on now. */
  items: Exactly({
    affected: Count,
    /** Those of which some way is not known here: ask the sites on it. */
    unknown: Count,
    named: Type.Array(
      Exactly({ object: UuidText, version: Count, origin: Name, standing: StandingShape }),
    ),
  }),
  /** Hospitals that reach no other one without these nodes. */
  isolated: Type.Array(Name),
  pairsLost: Count,
  /** What was done: blocks discarded, and links whose keys wait. */
  discardedBlocks: Count,
  waitingLinks: Type.Array(Text(128)),
})
export type ExposureView = Static<typeof ExposureShape>
