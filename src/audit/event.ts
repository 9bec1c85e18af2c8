/**
 * What one entry of the log says, and the octets that are hashed for it.
 *
 * A leaf is the deterministic CBOR of an event, so the same event is always the same leaf. Other
 * rooms make events; from here they go into `log` as rows and, at the next checkpoint, into the
 * tree.
 *
 * Holds no patient data, by contract with every room that writes events: kinds and facts are
 * neutral terms and identifiers of our own, and whatever says more stands encrypted elsewhere, tied
 * to the entry by a salted commitment. Nothing here can check that contract; tests of the sites do.
 *
 * @see RFC 8949 §4.2.1 (deterministic CBOR), C2SP tlog-tiles "Log entries"
 * @module
 */

import {
  epochMs,
  door,
  Exactly,
  fromDeterministicCbor,
  Octets,
  Text,
  toCbor,
  Type,
  Whole,
  type EpochMs,
} from '#base'
import { AuditRefusal } from './refusal.ts'

/** A fact of an event: a scalar, or a list of identifiers. */
export type EventFact = string | number | boolean | null | readonly string[]

/** One thing that happened at this site. */
export interface AuditEvent {
  /** A dotted neutral term such as `key.delivered`, at most 64 characters. */
  readonly kind: string
  /** When it happened, by the clock of the site. */
  readonly at: EpochMs
  /** Who did it: an SAE, a site, a person's identifier; 1 to 128 characters. */
  readonly actor: string
  /** What else is to be proven later: names in camel case, values of ours, never of a patient. */
  readonly facts: Readonly<Record<string, EventFact>>
  /** 32 octets made by `bindParts`, where more is kept encrypted elsewhere. */
  readonly commitment?: Uint8Array
}

/**
 * The leaf of an event: deterministic CBOR of at most `LEAF_OCTETS_MAX` octets.
 *
 * @throws AuditRefusal `AUDIT_EVENT_INVALID`
 */
export function leafOf(event: AuditEvent): Uint8Array {
  const { kind, at, actor, facts, commitment } = event
  const value = { v: 1, kind, at, actor, facts, commitment }
  try {
    openLeaf(commitment === undefined ? { v: 1, kind, at, actor, facts } : value)
  } catch (cause) {
    throw new AuditRefusal('AUDIT_EVENT_INVALID', 'An event does not have the form of a leaf', {
      cause,
    })
  }
  const leaf = toCbor(value)
  if (leaf.length > LEAF_OCTETS_MAX || !texts(event).every((text) => text.isWellFormed())) {
    const message = `Expected an event of well-formed texts and at most ${LEAF_OCTETS_MAX} octets`
    throw new AuditRefusal('AUDIT_EVENT_INVALID', message, { facts: { octets: leaf.length } })
  }
  return leaf
}

/** The event of a leaf. @throws Refusal unless the octets are exactly what `leafOf` writes */
export function eventOf(leaf: Uint8Array): AuditEvent {
  const { kind, at, actor, facts, commitment } = openLeaf(
    fromDeterministicCbor(leaf, LEAF_OCTETS_MAX),
  )
  const event = { kind, at: epochMs(at), actor, facts: facts as AuditEvent['facts'] }
  return commitment === undefined ? event : { ...event, commitment }
}

function texts({ actor, facts }: AuditEvent): string[] {
  const values = Object.values(facts).flat()
  return [actor, ...values.filter((value) => typeof value === 'string')]
}

/**
 * Octets of one leaf. C2SP tlog-tiles allows 65,535; ours stay small, with room for the 128 key_IDs
 * that one request of GS QKD 014 may name.
 */
export const LEAF_OCTETS_MAX = 8192
const COMMITMENT_OCTETS = 32
const FACTS_MAX = 32
const LIST_MAX = 256
const FACT_CHARACTERS_MAX = 1024

const openLeaf = door(
  Exactly({
    v: Type.Literal(1),
    kind: Type.String({ pattern: '^[a-z0-9]+(?:[.-][a-z0-9]+)*$', maxLength: 64 }),
    at: Whole(0),
    actor: Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength: 128 }),
    facts: Type.Record(
      Type.String({ pattern: '^[a-z][A-Za-z0-9]{0,31}$' }),
      Type.Union([
        Text(FACT_CHARACTERS_MAX),
        Type.Number(),
        Type.Boolean(),
        Type.Null(),
        Type.Array(Text(128), { maxItems: LIST_MAX }),
      ]),
      { additionalProperties: false, maxProperties: FACTS_MAX },
    ),
    commitment: Type.Optional(Octets(COMMITMENT_OCTETS)),
  }),
  'event',
)
