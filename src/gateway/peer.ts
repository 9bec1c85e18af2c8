/**
 * Who is at the other end, by the names in its verified certificate.
 *
 * A certificate says `photonward:site:bristol` or `photonward:device:fibre-7` in its alternative
 * names. Sites and devices are told apart everywhere: a stolen device certificate must not open a
 * channel between sites. Does not verify chains, times or revocation: TLS has done that.
 *
 * @module
 */

import { siteId, type SiteId } from '#base'
import type { PeerCertificate } from './tls.ts'

/** What kind of machine a certificate speaks for. */
export type PeerKind = 'site' | 'device'

export interface PeerName {
  readonly kind: PeerKind
  readonly id: SiteId
}

/** A peer as configured. One that only ever dials us needs no address. */
export interface PeerEntry {
  readonly kind: PeerKind
  readonly host?: string
  readonly port?: number
}

/**
 * The one name of ours in a certificate; undefined if there is none or more than one. DNS names say
 * where a machine is, not who, and count for nothing.
 */
export function peerNameOf({ uriNames }: Pick<PeerCertificate, 'uriNames'>): PeerName | undefined {
  const ours = uriNames.filter((uri) => uri.startsWith('photonward:'))
  const match = ours.length === 1 ? URI_NAME.exec(ours[0]) : null
  return match === null ? undefined : named(match[1] as PeerKind, match[2])
}

function named(kind: PeerKind, id: string): PeerName | undefined {
  try {
    return { kind, id: siteId(id) }
  } catch {
    return undefined
  }
}

/** The channel of a device link: what `optics` speaks, between a site and a device. */
export const deviceChannel = (link: string, role: 'transmitter' | 'receiver'): string =>
  `${DEVICE_CHANNEL}${link}:${role}`

/** Whether a channel may run between these two: devices speak on device channels, sites on others. */
export const channelFits = (channel: string, ours: PeerKind, theirs: PeerKind): boolean =>
  channel.startsWith(DEVICE_CHANNEL)
    ? (ours === 'device') !== (theirs === 'device')
    : ours === 'site' && theirs === 'site'

const DEVICE_CHANNEL = 'device:'
const URI_NAME = /^photonward:(site|device):([a-z0-9-]{1,63})$/
