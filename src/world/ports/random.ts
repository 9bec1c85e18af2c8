/** @module */

import { lengthPrefixed, uint64, utf8, type RandomSource } from '#base'
import { sha256, simulatedRandom } from '#crypto'

/** A repeatable random source; different names give independent octets. */
export const seededRandom = (seed: number, name = ''): RandomSource =>
  simulatedRandom(sha256(lengthPrefixed(uint64(seed), utf8(name))))
