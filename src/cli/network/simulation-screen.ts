/** What a simulated network was through, as a page. @module */

import type { NetworkSimulationView } from '#contract'
import { listing, scaled, style, table } from '../output.ts'

export function simulationScreen(view: NetworkSimulationView): string {
  const checks = Object.values(view.checks).reduce((sum, one) => sum + one, 0)
  const verdict =
    view.faults.length === 0
      ? style.green(`${whole(checks)} checks, and nothing that must not happen did`)
      : style.red(`${String(view.faults.length)} things happened that must not`)
  return [
    heading(view),
    listing([
      ...requestLines(view),
      ...blockLines(view),
      ...exposureLines(view),
      ['Went wrong', injectedText(view)],
    ]),
    table([
      ['CHECKED', 'TIMES'],
      ...Object.entries(view.checks).map(([what, times]) => [what, whole(times)]),
    ]),
    verdict,
    ...view.faults.map((fault) => style.red(`· ${fault}`)),
    ...MODELLED.map((line) => style.dim(line)),
  ].join('\n\n')
}

function heading(view: NetworkSimulationView): string {
  const { network, sites, links, pairs, seed, minutes, quietMinutes } = view
  const size = `${whole(sites)} sites, ${whole(links)} links, ${whole(pairs)} pairs, seed ${String(seed)}`
  const time = `${(minutes / 60).toFixed(1)} hours with faults, then ${String(quietMinutes)} minutes until all was at rest`
  return `${style.bold(network)}  ${size}\n${time}`
}

type Line = readonly [string, string]

function requestLines({ requests, keys }: NetworkSimulationView): readonly Line[] {
  const { asked, servedAtOnce, servedLater, refused, waitedMsMedian, waitedMsMax } = requests
  const wait = `half of these within ${seconds(waitedMsMedian)}, the last after ${seconds(waitedMsMax)}`
  return [
    ['Requests', `${whole(asked)}: ${whole(servedAtOnce)} served at once`],
    ['', `${whole(servedLater)} served later, ${wait}; ${whole(refused)} given up`],
    ['Keys', `${whole(keys.made)} made, ${whole(keys.fetched)} fetched, of 256 bits`],
    [
      'Relayed',
      `${whole(keys.relayedBlocks)} blocks, ${scaled(8 * keys.relayedOctets, 'bit')}; ${whole(keys.pads)} pads, ${whole(keys.sharesPassedOn)} shares passed on by nodes`,
    ],
    ['Routes', `${whole(keys.otherWays)} times another way than before`],
  ]
}

function blockLines({ blocks, octets, rateScale }: NetworkSimulationView): readonly Line[] {
  const { events, stored, whileFull, withoutLink, discardedForEve } = blocks
  const { grown, free, claimed, givenUp } = octets
  const share =
    rateScale < 1 ? `, of 1/${whole(Math.round(1 / rateScale))} of their devices’ length` : ''
  return [
    ['Blocks', `${whole(events)} due, one a minute and link${share}: ${whole(stored)} stored`],
    [
      '',
      `${whole(whileFull)} not needed (pool full), ${whole(withoutLink)} link down, ${whole(discardedForEve)} discarded`,
    ],
    [
      'Bits',
      `${bits(grown)} grown = ${bits(claimed)} used + ${bits(free)} left + ${bits(givenUp)} given up`,
    ],
  ]
}

function exposureLines({ exposure }: NetworkSimulationView): readonly Line[] {
  const by = Object.entries(exposure.octetsByCoalition).toSorted(
    ([a], [b]) => Number(a) - Number(b),
  )
  const parts = by.map(([nodes, octets]) => `${nodes}: ${bits(octets)}`)
  const worst = exposure.worst.map(({ site, octets }) => `${site} ${bits(octets)}`)
  if (by.length === 0) return [['Exposure', 'nothing was relayed']]
  return [
    ['Exposure', `nodes that must collude before only the wrap is left: ${parts.join(', ')}`],
    ['', `alone would have: ${worst.length === 0 ? 'nobody anything' : worst.join(', ')}`],
  ]
}

const injectedText = ({ injected }: NetworkSimulationView): string =>
  Object.entries(injected)
    .map(([what, times]) => `${what} ${whole(times)}×`)
    .join(', ')

const whole = (value: number): string => value.toLocaleString('en-GB')
const bits = (octets: number): string => scaled(8 * octets, 'bit')
const seconds = (ms: number): string => `${whole(Math.round(ms / 1000))} s`

const MODELLED = [
  'Real code: key stores, KMEs (ETSI GS QKD 014), relays, way finding, declarations, alarms; one SQLite in memory.\nModelled: optics and post-processing (blocks are as long as expected), authentication of links, sessions of wraps,\nadvertisements (all sites see one picture), audit logs, TLS.',
]
