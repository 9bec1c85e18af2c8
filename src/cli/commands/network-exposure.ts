/**
 * Added to the nouns `network` and `key`, which stand before:
 * `photonward network compromise`, `network pardon`, `network status`, and `key show`: what declared
 * nodes know, and how keys came.
 *
 * @module
 */

import type { Command } from 'commander'
import { assert } from '#base'
import {
  siteRoutes,
  type DeclarationView,
  type ExposureView,
  type KeyOriginView,
  type NetworkView,
} from '#contract'
import { confirmByName } from '../ask.ts'
import { newContext, type Context } from '../context.ts'
import { dateTime, listing, percent, scaled, style, table } from '../output.ts'
import { standingWord, waysText } from '../views.ts'

interface CompromiseFlags {
  readonly breaksWrap?: boolean
  readonly dryRun?: boolean
  readonly cutLast?: boolean
}

export function addExposureCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const network = commandOf(program, 'network')
  network
    .command('status')
    .description(siteRoutes.network.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('network', {}, null), networkView)
    })
  network
    .command('compromise <nodes...>')
    .description(siteRoutes.compromise.summary)
    .option('--breaks-wrap', 'suppose that they break ML-KEM-1024 and X25519 as well')
    .option('--dry-run', 'only compute what they know; declare nothing')
    .option('--cut-last', 'keep them out even where they lie on the last way to a hospital')
    .addHelpText('after', COMPROMISE_HELP)
    .action(async (nodes: string[], flags: CompromiseFlags) => {
      const { out, site } = context()
      if (flags.dryRun !== true) {
        await confirmByName(program.opts(), { what: LOSS, name: nodes.join(' ') })
      }
      out.data(await site().call('compromise', {}, { nodes, ...flags }), exposureView)
      if (flags.dryRun !== true) out.say(OTHERS)
    })
  network
    .command('pardon <nodes...>')
    .description(siteRoutes.pardon.summary)
    .action(async (nodes: string[]) => {
      const { out, site } = context()
      out.data(await site().call('pardon', {}, { nodes }), ({ standing }) =>
        declarationsText(standing),
      )
    })
  commandOf(program, 'key')
    .command('show <key-id>')
    .description(siteRoutes.keyOrigin.summary)
    .action(async (id: string) => {
      const { out, site } = context()
      out.data(await site().call('keyOrigin', { key: id }, null), keyOriginText)
    })
}

function commandOf(program: Command, name: string): Command {
  const found = program.commands.find((one) => one.name() === name)
  assert(found !== undefined, 'commands of a noun are added after the noun')
  return found
}

/** What declared nodes know, and what was done. */
export function exposureView(report: ExposureView): string {
  const { sessionKeys, transfers, items, given, pools } = report
  const sum = (of: 'nothing' | 'shares' | 'wrapped' | 'key'): number =>
    pools.reduce((total, { octets }) => total + octets[of], 0)
  const head = listing([
    ['compromised', report.compromised.join(', ')],
    ['they break', report.breaksWrap ? 'ML-KEM-1024 and X25519 too' : 'no cryptography'],
    ['declared', report.declared ? style.red('yes') : 'no, a trial'],
    ['cut off', report.isolated.length === 0 ? 'nobody' : style.red(report.isolated.join(', '))],
    ['discarded', `${String(report.discardedBlocks)} blocks of key`],
    ['waiting', report.waitingLinks.join(', ') || 'no link'],
  ])
  const rows = EXPOSURE_ROWS.map(([name, meaning]) => [
    name,
    scaled(sum(name) * 8, 'bit'),
    scaled(given[name] * 8, 'bit'),
    String(sessionKeys.counts[name]),
    meaning,
  ])
  const keys = table([
    ['THEY KNOW', 'IN POOLS', 'GIVEN OUT', 'OF SESSIONS', 'WHICH MEANS'],
    ...rows,
  ])
  const sent = transfers.named.map((one) => [
    one.transfer,
    one.direction === 'out' ? `→ ${one.peer}` : `← ${one.peer}`,
    one.patient ?? '–',
    standingWord(one.standing),
  ])
  const held = items.named.map((one) => [
    `${one.object} v${String(one.version)}`,
    one.origin,
    standingWord(one.standing),
  ])
  return [
    head,
    keys,
    `${String(transfers.affected)} transfers rest on less than they did`,
    ...(sent.length === 0 ? [] : [table([['TRANSFER', 'PEER', 'PATIENT', 'RESTS ON'], ...sent])]),
    `${String(items.affected)} versions that came here do; of ${String(items.unknown)} some way is not known here`,
    ...(held.length === 0 ? [] : [table([['VERSION', 'SEALED BY', 'RESTS ON'], ...held])]),
    LASTING,
  ].join('\n\n')
}

export function keyOriginText(key: KeyOriginView): string {
  const parts = key.parts.map((part) => {
    const by = part.shares.length === 0 ? `link ${part.link}` : waysText(part.shares)
    const who = part.coalition.length === 0 ? '' : `; all shares: ${part.coalition.join(' and ')}`
    return `${part.from} → ${part.to}, ${String(part.octets)} octets, ${by}${who}`
  })
  return listing([
    ['key_ID', style.bold(key.keyId)],
    ['used', dateTime(key.at)],
    ['source', `${key.source}, ε ${key.epsilon.toExponential(1)}`],
    ['in clear at', key.seenBy.join(', ')],
    ['came', parts.join('\n          ')],
    ['declared know', EXPOSURE_ROWS.find(([name]) => name === key.exposure)?.[1] ?? key.exposure],
  ])
}

function networkView({ site, declared, isolated, pairs, links }: NetworkView): string {
  const head = listing([
    ['site', style.bold(site)],
    ['declared', declarationsText(declared)],
    ['cut off', isolated.length === 0 ? 'nobody' : style.red(isolated.join(', '))],
  ])
  const pairRows = pairs.map((pair) => [
    pair.peer,
    pair.reason === null ? pair.state : `${pair.state} (${pair.reason})`,
    scaled(pair.availableBits, 'bit'),
    pair.ways.map((way) => way.join('–')).join(' and '),
  ])
  const linkRows = links.map((link) => [
    link.link,
    `${link.a}–${link.b}`,
    link.suspect ? style.red(`${link.status}, suspect`) : link.status,
    scaled(link.secretBitsPerSecond, 'b/s'),
    percent(link.qber),
  ])
  return [
    head,
    table([['PAIR WITH', 'STATE', 'AVAILABLE', 'WAYS OF THE LAST BLOCK'], ...pairRows]),
    table([['LINK', 'JOINS', 'STATE', 'SECRET', 'QBER'], ...linkRows]),
  ].join('\n\n')
}

function declarationsText(some: readonly DeclarationView[]): string {
  if (some.length === 0) return 'no node'
  return some
    .map(({ node, at, cut }) => `${node} since ${dateTime(at)}${cut ? '' : ', used as a last way'}`)
    .join(', ')
}

const EXPOSURE_ROWS = [
  ['nothing', 'the key is as good as it was'],
  ['shares', 'some shares of several: the same'],
  ['wrapped', 'all shares: the key rests on its post-quantum wrap'],
  ['key', 'the key itself: a session rests on ML-KEM-1024 and X25519'],
] as const

const LOSS = 'Keys that these nodes could know are discarded'
const OTHERS =
  'Each site decides for itself: tell the operators of the other sites. photonward network pardon ends a declaration.'
const LASTING =
  'What was sent stays as weak as its weakest transmission. The next version of a record is sealed under a data key of its own.'
const COMPROMISE_HELP = `
A node is a site of the network, or another party that a key names (photonward key show).
Without --cut-last nothing happens if a hospital would be cut off, unless lastPath is "use".
`
