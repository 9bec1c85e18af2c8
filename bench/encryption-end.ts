/**
 * Process of its own: prints the processor milliseconds that a chart costs, written, read and
 * searched. Whether anything is encrypted is up to whoever starts it: see `bench/null/hooks.ts`.
 *
 * @module
 */

import { parseSearch } from '#health'
import { epochMs } from '#base'
import { benchChart, loadCharts, makeVault } from './search.ts'

const WARM = 200
const CHARTS = 800

await using made = await makeVault()
const { vault } = made
// What comes first is slower: nothing is compiled yet.
await round(0, WARM)
const before = process.cpuUsage()
await round(WARM, WARM + CHARTS)
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ cpuMs: (user + system) / 1000 / CHARTS }))

async function round(from: number, upTo: number): Promise<void> {
  await loadCharts(vault, from, upTo)
  const asked = { actor: 'bench', act: 'open', judge: () => true } as const
  for (let number = from; number < upTo; number++) {
    for (const { resourceType, id } of benchChart(number)) {
      const name = { type: resourceType as string, id: id as string }
      if ((await vault.consult(name, asked)) === undefined) throw new Error('A resource is lost')
    }
    const parameters = new URLSearchParams(`subject=Patient/p${String(number)}&code=8302-2`)
    const query = parseSearch({ type: 'Observation', parameters, now: epochMs(0), bases: [] })
    const { total } = await vault.search(query, asked)
    if (total !== 1) throw new Error(`Expected one match, got ${String(total)}`)
  }
}
