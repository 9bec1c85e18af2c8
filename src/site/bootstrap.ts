/**
 * The first authentication of a link: a secret from a signed hybrid session, turned into hash keys
 * and pads for both directions. Used for one session of the link, and never again.
 *
 * Computational, and meant to be: it has to hold only until the first block of the link replaces it.
 *
 * @module
 */

import { cborDoor, Exactly, Refusal, Text, toCbor, uuid, UuidText, type SiteId } from '#base'
import type { AuthenticationSource, PadRun } from '#qkd'
import { LINK_CLASS, type Session } from '#session'
import type { Bootstrap } from './link-opening.ts'
import type { Peers } from './peers.ts'
import type { Sessions } from './sessions.ts'

export type BootstrapRefusalCode =
  /** A peer's notice of a bootstrap is for no session that it has opened here. */
  | 'BOOTSTRAP_SESSION_UNKNOWN'
  /** No link with the peer that begins with signatures has this name. */
  | 'BOOTSTRAP_UNWANTED'

export class BootstrapRefusal extends Refusal<BootstrapRefusalCode> {
  override readonly name = 'BootstrapRefusal'
}

export interface BootstrapInput {
  readonly peers: Peers
  readonly sessions: Sessions
  /** Whether a link with a peer may begin with signatures: never one with a pre-shared key. */
  readonly isSigned: (peer: SiteId, link: string) => boolean
}

export function newBootstrap({ peers, sessions, isSigned }: BootstrapInput): Bootstrap {
  /** Sources that a peer has made here, until the link's session takes them. */
  const made = new Map<string, AuthenticationSource>()
  /** The session that the newest of them came from, taken or not: its notice may come again. */
  const newest = new Map<string, string>()
  peers.serve('link/bootstrap', (from, payload) => {
    const { link, session } = openNotice(payload)
    if (!isSigned(from, link)) throw unwanted()
    const name = nameOf(from, link)
    if (newest.get(name) === session) return Promise.resolve(NOTHING)
    using taken = sessions.take(from, uuid(session))
    if (taken?.purpose !== PURPOSE) throw sessionUnknown()
    clear(made.get(name))
    made.set(name, sourceOf(taken, link))
    newest.set(name, session)
    return Promise.resolve(NOTHING)
  })
  return {
    initiate: async (peer, link) => {
      const wish = {
        purpose: PURPOSE,
        dataClass: LINK_CLASS,
        mode: 'post-quantum',
      } as const
      using session = await sessions.open(peer, wish)
      await peers.request(peer, 'link/bootstrap', toCbor({ link, session: session.id }))
      return sourceOf(session, link)
    },
    collect: (peer, link) => {
      const name = nameOf(peer, link)
      const source = made.get(name)
      made.delete(name)
      return source
    },
  }
}

/** The initiator is the transmitting end; its run comes first. */
function sourceOf(session: Session, link: string): AuthenticationSource {
  const label = `photonward/link-bootstrap/v1/${link}`
  using secret = session.exportSecret(label, 2 * RUN_OCTETS)
  const octets = secret.reveal()
  const first = runOf(octets.subarray(0, RUN_OCTETS))
  const second = runOf(octets.subarray(RUN_OCTETS))
  const id = `bootstrap-${session.id}`
  return session.role === 'initiator'
    ? { id, send: first, receive: second }
    : { id, send: second, receive: first }
}

const runOf = (octets: Uint8Array): PadRun => ({
  // Arrays of their own: they move to the thread of the link, and nothing of them stays here.
  hashKey: octets.slice(0, 16),
  pads: octets.slice(16),
  next: 0,
})

function clear(source: AuthenticationSource | undefined): void {
  for (const run of [source?.send, source?.receive]) {
    run?.hashKey.fill(0)
    run?.pads.fill(0)
  }
}

const nameOf = (peer: SiteId, link: string): string => `${peer} ${link}`

const sessionUnknown = (): BootstrapRefusal =>
  new BootstrapRefusal('BOOTSTRAP_SESSION_UNKNOWN', 'No such session was opened for a link')

const unwanted = (): BootstrapRefusal =>
  new BootstrapRefusal('BOOTSTRAP_UNWANTED', 'No such link begins with signatures')

const NOTHING = new Uint8Array(0)
const PURPOSE = 'qkd-authentication-bootstrap'
/** Pads in one direction: enough for some fifty blocks, should none succeed. */
const PADS = 256
const RUN_OCTETS = 16 + 16 * PADS

const openNotice = cborDoor(
  Exactly({ link: Text(63, 1), session: UuidText }),
  'notice of a bootstrap',
  1024,
)
