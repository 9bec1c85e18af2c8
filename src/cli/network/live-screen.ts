/** A running network as a few lines that move: links, pairs, what is wrong. @module */

import { percent, scaled, style, table } from '../output.ts'
import { stateWord } from '../views.ts'
import type { LinkSample, NetworkSample, PairSample } from './sample.ts'

/** All of it, line by line. */
export function liveLines(sample: NetworkSample): readonly string[] {
  const { sites, links, pairs, alarms } = sample
  const silent = sites.filter(({ answers }) => !answers).map(({ site }) => site)
  const counted = `${String(sites.length - silent.length)} of ${String(sites.length)} sites answer`
  const missing = silent.length === 0 ? '' : style.red(`  not: ${silent.join(', ')}`)
  const grave = alarms.filter(({ alarm }) => alarm.severity !== 'notice').slice(0, ALARMS_SHOWN)
  return [
    `${style.bold(sample.network)}  ${counted}${missing}`,
    ...linesOf(['LINK', 'STATE', 'QBER', 'SECRET', 'POOL', ''], links.map(linkRow)),
    ...linesOf(['PAIR', 'STATE', 'KEYS', 'BLOCKS', 'WAYS'], pairs.map(pairRow)),
    ...grave.map(({ site, alarm }) => {
      const paint = alarm.severity === 'critical' ? style.red : style.yellow
      return paint(`${site}: ${alarm.kind} ${alarm.subject}: ${alarm.message}`)
    }),
  ]
}

const linesOf = (heading: readonly string[], rows: readonly (readonly string[])[]) =>
  table([heading, ...rows]).split('\n')

function linkRow(sample: LinkSample): readonly string[] {
  const { link, state, qber, secretBitsPerSecond, availableBits, attack } = sample
  return [
    link,
    state === null ? style.dim('silent') : stateWord(state),
    percent(qber),
    scaled(Math.round(secretBitsPerSecond), 'b/s'),
    scaled(availableBits, 'bit'),
    attack === 'none' ? '' : style.red(attack),
  ]
}

function pairRow({ a, b, state, reason, keys, blocks, ways }: PairSample): readonly string[] {
  const words = {
    direct: style.dim('own link'),
    full: style.green('full'),
    relaying: style.green('relaying'),
    opening: style.yellow('opening'),
    waiting: style.yellow(`waiting${reason === null ? '' : `: ${REASONS[reason] ?? reason}`}`),
  }
  return [
    `${a} ↔ ${b}`,
    state === null ? style.red('silent') : words[state],
    String(keys),
    state === 'direct' ? '' : String(blocks),
    state === 'direct' ? '' : ways.map((way) => way.slice(1, -1).join(' › ')).join(' | '),
  ]
}

/** In words, what is ordinary; the rest by its code. */
const REASONS: Readonly<Partial<Record<string, string>>> = {
  RELAY_NO_WAY: 'no way with enough keys',
}
const ALARMS_SHOWN = 6
