/**
 * What a browser can compute of a proof: SHA-256, Ed25519, and ML-DSA-44 where it has that.
 *
 * @module
 */

import type { ProofPowers } from '#contract/proof-tree'

export const browserPowers: ProofPowers = {
  hash: async (octets) => new Uint8Array(await crypto.subtle.digest('SHA-256', own(octets))),
  verify: async ({ algorithm, octets }, message, signature) => {
    const key = await keyOf(algorithm, octets)
    if (key === undefined) return undefined
    return await crypto.subtle.verify(key.algorithm.name, key, own(signature), own(message))
  },
}

/** @returns undefined where this browser knows no such signatures */
async function keyOf(
  algorithm: 'ed25519' | 'ml-dsa-44',
  octets: Uint8Array,
): Promise<CryptoKey | undefined> {
  const [format, name] = FORMS[algorithm]
  try {
    // The form of post-quantum keys is newer than the types of the browser.
    return await crypto.subtle.importKey(format as 'raw', own(octets), name, false, ['verify'])
  } catch {
    return undefined
  }
}

/** A copy whose buffer is its own, as WebCrypto wants it. */
const own = (octets: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(octets)

const FORMS = {
  ed25519: ['raw', 'Ed25519'],
  'ml-dsa-44': ['raw-public', 'ML-DSA-44'],
} as const
