/**
 * Advertisements: what a site says of its own links, signed, numbered, and with a life.
 *
 * A site says again how its links stand when something has changed, and every so often; the others
 * pass it on (`advertisement-table`). The number is the boot of the daemon, a counter that is
 * durable before the first advertisement of a boot, and a sequence within it: after a restart a
 * site is never behind itself. Time is told twice: by the wall clock, for sites that hear of this
 * one for the first time, and as milliseconds since the boot, which no clock jump can touch and by
 * which an advertisement that was held back on its way is as old as it is.
 *
 * Signed by the statement keys of the site (ML-DSA-65 and Ed25519, both required). A signature
 * shows who says so, not that it is true.
 *
 * @see ETSI GS QKD 015 V2.1.1 §6 for the terms; RFC 2328 §13 for flooding of numbered states
 * @module
 */

import {
  cborDoor,
  door,
  epochMs,
  Exactly,
  fromDeterministicCbor,
  linkId,
  Octets,
  OneOf,
  siteId,
  Text,
  toCbor,
  Type,
  Whole,
  type EpochMs,
  type LinkId,
  type SiteId,
} from '#base'
import { signDual, verifyDual, type DualSigner, type DualVerifier } from '#crypto'
import { LINK_STATUSES, type LinkState } from './topology.ts'

/** How a link stands, as one of its ends sees it. */
export interface LinkReport {
  readonly link: LinkId
  /** The other end. */
  readonly peer: SiteId
  readonly status: LinkState['status']
  /** Octets that the speaker may still give out, and that the peer may, as the speaker knows. */
  readonly sendOctets: number
  readonly receiveOctets: number
  readonly secretBitsPerSecond: number
  readonly consumptionBitsPerSecond: number
  readonly qberPpm: number
  readonly qberTrendPpmPerHour: number
  readonly suspect: boolean
}

export interface Advertisement {
  readonly site: SiteId
  /** How often the daemon was started; durable, rises by one or more with every start. */
  readonly boot: number
  /** Rises with every advertisement of a boot, from 0. */
  readonly sequence: number
  /** By the wall clock of the site. */
  readonly at: EpochMs
  /** Since the boot, by its monotonic clock, milliseconds. */
  readonly uptimeMs: number
  /** How long it holds unless it is said again, milliseconds. */
  readonly lifeMs: number
  /** All links of the site; one that is left out does not exist for it. */
  readonly links: readonly LinkReport[]
}

/** An advertisement with the octets it came in, and those that were signed. */
export interface SignedAdvertisement {
  readonly advertisement: Advertisement
  readonly octets: Uint8Array
  readonly body: Uint8Array
}

/**
 * Signs an advertisement.
 *
 * @throws ShapeRefusal if a number is out of range, or there are more than `ADVERTISED_LINKS_MAX`
 *   links
 */
export function signAdvertisement(
  advertisement: Advertisement,
  signer: DualSigner,
): SignedAdvertisement {
  const links = advertisement.links.map((report) => ({ ...report }))
  const body = toCbor(openBody({ v: 1, ...advertisement, links }))
  const octets = toCbor({ v: 1, body, ...signDual(signer, LABEL, body) })
  return { advertisement, octets, body }
}

/** Reads an advertisement without believing it. @throws Refusal or RangeError */
export function readAdvertisement(octets: Uint8Array): SignedAdvertisement {
  const { body } = openEnvelope(octets)
  const fields = openBody(fromDeterministicCbor(body, ADVERTISEMENT_OCTETS_MAX))
  const { boot, sequence, uptimeMs, lifeMs } = fields
  const links = fields.links.map((report) => ({
    ...report,
    link: linkId(report.link),
    peer: siteId(report.peer),
  }))
  const [site, at] = [siteId(fields.site), epochMs(fields.at)]
  return { advertisement: { site, boot, sequence, at, uptimeMs, lifeMs, links }, octets, body }
}

/** Whether both signatures over an advertisement are good. */
export function isSignedBy({ octets, body }: SignedAdvertisement, verifier: DualVerifier): boolean {
  const { mlDsa, ed25519 } = openEnvelope(octets)
  return verifyDual(verifier, LABEL, body, { mlDsa, ed25519 })
}

/** Links of one site. */
export const ADVERTISED_LINKS_MAX = 128
/** Octets of one advertisement: 128 links with the longest names take 49,000. */
export const ADVERTISEMENT_OCTETS_MAX = 65_536
/** The longest life an advertisement may claim: an hour. */
export const ADVERTISEMENT_LIFE_MS_MAX = 3_600_000
const LABEL = 'photonward/link-advertisement/v1'
const RATE_MAX = 1e12
const PPM_MAX = 1_000_000
const OCTETS_MAX = 1e12

const openEnvelope = cborDoor(
  Exactly({
    v: Type.Literal(1),
    body: Octets(1, ADVERTISEMENT_OCTETS_MAX),
    mlDsa: Octets(3309),
    ed25519: Octets(64),
  }),
  'advertisement of links',
  ADVERTISEMENT_OCTETS_MAX,
)
const openBody = door(
  Exactly({
    v: Type.Literal(1),
    site: Text(63, 1),
    boot: Whole(0),
    sequence: Whole(0),
    at: Whole(0),
    uptimeMs: Whole(0),
    lifeMs: Whole(1, ADVERTISEMENT_LIFE_MS_MAX),
    links: Type.Array(
      Exactly({
        link: Text(63, 1),
        peer: Text(63, 1),
        status: OneOf(...LINK_STATUSES),
        sendOctets: Whole(0, OCTETS_MAX),
        receiveOctets: Whole(0, OCTETS_MAX),
        secretBitsPerSecond: Whole(0, RATE_MAX),
        consumptionBitsPerSecond: Whole(0, RATE_MAX),
        qberPpm: Whole(0, PPM_MAX),
        qberTrendPpmPerHour: Whole(-PPM_MAX, PPM_MAX),
        suspect: Type.Boolean(),
      }),
      { maxItems: ADVERTISED_LINKS_MAX },
    ),
  }),
  'advertisement of links',
)
