/**
 * How a vendor's KME may be asked, from what it says of itself as far as it says it.
 *
 * @module
 */

import { noteOf } from '#base'
import { KmeClientRefusal, type ForeignStatus, type KmeClient } from '#kme'

/**
 * Keys that one request may name. KMEs that give no status, or none that is one, are asked for few.
 *
 * @throws KmeClientRefusal `KME_CLIENT_SIZE_UNMET`, `KME_CLIENT_DENIED`, `KME_CLIENT_UNANSWERED`
 */
export async function keysAtOnce(
  client: KmeClient,
  otherSae: string,
  sizeBits: number,
): Promise<number> {
  const status = await statusOf(client, otherSae)
  const { minKeySizeBits: least = sizeBits, maxKeySizeBits: most = sizeBits } = status
  if (sizeBits < least || sizeBits > most) {
    const message = `Expected a KME that gives keys of ${sizeBits} bits, its are ${least} to ${most}`
    throw new KmeClientRefusal('KME_CLIENT_SIZE_UNMET', message, { facts: { least, most } })
  }
  return Math.min(status.maxKeysPerRequest ?? KEYS_UNKNOWN, KEYS_AT_ONCE_MAX)
}

async function statusOf(client: KmeClient, otherSae: string): Promise<Partial<ForeignStatus>> {
  try {
    return await client.status(otherSae)
  } catch (error) {
    if (UNSAID.has(noteOf(error).code)) return {}
    throw error
  }
}

const UNSAID: ReadonlySet<string> = new Set(['KME_CLIENT_REFUSED', 'KME_CLIENT_ANSWER_INVALID'])
/** Of a KME that does not say how many it gives. */
const KEYS_UNKNOWN = 8
/** Of any KME: what is lost with one answer. */
const KEYS_AT_ONCE_MAX = 128
