/**
 * Where a passkey is shown and made: the host name of an origin, unless that is a bare address.
 *
 * @see Web Authentication Level 3, §5.1.2 (a relying party is named by a domain)
 * @module
 */

import type { PasskeyPlace } from '#access'

/** @param origin   as a browser calls it; undefined comes back where there can be no passkeys */
export function passkeyPlaceOf(origin: string): PasskeyPlace | undefined {
  const { hostname: rpId } = new URL(origin)
  return BARE_ADDRESS.test(rpId) ? undefined : { origin, rpId }
}

/** IPv4, or IPv6 in brackets. */
const BARE_ADDRESS = /^(?:[0-9.]+|\[.*\])$/
