/**
 * A day of a country of 1,000 sites and 3,000 links in simulated time, with faults: blocks of every
 * link each minute, 100,000 requests of applications, real key stores, KMEs and relays.
 *
 * One run takes minutes, so there is one. It throws if anything happened that must not.
 *
 * @module
 */

import { simulateThis } from '../study/network/mod.ts'
import { cpuSeconds, type Benchmark } from './bench.ts'

export const simulatedDay = (): readonly Benchmark[] => [
  {
    name: 'keys.network',
    claim: '1,000 sites, 3,000 links, a day with faults',
    unit: 's of one core',
    bar: 600,
    better: 'less',
    runs: 1,
    run: () =>
      cpuSeconds(async () => {
        const country = { sites: 1000, links: 3000 }
        const about = { seed: 1, days: 1, requests: 100_000, told: () => undefined }
        const { faults } = await simulateThis(country, about)
        if (faults.length > 0) throw new Error(`The network is not sound: ${faults.join('; ')}`)
      }),
  },
]
