/**
 * A day of a country of 1,000 sites and 3,000 links in simulated time, with faults: a block event of
 * every link each minute, 100,000 requests of applications, real key stores, KMEs and relays.
 *
 * One run takes minutes, so there is one, and each row is a figure of it. It throws if anything
 * happened that must not, and says what.
 *
 * @module
 */

import type { NetworkSimulationView } from '#contract'
import { simulateThis } from '../study/network/mod.ts'
import { cpuSeconds, wallSeconds, type Benchmark, type Group } from './bench.ts'

interface Day {
  readonly view: NetworkSimulationView
  /** Processor time of all threads. */
  readonly cpuSeconds: number
  readonly wallSeconds: number
}

export const group: Group = {
  name: 'day',
  open: () => {
    let day: Promise<Day> | undefined
    return Promise.resolve({ list: rowsOf(() => (day ??= oneDay())) })
  },
}

async function oneDay(): Promise<Day> {
  let view: NetworkSimulationView | undefined
  let wall = 0
  const cpu = await cpuSeconds(async () => {
    wall = await wallSeconds(async () => {
      const about = { seed: 1, days: 1, requests: REQUESTS, told: () => undefined }
      view = await simulateThis({ sites: 1000, links: 3000 }, about)
    })
  })
  if (view === undefined) throw new Error('Expected a day to have an outcome')
  if (view.faults.length > 0) throw new Error(`The network is not sound: ${view.faults.join('; ')}`)
  return { view, cpuSeconds: cpu, wallSeconds: wall }
}

function rowsOf(day: () => Promise<Day>): readonly Benchmark[] {
  const figure = (
    [name, claim, unit]: readonly [string, string, string],
    of: (day: Day) => number,
    bar: number | null = null,
  ): Benchmark => ({
    ...{ name: `day.${name}`, claim, unit, bar, better: 'less', runs: 1 },
    run: async () => of(await day()),
  })
  return [
    figure(
      ['cpu', '1,000 sites, 3,000 links, a day with faults', 's of one core'],
      (one) => one.cpuSeconds,
      600,
    ),
    figure(['wall', '… on the wall', 's'], (one) => one.wallSeconds),
    figure(
      ['rest', '… of which to come to rest, simulated', 'min'],
      ({ view }) => view.quietMinutes,
    ),
    figure(['events', '… block events', 'blocks'], ({ view }) => view.blocks.events),
    figure(['stored', '… blocks stored at both ends', 'blocks'], ({ view }) => view.blocks.stored),
    figure(['relayed', '… blocks relayed', 'blocks'], ({ view }) => view.keys.relayedBlocks),
    figure(
      ['keys', '… keys fetched by both applications', 'keys'],
      ({ view }) => view.keys.fetched,
    ),
    figure(['refused', '… requests refused in the end', 'requests'], ({ view }) => {
      return view.requests.refused
    }),
    figure(['checks', '… checks of invariants, all held', 'checks'], ({ view }) => {
      return Object.values(view.checks).reduce((sum, one) => sum + one, 0)
    }),
  ]
}

const REQUESTS = 100_000
