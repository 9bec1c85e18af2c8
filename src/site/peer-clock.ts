/**
 * What time a peer has: asked and answered between sites, for `doctor`.
 *
 * Certificates, revocation lists and checkpoints are judged by the clock; two sites whose clocks are
 * minutes apart refuse each other. The answer is as honest as the peer.
 *
 * @module
 */

import {
  cborDoor,
  epochMs,
  Exactly,
  toCbor,
  Whole,
  type Clock,
  type Log,
  type Network,
  type SiteId,
} from '#base'
import { Peers } from './peers.ts'

/** How far a peer's clock is ahead of this one, and how sure that is. */
export interface PeerClock {
  /** Positive where the peer is ahead. Wrong by half the round trip at most. */
  readonly offsetMs: number
  readonly roundTripMs: number
}

/** Answers peers that ask what time it is here. */
export function serveClock(peers: Peers, clock: Clock): void {
  peers.serve(METHOD, () => Promise.resolve(toCbor({ at: clock.now() })))
}

/** Asks a peer over a network of one's own. Rejects with a refusal if it cannot be reached. */
export async function askPeerClock(
  peer: SiteId,
  { network, clock, log }: { readonly network: Network; readonly clock: Clock; readonly log: Log },
): Promise<PeerClock> {
  const peers = new Peers({ network, clock, log, peers: [peer] })
  try {
    // Dialling takes several round trips; it must not count.
    await peers.request(peer, METHOD, new Uint8Array(0), TIMEOUT_MS)
    const asked = clock.monotonicMs()
    const octets = await peers.request(peer, METHOD, new Uint8Array(0), TIMEOUT_MS)
    const roundTripMs = clock.monotonicMs() - asked
    const here = epochMs(Math.round(clock.now() - roundTripMs / 2))
    return { offsetMs: openAnswer(octets).at - here, roundTripMs }
  } finally {
    peers.stop()
  }
}

const METHOD = 'clock/now'
const TIMEOUT_MS = 5000
const openAnswer = cborDoor(Exactly({ at: Whole(0) }), 'time of a peer', 64)
