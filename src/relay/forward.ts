/**
 * A share on its way: sent from its origin, passed on by trusted nodes, taken in at its end.
 *
 * A node fetches the pad that its neighbour made (durably, so once), checks the one-time tag, takes
 * a fresh pad with the next neighbour, and passes the share on. It answers once the next has; so an
 * answer says that the share has arrived, or where it got stuck. Nothing is stored on the way: a
 * share that is lost is lost with its block, and the pads with it.
 *
 * @see ETSI GS QKD 020; ITU-T Y.3803 (key relay)
 * @module
 */

import { noteOf, type SiteId } from '#base'
import { summary } from '#keystore'
import type { Pad, RelayOptions } from './context.ts'
import { openHop, padOctetsFor, sealHop } from './hop.ts'
import {
  headerOctets,
  hopAnswerOctets,
  hopOctets,
  readHop,
  readHopAnswer,
  type Hop,
  type HopAnswer,
  type HopHeader,
  type PadNote,
} from './messages.ts'
import { RelayRefusal } from './refusal.ts'

/** What of a relay a node needs that only passes shares on. */
export type Passage = Pick<
  RelayOptions,
  'site' | 'pads' | 'ask' | 'audit' | 'clock' | 'onHopFailed'
>

/** A share as a node holds it between two hops. */
export type Share = Omit<HopHeader, 'pad'>

/**
 * Sends a share to the next site of its way.
 *
 * @param share   with the trail and place of this site: `at` is where it stands itself
 * @param octets  wrapped; stays the caller's
 */
export async function sendOn(
  passage: Passage,
  share: Share,
  octets: Uint8Array,
): Promise<HopAnswer> {
  const { site, pads, ask, onHopFailed } = passage
  const next = share.way[share.at + 1]
  try {
    const pad = await pads.make(next, padOctetsFor(octets.length))
    using secret = pad.octets
    const trail = [...share.trail, noteOfPad(pad)]
    const header: HopHeader = { ...share, at: share.at + 1, trail, pad: pad.keyId }
    const covered = headerOctets(header)
    const message = hopOctets(covered, sealHop(secret.reveal(), covered, octets))
    const patienceMs = HOP_TIMEOUT_MS * (share.way.length - share.at)
    return readHopAnswer(await ask(next, 'relay/hop', message, patienceMs))
  } catch (error) {
    const { code } = noteOf(error)
    onHopFailed(site, next, code)
    return { kind: 'failed', at: site, code }
  }
}

/**
 * Takes a hop from a neighbour: passes it on, or hands it to `arrive` at the end of its way.
 *
 * @returns the octets of the answer
 */
export async function takeHop(
  passage: Passage,
  from: SiteId,
  message: Uint8Array,
  arrive: (share: Share, octets: Uint8Array) => void,
): Promise<Uint8Array> {
  const hop = readHop(message)
  const { site } = passage
  if (hop.way[hop.at] !== site || hop.way[hop.at - 1] !== from) {
    throw new RelayRefusal('RELAY_MESSAGE_INVALID', 'A hop does not go from this site to that one')
  }
  const octets = await opened(passage, from, hop)
  const { block, index, way, at, trail } = hop
  const share: Share = { block, index, way, at, trail }
  try {
    if (at === way.length - 1) {
      arrive(share, octets)
      return hopAnswerOctets({ kind: 'arrived' })
    }
    const answer = await sendOn(passage, share, octets)
    await noted(passage, share, octets.length, answer)
    return hopAnswerOctets(answer)
  } finally {
    octets.fill(0)
  }
}

async function opened({ pads }: Passage, from: SiteId, hop: Hop): Promise<Uint8Array> {
  const { body, tag, ...header } = hop
  const pad = await pads.fetch(from, hop.pad)
  using secret = pad.octets
  return openHop(secret.reveal(), headerOctets(header), { body, tag })
}

/** What a node that passed a share on leaves in its log: that it did, and nothing of the share. */
function noted(
  { audit, clock, site }: Passage,
  { block, index, way, at }: Share,
  octets: number,
  answer: HopAnswer,
): Promise<unknown> {
  const { link, epoch, sequence } = block
  return audit.record({
    kind: answer.kind === 'arrived' ? 'relay.passed' : 'relay.stuck',
    at: clock.now(),
    actor: site,
    facts: {
      ...{ link, epoch, sequence, share: index, octets },
      from: way[at - 1],
      to: way[at + 1],
      ...(answer.kind === 'failed' ? { code: answer.code, stuckAt: answer.at } : {}),
    },
  })
}

function noteOfPad({ provenance }: Pad): PadNote {
  const { source, epsilon, seenBy } = summary(provenance)
  return { source, epsilon, seenBy }
}

/** For each hop that is still to go. */
const HOP_TIMEOUT_MS = 4000
