/**
 * Cookies as requests bring them.
 *
 * @see RFC 6265 §4.2
 * @module
 */

import type { IncomingHttpHeaders } from 'node:http'

/** The value of a cookie; empty if there is none. */
export function cookieIn({ cookie = '' }: IncomingHttpHeaders, name: string): string {
  const pair = cookie.split(/; */).find((one) => one.startsWith(`${name}=`))
  return pair?.slice(name.length + 1) ?? ''
}
