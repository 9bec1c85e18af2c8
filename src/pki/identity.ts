/**
 * Who a certificate is for: the names of ours in it, and back.
 *
 * A URI `photonward:site:bristol` in the alternative names says who; the DNS names say only where.
 * Exactly one such URI counts: a certificate of two minds is nobody's.
 *
 * @module
 */

import { kmeId, saeId, siteId, type KmeId, type SaeId, type SiteId } from '#base'
import type { Certificate } from './certificate.ts'

/** What a leaf of ours is for. */
export type Identity =
  | { readonly kind: 'site'; readonly site: SiteId }
  | { readonly kind: 'device'; readonly device: string }
  | { readonly kind: 'kme'; readonly kme: KmeId }
  | { readonly kind: 'sae'; readonly sae: SaeId }

export const identityUri = (identity: Identity): string => {
  switch (identity.kind) {
    case 'site':
      return `photonward:site:${identity.site}`
    case 'device':
      return `photonward:device:${identity.device}`
    case 'kme':
      return `photonward:kme:${identity.kme}`
    case 'sae':
      return `photonward:sae:${identity.sae}`
  }
}

/** The identity in a certificate, or undefined unless there is exactly one. */
export function identityOf({ names }: Certificate): Identity | undefined {
  const ours = names.uri.filter((uri) => uri.startsWith(SCHEME))
  if (ours.length !== 1) return undefined
  const [, kind, ...rest] = ours[0].split(':')
  const name = rest.join(':')
  try {
    switch (kind) {
      case 'site':
        return { kind, site: siteId(name) }
      case 'device':
        return { kind, device: siteId(name) }
      case 'kme':
        return { kind, kme: kmeId(name) }
      case 'sae':
        return { kind, sae: saeId(name) }
      default:
        return undefined
    }
  } catch {
    return undefined
  }
}

const SCHEME = 'photonward:'
