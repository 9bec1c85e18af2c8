/**
 * Agreeing on the quality of a key stream: what was wished for, and what this KME can keep.
 *
 * Key_chunk_size, Max_bps, Min_bps, Timeout, TTL and the metadata type are kept or answered with
 * what could be. Unlike the standard, Jitter and Priority are taken as they are and change nothing:
 * chunks are made when they are asked for, and all streams alike.
 *
 * @see ETSI GS QKD 004 V2.1.1 §6.1
 * @module
 */

import type { Qos } from './etsi-004.ts'

/** What came of a wish: `qos` is what is kept, or what could be. */
export interface QosOutcome {
  readonly isMet: boolean
  readonly qos: Qos
}

/**
 * What this KME makes of a wish for a new stream.
 *
 * @param bpsMax   bits a second that can be kept up between the two KMEs
 */
export function agreeQos(wished: Qos, bpsMax: number): QosOutcome {
  const chunkOctets = orStandard(wished.chunkOctets, CHUNK_OCTETS)
  const minMost = Math.min(bpsMax, wished.maxBps === 0 ? Infinity : wished.maxBps)
  const offered: Qos = {
    ...wished,
    chunkOctets: Math.min(CHUNK_OCTETS_MAX, Math.max(CHUNK_OCTETS_MIN, chunkOctets)),
    minBps: Math.floor(Math.min(wished.minBps, minMost)),
    timeoutMs: Math.min(wished.timeoutMs, TIMEOUT_MS_MAX),
    lifeS: Math.min(orStandard(wished.lifeS, LIFE_S), LIFE_S_MAX),
    mimetype: wished.mimetype === '' ? '' : METADATA_TYPE,
  }
  return { qos: offered, isMet: keeps(offered, wished) }
}

/**
 * What the second end of a stream is told: the rates, chunks and life of the stream as it stands.
 * Timeout and metadata are each end's own.
 */
export function joinQos(wished: Qos, standing: Qos): QosOutcome {
  const { qos: own } = agreeQos({ ...wished, minBps: 0, maxBps: 0 }, 0)
  const { chunkOctets, minBps, maxBps, lifeS } = standing
  const offered: Qos = { ...own, chunkOctets, minBps, maxBps, lifeS }
  const wishedMax = wished.maxBps === 0 || wished.maxBps === maxBps
  return { qos: offered, isMet: wishedMax && keeps(offered, wished) }
}

/** Whether an offer is what was wished for, where anything was. */
const keeps = (offered: Qos, wished: Qos): boolean =>
  [0, offered.chunkOctets].includes(wished.chunkOctets) &&
  wished.minBps <= offered.minBps &&
  offered.timeoutMs === wished.timeoutMs &&
  [0, offered.lifeS].includes(wished.lifeS) &&
  offered.mimetype === wished.mimetype

const orStandard = (value: number, standard: number): number => (value === 0 ? standard : value)

/** The one type of metadata: what is known of where a chunk comes from. */
export const METADATA_TYPE = 'application/json'
/** An AES-256 key, where no size is wished for. */
const CHUNK_OCTETS = 32
const CHUNK_OCTETS_MIN = 8
const CHUNK_OCTETS_MAX = 8192
const TIMEOUT_MS_MAX = 60_000
/** An hour, where no TTL is wished for. */
const LIFE_S = 3600
/** A week. */
const LIFE_S_MAX = 604_800
