/**
 * The first words on a connection between sites, and the ping: control frames in CBOR.
 *
 * The dialling end says what the connection is for; the other accepts or refuses. This is more than
 * courtesy: in TLS 1.3 the dialling end finishes its handshake before the other has looked at its
 * certificate, so only this answer shows that the certificate was accepted.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  OneOf,
  PortRefusal,
  Text,
  toCbor,
  Type,
  Whole,
  type SiteId,
  type Static,
} from '#base'
import { CONTROL_OCTETS_MAX, FRAME_OCTETS_MAX } from './frames.ts'
import type { TlsSession } from './tls.ts'

const ControlShape = Type.Union([
  Exactly({
    kind: Type.Literal('hello'),
    channel: Type.String({ pattern: '^[a-z0-9][a-z0-9:._-]{0,191}$' }),
    /** Longest message that the dialling end takes. */
    octetsMax: Whole(1, FRAME_OCTETS_MAX),
    /** Key exchange group as seen by the dialling end, for the other end's records. */
    group: Type.Union([Text(64), Type.Null()]),
  }),
  Exactly({ kind: Type.Literal('accept'), octetsMax: Whole(1, FRAME_OCTETS_MAX) }),
  Exactly({
    kind: Type.Literal('refuse'),
    code: OneOf('peer-unknown', 'channel-unknown', 'channel-forbidden', 'too-many-connections'),
  }),
  Exactly({ kind: Type.Literal('ping') }),
])

export type Control = Static<typeof ControlShape>
export type Hello = Extract<Control, { kind: 'hello' }>
/** Why the accepting end does not want a connection. */
export type RefuseCode = Extract<Control, { kind: 'refuse' }>['code']

const open = cborDoor(ControlShape, 'control frame', CONTROL_OCTETS_MAX)

/** Reads a control frame. @throws ShapeRefusal, CborRefusal */
export const readControl = (octets: Uint8Array): Control => open(octets)

/** The octets of a control frame. */
export const controlOctets = (control: Control): Uint8Array => toCbor(control)

/** The hello of the dialling end. @throws ShapeRefusal if the channel's name is not one */
export function helloFor(channel: string, octetsMax: number, session: TlsSession): Uint8Array {
  const octets = toCbor({ kind: 'hello', channel, octetsMax, group: session.group ?? null })
  open(octets)
  return octets
}

/** The refusal that `dial` gives for the other end's. */
export function refusalFor(code: RefuseCode, peer: SiteId): PortRefusal {
  const facts = { peer, reason: code }
  return code === 'peer-unknown'
    ? new PortRefusal('NETWORK_UNKNOWN_PEER', `${peer} does not know us`, { facts })
    : new PortRefusal('NETWORK_UNREACHABLE', `${peer} refused the connection: ${code}`, { facts })
}
