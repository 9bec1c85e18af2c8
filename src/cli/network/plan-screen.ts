/** A plan of a network as a page of tables. @module */

import type { Extension, NetworkPlanView, PlannedExposure, PlannedPair } from '#contract'
import { percent, scaled, style, table } from '../output.ts'

export function planScreen(plan: NetworkPlanView): string {
  const lost = plan.pairsLost.map((pair) => style.red(`${pair}: one of its ends is left out`))
  return [
    style.bold(plan.title),
    linksTable(plan),
    pairsTable(plan),
    ...lost,
    sitesTable(plan),
    extensionsView(plan.extensions),
    NOTES,
    ...plan.remarks.map((remark) => style.dim(`· ${remark}`)),
  ].join('\n\n')
}

function linksTable({ links }: NetworkPlanView): string {
  const rows = links.map((one) => {
    const { link, medium, lengthKm, lossDb, qber, secretBitsPerSecond, usedBitsPerSecond } = one
    const share = secretBitsPerSecond > 0 ? usedBitsPerSecond / secretBitsPerSecond : 0
    const used = `${(100 * share).toFixed(0)} %`
    const published = one.publishedBitsPerSecond
    return [
      link,
      `${lengthKm.toFixed(1)} km ${medium}`,
      `${lossDb.toFixed(1)} dB`,
      percent(qber),
      scaled(secretBitsPerSecond, 'b/s'),
      share > 0.999 ? style.yellow(`${used} bottleneck`) : used,
      published === null ? '' : style.dim(`published ${scaled(published, 'b/s')}`),
    ]
  })
  return table([['LINK', 'LENGTH', 'LOSS', 'QBER', 'SECRET', 'USED', ''], ...rows])
}

function pairsTable({ pairs }: NetworkPlanView): string {
  const rows = pairs.map((pair) => [
    `${pair.a} ↔ ${pair.b}`,
    scaled(pair.secretBitsPerSecond, 'b/s'),
    pair.keysPerHour.toLocaleString('en-GB'),
    pair.bottleneck ?? '–',
    waysText(pair),
  ])
  return table([['PAIR', 'RATE', 'AES-256/H', 'KEPT BY', 'WAYS'], ...rows])
}

function waysText({ ways, shares, cut, coalition }: PlannedPair): string {
  if (ways.length === 0)
    return style.red(`none${cut.length > 0 ? `: cut at ${cut.join(', ')}` : ''}`)
  if (coalition === null) return 'a link of their own'
  const routes = ways.map((way) => `over ${way.slice(1, -1).join(', ')}`).join(' | ')
  if (ways.length >= shares) return routes
  const missing = `${String(ways.length)} of ${String(shares)} ways`
  return `${routes} ${style.yellow(`(${missing}: all pass ${cut.join(', ')})`)}`
}

function sitesTable({ nodes, exposure }: NetworkPlanView): string {
  const rows = nodes.map(({ site, kind, keysPerHour }) => {
    const learnt = exposure.find((one) => one.site === site)
    return [
      site,
      kind,
      keysPerHour === 0 ? '–' : keysPerHour.toLocaleString('en-GB'),
      learnt === undefined ? '' : learntText(learnt),
    ]
  })
  return table([['SITE', 'KIND', 'AES-256/H', 'IF COMPROMISED ALONE'], ...rows])
}

function learntText({ own, wrapped, shares, nothing }: PlannedExposure): string {
  const parts = [
    ...(own > 0 ? [`own keys of ${String(own)}`] : []),
    ...(wrapped.length > 0
      ? [style.yellow(`all but the wrap of ${String(wrapped.length)}: ${wrapped.join(', ')}`)]
      : []),
    ...(shares.length > 0 ? [`a share that says nothing of ${String(shares.length)}`] : []),
    ...(nothing > 0 ? [style.dim(`nothing of ${String(nothing)}`)] : []),
  ]
  return parts.join('; ')
}

function extensionsView(extensions: readonly Extension[]): string {
  if (extensions.length === 0) {
    return 'No single fibre, and no node on a bottleneck, brings a way or the least pair 1 % more.'
  }
  const rows = extensions.map(({ kind, what, lengthKm, waysGained, least, total }) => [
    kind === 'fibre' ? `fibre ${what}` : `node half-way on ${what}`,
    `${lengthKm.toFixed(1)} km`,
    waysGained === 0 ? '' : `${waysGained > 0 ? '+' : ''}${String(waysGained)} ways`,
    `${scaled(least.before, 'b/s')} → ${scaled(least.after, 'b/s')}`,
    `${scaled(total.before, 'b/s')} → ${scaled(total.after, 'b/s')}`,
  ])
  return table([['ONE MORE', 'LENGTH', 'WAYS', 'LEAST PAIR', 'ALL PAIRS'], ...rows])
}

const NOTES = [
  'Rates of links: the average block, by the models of `link explain`, less what each block sets aside.',
  'Ways: fewest hops without a common site, as sites choose while pools are full. Rates of pairs: max-min',
  'fair over them; each share takes its whole length, and 48 octets a block, from every link it crosses.',
  'A compromised site that holds every share has only the post-quantum wrap before it.',
]
  .map((line) => style.dim(line))
  .join('\n')
