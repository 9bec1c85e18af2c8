/**
 * The RandomSource port: the operating system's generator, tested once before the daemon starts.
 *
 * The two tests are those of NIST SP 800-90B §4.4 on the octets as they come. They find a source
 * that is stuck or grossly biased (a broken virtual machine, a wrong build). They say nothing about
 * whether a healthy-looking source can be predicted: no test of octets can.
 *
 * @module
 */

import { type RandomSource } from '#base'
import { systemRandom } from '#crypto'
import { GatewayRefusal } from './refusal.ts'

/** What the tests made of a sample. */
export type RandomHealth =
  | { readonly kind: 'healthy' }
  /** One octet value came `run` times in a row (SP 800-90B §4.4.1). */
  | { readonly kind: 'repeating'; readonly run: number; readonly cutoff: number }
  /** One octet value came `count` times within a window (SP 800-90B §4.4.2). */
  | { readonly kind: 'biased'; readonly count: number; readonly cutoff: number }

/**
 * The source, after it has passed the start-up test.
 *
 * @param source   what to test; another than the operating system's only in tests
 * @throws GatewayRefusal `RANDOM_FAILED`: the daemon must not start
 */
export function testedRandom(source: RandomSource = systemRandom): RandomSource {
  const sample = source.octets(SAMPLE_OCTETS)
  const health = randomHealth(sample)
  sample.fill(0)
  if (health.kind === 'healthy') return source
  throw new GatewayRefusal(
    'RANDOM_FAILED',
    'The random source failed its start-up test; no key may be made on this machine',
    { facts: { ...health } },
  )
}

/** Both tests over a sample of octets, assuming 8 bits of entropy in each. */
export function randomHealth(sample: Uint8Array): RandomHealth {
  const run = longestRun(sample)
  if (run >= REPETITION_CUTOFF) return { kind: 'repeating', run, cutoff: REPETITION_CUTOFF }
  for (let at = 0; at + WINDOW_OCTETS <= sample.length; at += WINDOW_OCTETS) {
    const window = sample.subarray(at, at + WINDOW_OCTETS)
    const count = occurrences(window, window[0])
    if (count >= PROPORTION_CUTOFF) return { kind: 'biased', count, cutoff: PROPORTION_CUTOFF }
  }
  return { kind: 'healthy' }
}

function longestRun(sample: Uint8Array): number {
  let longest = 0
  let run = 0
  for (let at = 0; at < sample.length; at++) {
    run = at > 0 && sample[at] === sample[at - 1] ? run + 1 : 1
    longest = Math.max(longest, run)
  }
  return longest
}

function occurrences(window: Uint8Array, value: number): number {
  let count = 0
  for (const octet of window) if (octet === value) count++
  return count
}

/** SP 800-90B §4.3 asks for at least 1,024 consecutive samples at start-up. */
const SAMPLE_OCTETS = 4096
/** Window of the adaptive proportion test for a source that is not binary (§4.4.2). */
const WINDOW_OCTETS = 512
/** C = 1 + ⌈−log₂ α / H⌉ with α = 2⁻⁴⁰ and H = 8 (§4.4.1). */
export const REPETITION_CUTOFF = 6
/** C = 1 + critbinom(512, 2⁻⁸, 1 − α) with α = 2⁻⁴⁰ (§4.4.2); a test recomputes it. */
export const PROPORTION_CUTOFF = 19
