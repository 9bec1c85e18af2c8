/**
 * Relaying keys in one process: seven sites with their key stores, two ways of four hops, blocks of
 * 256 keys, without the network and the disk between them.
 *
 * Counts the processor time of all seven sites: pads made and fetched at each hop, checked tags,
 * log entries, both ends' wraps, and the block stored at both.
 *
 * @module
 */

import { siteId, type SiteId } from '#base'
import { RelayNet } from './relay-net.ts'
import { cpuSeconds, type Benchmark } from './bench.ts'

/** Keys relayed in a second of processor time, and the time that one hop of a share takes. */
export function relaying(): readonly Benchmark[] {
  const hopTimes: number[] = []
  const run = async (): Promise<number> => {
    const seconds = await relayed()
    hopTimes.push((seconds / (BLOCKS * WAYS.length * HOPS)) * 1e6)
    return (BLOCKS * BLOCK_KEYS) / seconds
  }
  return [
    {
      name: 'keys.relay',
      claim: `relayed over ${String(HOPS)} hops on two ways, ${String(BLOCK_KEYS)} keys a message`,
      unit: 'keys/s',
      bar: 2000,
      better: 'more',
      run,
    },
    {
      name: 'keys.hop',
      claim: 'its cost of one hop of one share, both ends of the hop',
      unit: 'µs',
      bar: null,
      better: 'less',
      run: async () => {
        if (hopTimes.length === 0) await run()
        return hopTimes.shift() ?? 0
      },
    },
  ]
}

/** Relays the blocks of one run between two fresh ends. @returns seconds of processor time */
async function relayed(): Promise<number> {
  const net = await RelayNet.open(FIBRES, {
    ...{ from: FROM, to: TO, ways: WAYS, blockOctets: BLOCK_KEYS * KEY_OCTETS },
    // Half of each block is for this end to give out.
    targetBits: (BLOCKS * BLOCK_KEYS * KEY_OCTETS * 8) / 2,
  })
  for (const fibre of FIBRES) {
    for (let block = 0; block < FIBRE_BLOCKS; block++) await net.grow(fibre)
  }
  const { relay } = net.site(FROM)
  const seconds = await cpuSeconds(async () => {
    relay.start()
    await net.time.advance(1000)
  })
  const [{ blocks, state, reason }] = relay.views()
  if (state !== 'full' || blocks !== BLOCKS) {
    throw new Error(`Relayed ${String(blocks)} blocks of ${String(BLOCKS)}: ${reason ?? state}`)
  }
  await net.stop()
  return seconds
}

const FROM = siteId('bristol')
const TO = siteId('ipswich')
const WAYS: readonly (readonly SiteId[])[] = [
  [FROM, 'swindon', 'reading', 'london', TO].map(siteId),
  [FROM, 'gloucester', 'oxford', 'cambridge', TO].map(siteId),
]
const HOPS = WAYS[0].length - 1
const FIBRES = WAYS.flatMap((way) => way.slice(1).map((site, at) => [way[at], site] as const))
const KEY_OCTETS = 32
const BLOCK_KEYS = 256
const BLOCKS = 16
/** Each holds three shares with their tags in the half of the sender. */
const FIBRE_BLOCKS = Math.ceil(BLOCKS / 3)
