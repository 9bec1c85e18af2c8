/**
 * The UUIDs under which a controller knows nodes, links and applications: made from their names, so
 * that every site of a federation makes the same ones and no table of them is kept.
 *
 * Version 8 of RFC 9562 (§5.8, in the way of its appendix B.2): the first 16 octets of SHA-256 over a
 * namespace UUID and the name, with version and variant set. Version 5 would be the same with SHA-1.
 *
 * @see ETSI GS QKD 015 V2.1.1 (yang:uuid)
 * @module
 */

import { lengthPrefixed, siteId, utf8, uuidOctets, uuidOf, type Uuid } from '#base'
import { sha256 } from '#crypto'

/** Names of one federation. */
export interface Names {
  readonly node: (site: string) => Uuid
  /** A link of the plan, the same at both of its ends. */
  readonly link: (link: string) => Uuid
  /** The link over other nodes between two sites, the same at both of them. */
  readonly pair: (one: string, other: string) => Uuid
  /** Applications at a site: one that asks for keys, and those it shares them with. */
  readonly application: (server: string, clients: readonly string[]) => Uuid
}

/** The names in a federation. */
export function namesIn(federation: string): Names {
  const made = new Map<string, Uuid>()
  const name = (kind: string, ...parts: readonly string[]): Uuid => {
    const octets = lengthPrefixed(...[federation, kind, ...parts].map(utf8))
    const key = octets.toHex()
    const found = made.get(key)
    if (found !== undefined) return found
    if (made.size >= NAMES_MAX) made.clear()
    const id = nameUuid(octets)
    made.set(key, id)
    return id
  }
  return {
    node: (site) => name('node', siteId(site)),
    link: (link) => name('link', link),
    pair: (one, other) => name('pair', ...[one, other].toSorted()),
    application: (server, clients) => name('application', server, ...clients.toSorted()),
  }
}

function nameUuid(octets: Uint8Array): Uuid {
  const id = sha256(uuidOctets(NAMESPACE), octets).slice(0, 16)
  id[6] = (id[6] & 0x0f) | 0x80
  id[8] = (id[8] & 0x3f) | 0x80
  return uuidOf(id)
}

/** Drawn once; never changes, for controllers remember what is made from it. */
const NAMESPACE = '3f0d7a52-6a0c-4d55-9c9e-5d2b7e6f1a84'
/** Names are made anew beyond so many. */
const NAMES_MAX = 65_536
