/**
 * Octets that are promised to requests under way, so that no two plan on the same ones.
 *
 * A value: each function returns the ledger after it. The source of a key keeps one for its plans,
 * and a relay one for what passes through it; the key store's own reservation stays the last word,
 * for the plans of other sites are not known here. A reservation is given back when its keys were
 * allocated (from then on the pool itself is smaller) or when its time is over.
 *
 * @module
 */

import { RelayRefusal } from './refusal.ts'
import { freeOctetsOn, type Arc, type Topology } from './topology.ts'
import { floorOf, type Priority, type Watermarks } from './watermarks.ts'

export interface PathReservation {
  /** Arcs of all paths, each once: the paths of one key are disjoint. */
  readonly arcs: readonly Arc[]
  /** Octets on each arc: the share, and what authenticates it. */
  readonly octets: number
  /** When it lapses, milliseconds on the monotonic clock of this site. */
  readonly untilMs: number
}

export interface Ledger {
  /** Octets promised, by arc. */
  readonly promised: Float64Array
  readonly reservations: ReadonlyMap<string, PathReservation>
}

export type ReserveOutcome =
  | { readonly kind: 'reserved'; readonly ledger: Ledger }
  | { readonly kind: 'refused'; readonly reason: 'id-taken' | 'ledger-full' }
  /** The first arc that has too little, and what it still has for this priority. */
  | {
      readonly kind: 'refused'
      readonly reason: 'capacity'
      readonly arc: Arc
      readonly usableOctets: number
    }

export const newLedger = ({ network }: Topology): Ledger => ({
  promised: new Float64Array(network.tails.length),
  reservations: new Map(),
})

/** Octets of an arc above the floor of a priority that nobody else was promised; at least 0. */
export function usableOctets(
  topology: Topology,
  arc: Arc,
  by: { readonly ledger: Ledger; readonly priority: Priority; readonly marks: Watermarks },
): number {
  const free = freeOctetsOn(topology, arc) - by.ledger.promised[arc]
  return Math.max(0, free - floorOf(by.priority, by.marks))
}

/**
 * Promises the octets on every arc, or on none.
 *
 * @throws RelayRefusal `RELAY_REQUEST_INVALID` for no whole octets, or an arc that stands twice
 */
export function reserve(
  topology: Topology,
  ledger: Ledger,
  request: PathReservation & {
    readonly id: string
    readonly priority: Priority
    readonly marks: Watermarks
  },
): ReserveOutcome {
  const { id, arcs, octets, untilMs, priority, marks } = request
  if (!Number.isSafeInteger(octets) || octets < 1 || new Set(arcs).size < arcs.length) {
    throw new RelayRefusal('RELAY_REQUEST_INVALID', 'Expected whole octets, and each arc once', {
      facts: { octets, arcs: arcs.length },
    })
  }
  if (ledger.reservations.has(id)) return { kind: 'refused', reason: 'id-taken' }
  if (ledger.reservations.size >= RESERVATIONS_MAX)
    return { kind: 'refused', reason: 'ledger-full' }
  for (const arc of arcs) {
    const usable = usableOctets(topology, arc, { ledger, priority, marks })
    if (usable < octets) return { kind: 'refused', reason: 'capacity', arc, usableOctets: usable }
  }
  const promised = ledger.promised.slice()
  for (const arc of arcs) promised[arc] += octets
  const reservations = new Map(ledger.reservations).set(id, { arcs, octets, untilMs })
  return { kind: 'reserved', ledger: { promised, reservations } }
}

/** Gives a reservation back; one that is not there changes nothing. */
export const release = (ledger: Ledger, id: string): Ledger =>
  without(ledger, (other) => other === id)

/** Gives back what has lapsed. */
export const lapse = (ledger: Ledger, nowMs: number): Ledger =>
  without(ledger, (_, { untilMs }) => untilMs <= nowMs)

function without(ledger: Ledger, gone: (id: string, of: PathReservation) => boolean): Ledger {
  const leaving = [...ledger.reservations].filter(([id, of]) => gone(id, of))
  if (leaving.length === 0) return ledger
  const promised = ledger.promised.slice()
  const reservations = new Map(ledger.reservations)
  for (const [id, { arcs, octets }] of leaving) {
    reservations.delete(id)
    for (const arc of arcs) promised[arc] -= octets
  }
  return { promised, reservations }
}

/** Requests under way at one site. */
export const RESERVATIONS_MAX = 4096
