/**
 * A root key in shares: what each holder gets, and what the folder keeps to know them by.
 *
 * A share is one line of text: ceremony, threshold, its number, the share itself and a checksum
 * against slips of the pen. The folder keeps a tag of each (a hash: shares are 33 octets of which 32
 * are uniform), so that a wrong one is named before others are asked for, and a proof made with the
 * root key itself, so that no other combination passes and no number in the file can be changed.
 *
 * The tags and the proof let whoever has unbounded means, the folder and too few shares test
 * guesses of a 256-bit key; against everybody else fewer shares than the threshold say nothing.
 *
 * @module
 */

import {
  concat,
  fromHex,
  hex,
  lengthPrefixed,
  SecretBytes,
  textOf,
  utf8,
  type RandomSource,
} from '#base'
import {
  combineShares,
  hkdfExpand,
  hmac,
  sameSecret,
  sha256,
  splitSecret,
  type ShareCounts,
} from '#crypto'
import { RootKeyRefusal } from './refusal.ts'

/** What the folder knows of the shares of its root key. */
export interface Ceremony {
  /** Random name of it. */
  readonly ceremony: Uint8Array
  readonly threshold: number
  /** One for each share, in the order of their numbers. */
  readonly tags: readonly Uint8Array[]
  readonly proof: Uint8Array
}

/** A share as its holder gives it. */
export interface Share {
  readonly ceremony: Uint8Array
  readonly threshold: number
  /** From 1. */
  readonly number: number
  readonly octets: Uint8Array
}

/** Cuts a root key. @returns what the folder keeps, and the line for each holder */
export async function newCeremony(
  root: SecretBytes,
  counts: ShareCounts,
  random: RandomSource,
): Promise<{ readonly kept: Ceremony; readonly lines: readonly string[] }> {
  checkCounts(counts)
  const { threshold } = counts
  const ceremony = random.octets(CEREMONY_OCTETS)
  const parts = await splitSecret(root.reveal(), counts)
  const shares = parts.map((octets, at) => ({ ceremony, threshold, number: at + 1, octets }))
  const tags = shares.map(tagOf)
  const kept = { ceremony, threshold, tags, proof: proofOf(root, { ceremony, threshold, tags }) }
  const lines = shares.map(lineOf)
  for (const part of parts) part.fill(0)
  return { kept, lines }
}

/** Refuses counts that make no ceremony. @throws RootKeyRefusal `SHARE_COUNTS_INVALID` */
export function checkCounts({ shares, threshold }: ShareCounts): void {
  const isGood = threshold >= 2 && threshold <= shares && shares <= SHARES_MAX
  if (isGood && Number.isInteger(threshold) && Number.isInteger(shares)) return
  const message =
    `Expected 2 to ${SHARES_MAX} shares and a threshold from 2 to as many, ` +
    `got ${threshold} of ${shares}`
  throw new RootKeyRefusal('SHARE_COUNTS_INVALID', message)
}

/** A share from its line. @throws RootKeyRefusal `SHARE_INVALID` */
export function readShare(line: string): Share {
  const text = line.trim().toLowerCase()
  const digits = text.startsWith(PREFIX) ? text.slice(PREFIX.length).replaceAll(/[-\s]/g, '') : ''
  if (!/^[0-9a-f]*$/.test(digits) || digits.length !== 2 * LINE_OCTETS) {
    const message = `A share is a line that starts with ${PREFIX} and has ${2 * LINE_OCTETS} digits`
    throw new RootKeyRefusal('SHARE_INVALID', message)
  }
  const octets = fromHex(digits)
  const body = octets.subarray(0, LINE_OCTETS - CHECK_OCTETS)
  if (!sameSecret(checkOf(body), octets.subarray(body.length))) {
    const message = 'A digit of this share is wrong: its checksum does not match'
    throw new RootKeyRefusal('SHARE_INVALID', message)
  }
  const at = CEREMONY_OCTETS
  return {
    ceremony: body.slice(0, at),
    threshold: body[at],
    number: body[at + 1],
    octets: body.slice(at + 2),
  }
}

/** The shares in a text that has one a line, among other lines. @throws RootKeyRefusal */
export function sharesIn(text: Uint8Array): readonly Share[] {
  const lines = linesIn(text).filter((line) => line.trim().toLowerCase().startsWith(PREFIX))
  return lines.map(readShare)
}

function linesIn(text: Uint8Array): readonly string[] {
  try {
    return textOf(text).split('\n')
  } catch (cause) {
    throw new RootKeyRefusal('SHARE_INVALID', 'Shares are text', { cause })
  }
}

/**
 * Whether a share was handed out at this ceremony.
 *
 * @throws RootKeyRefusal `SHARE_FOREIGN_DENIED`, `SHARE_CHANGED_DENIED`
 */
export function checkShare({ ceremony, tags }: Ceremony, share: Share): void {
  if (!sameSecret(ceremony, share.ceremony)) {
    const [expected, got] = [hex(ceremony), hex(share.ceremony)]
    const message = `This share is of another ceremony: expected ${expected}, got ${got}`
    throw new RootKeyRefusal('SHARE_FOREIGN_DENIED', message, { facts: { expected, got } })
  }
  const { number } = share
  const tag = tags.at(number - 1)
  if (number > 0 && tag !== undefined && sameSecret(tag, tagOf(share))) return
  const message = `Share ${number} is not the one that was handed out at this ceremony`
  throw new RootKeyRefusal('SHARE_CHANGED_DENIED', message, { facts: { number } })
}

/**
 * The root key of enough shares; each is checked first.
 *
 * @throws RootKeyRefusal `SHARES_NEEDED`, `SHARE_FOREIGN_DENIED`, `SHARE_CHANGED_DENIED`,
 *   `SHARES_DENIED`
 */
export async function rootOfShares(kept: Ceremony, given: readonly Share[]): Promise<SecretBytes> {
  for (const share of given) checkShare(kept, share)
  const distinct = new Map(given.map((share) => [share.number, share.octets]))
  const { threshold, tags } = kept
  if (distinct.size < threshold) {
    const message = `The root key is in ${tags.length} shares: expected any ${threshold}, got ${distinct.size}`
    throw new RootKeyRefusal('SHARES_NEEDED', message)
  }
  const root = SecretBytes.take(await combineShares([...distinct.values()].slice(0, threshold)))
  if (sameSecret(proofOf(root, kept), kept.proof)) return root
  root[Symbol.dispose]()
  const message = 'These shares do not give the root key of this folder: its file was changed'
  throw new RootKeyRefusal('SHARES_DENIED', message)
}

function lineOf(share: Share): string {
  const { ceremony, threshold, number, octets } = share
  const body = concat(ceremony, Uint8Array.of(threshold, number), octets)
  const digits = hex(concat(body, checkOf(body)))
  return PREFIX + (digits.match(/.{8}/g) ?? []).join('-')
}

const checkOf = (body: Uint8Array): Uint8Array => sha256(CHECK, body).subarray(0, CHECK_OCTETS)

const tagOf = ({ ceremony, threshold, number, octets }: Share): Uint8Array =>
  sha256(lengthPrefixed(TAG, ceremony, Uint8Array.of(threshold, number), octets))

function proofOf(
  root: SecretBytes,
  { ceremony, threshold, tags }: Omit<Ceremony, 'proof'>,
): Uint8Array {
  const key = hkdfExpand('sha512', { key: root.reveal(), info: PROOF, length: 32 })
  const proof = hmac('sha256', key, lengthPrefixed(ceremony, Uint8Array.of(threshold), ...tags))
  key.fill(0)
  return proof
}

export const CEREMONY_OCTETS = 8
export const SHARES_MAX = 16
const ROOT_OCTETS = 32
const CHECK_OCTETS = 5
/** Ceremony, threshold, number, share with its place, checksum. */
const LINE_OCTETS = CEREMONY_OCTETS + 2 + ROOT_OCTETS + 1 + CHECK_OCTETS
const PREFIX = 'pws1-'
const CHECK = utf8('photonward/share-check/v1')
const TAG = utf8('photonward/share-tag/v1')
const PROOF = utf8('photonward/share-proof/v1')
