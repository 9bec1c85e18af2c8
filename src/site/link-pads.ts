/**
 * Which pads a session may use: agreed by both ends before it begins, so that a roll-back of either
 * end's store never makes it use one twice.
 *
 * A sender's own cursor keeps it from that through every crash, and fails when the store it is in is
 * put back to an older state. The other end remembers too: for each source a bound, durable before
 * the peer can have used a pad at or above it, and above everything it may have used unseen. Each
 * end begins at the higher of its own cursor and the other's bound.
 *
 * Two ends that are rolled back together, both behind the same tags, are not helped by this; the
 * witnesses of their logs find them.
 *
 * @module
 */

import type { LinkId } from '#base'
import type { Keystore, KeystoreRefusal } from '#keystore'
import type { AuthenticationSource, PadRun } from '#qkd'

/** How far the pads of a source are used, as one end knows durably. */
export interface PadMark {
  readonly id: string
  /** First pad that this end may send with. */
  readonly sent: number
  /** First pad that the other end may send with, as far as this end is concerned. */
  readonly heard: number
}

/** What an end says of its sources. */
export const padMarks = (sources: readonly AuthenticationSource[]): readonly PadMark[] =>
  sources.map(({ id, send, receive }) => ({ id, sent: send.next, heard: heardOf(receive) }))

/**
 * Takes the sources of a session that begins: the newest that both ends have, as many as give pads
 * enough, from the pad on that neither end has used.
 *
 * Durable when it resolves. Both ends choose alike, for both know both lists of marks; but one of
 * them may find a source gone meanwhile, so the sessions' hellos settle it.
 *
 * @param own   oldest first; those that are not taken are cleared
 * @returns     oldest first; whoever takes them owns and clears them
 */
export async function takeSources(
  keystore: Pick<Keystore, 'burnPads'>,
  link: LinkId,
  own: readonly AuthenticationSource[],
  theirs: readonly PadMark[],
): Promise<readonly AuthenticationSource[]> {
  const taken: AuthenticationSource[] = []
  let pads = 0
  for (const source of own.toReversed()) {
    const other = theirs.find(({ id }) => id === source.id)
    const from = other === undefined ? undefined : startsOf(source, other)
    const isWanted = from !== undefined && pads < PADS_ENOUGH
    if (isWanted && (await isMarked(keystore, link, source, from))) {
      const { send, receive, id } = source
      const starting = {
        send: { ...send, next: from.send },
        receive: { ...receive, next: from.receive },
      }
      taken.unshift({ id, ...starting })
      pads += countOf(send) - Math.max(from.send, from.receive)
    } else clearSources([source])
  }
  return taken
}

/** The bound to remember once the peer's tag under a pad was accepted. */
export const boundAfter = (pad: number): number => pad + 1 + PADS_AHEAD

/** Overwrites the secrets of sources that are not used. */
export function clearSources(sources: readonly AuthenticationSource[]): void {
  for (const run of sources.flatMap(({ send, receive }) => [send, receive])) {
    run.hashKey.fill(0)
    run.pads.fill(0)
  }
}

/** Where both directions begin; undefined if one of them has nothing left. */
function startsOf(
  { send, receive }: AuthenticationSource,
  other: PadMark,
): { readonly send: number; readonly receive: number } | undefined {
  const from = {
    send: Math.max(send.next, other.heard),
    receive: Math.max(heardOf(receive), other.sent),
  }
  return from.send < countOf(send) && from.receive < countOf(receive) ? from : undefined
}

/** Makes both bounds durable. @returns false if the key store has no such source any more */
async function isMarked(
  keystore: Pick<Keystore, 'burnPads'>,
  link: LinkId,
  { id, send, receive }: AuthenticationSource,
  from: { readonly send: number; readonly receive: number },
): Promise<boolean> {
  const about = { link, source: id }
  const bound = Math.min(countOf(receive), from.receive + PADS_AHEAD)
  try {
    if (from.send > send.next) {
      await keystore.burnPads({ ...about, direction: 'send', from: send.next, to: from.send })
    }
    await keystore.burnPads({ ...about, direction: 'receive', from: receive.next, to: bound })
    return true
  } catch (error) {
    if ((error as KeystoreRefusal).code !== 'KEYSTORE_SOURCE_UNKNOWN') throw error
    return false
  }
}

/** A source that no session was opened with yet was made in one: its first pads may be used. */
const heardOf = ({ next }: PadRun): number => Math.max(next, PADS_AHEAD)

const countOf = ({ pads }: PadRun): number => pads.length / 16

/**
 * Tags that one end may have sent and the other not seen: two for each block that may be in
 * post-processing at once, eight, and those of the session and of an abort.
 */
export const PADS_AHEAD = 20
/** Pads that a session begins with, if there are so many; the others are left for later ones. */
const PADS_ENOUGH = 40
