/** Commands about who may: one decision explained, and what policies permit at all. @module */

import { globSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import {
  siteRoutes,
  type AccessExplanation,
  type AccessQuestion,
  type AnswerOf,
  type GridCell,
  type SiteRoutes,
} from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { readText } from '../files.ts'
import { dateTime, listing, style, table } from '../output.ts'

export function addAccessCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const access = program
    .command('access')
    .description('Who may: one decision explained, and what policies permit at all')
  access
    .command('explain')
    .description(siteRoutes.explainAccess.summary)
    .option('--person <person>', 'somebody, by login or id')
    .option('--client <client>', 'a client of the configuration, by name')
    .option('--patient <id>', 'whose record: the id that FHIR uses')
    .option('--resource <name>', 'which resource: Type/id; the patient’s own unless said')
    .option(
      '--purpose <code>',
      'for what: TREAT, HPAYMT, BTG …; the usual one of the role unless said',
    )
    .option('--act <act>', 'read, history, search, create, update, delete, export, unmask', 'read')
    .option('--second-factor', 'as if a second factor had just been shown')
    .action(async (flags: AccessQuestion) => {
      const { out, site } = context()
      out.data(await site().call('explainAccess', {}, flags), explanationView)
    })
  access
    .command('grid')
    .description('What the policies of the site permit each role, or what others would')
    .option('--role <role>', 'one role only')
    .option('--diff <folder>', 'what the .cedar files in this folder would permit otherwise')
    .action(async ({ role, diff }: { role?: string; diff?: string }) => {
      const { out, site } = context()
      const query = role === undefined ? {} : { role }
      if (diff === undefined) {
        const grid = await site().call('accessGrid', query, null)
        out.data(grid, ({ cells }) => gridView(cells))
        return
      }
      const answer = await site().call('accessGridDiff', query, { policies: policiesIn(diff) })
      out.data(answer, diffView)
    })
}

function policiesIn(folder: string): string[] {
  const names = globSync('*.cedar', { cwd: folder }).toSorted()
  if (names.length > 0) return names.map((name) => readText(join(folder, name)))
  throw new CliRefusal('ARGUMENT_INVALID', 'Expected a folder with .cedar files')
}

function explanationView(one: AccessExplanation): string {
  const verdict = one.permitted ? style.green('permitted') : style.red('denied')
  const { thing } = one
  const labels = [thing.confidentiality, ...thing.sensitivity, ...(thing.vip ? ['VIP'] : [])]
  const facts = listing([
    ['who', `${one.who.id} (${one.who.roles.join(', ') || 'no role'})`],
    ['would', `${one.act} ${one.resource} for ${one.purpose}`],
    ['which is', thing.class],
    ['labels', labels.join(' ')],
    ['ties', one.ties.map(tieText).join('; ') || 'none'],
    ['directives', one.directives.join(', ') || 'none'],
    ['broken glass', one.grant ?? 'none'],
  ])
  const steps = one.steps.map(({ step, passed, rules, words }) => [
    ...[passed ? 'good' : 'BAD', step, words, rules.join(' ')],
  ])
  const obliged = one.obligations.map((text) => `and ${text}`)
  return [
    `${verdict} by ${one.rule}`,
    ...[facts, '', table([['', 'STEP', '', 'BY'], ...steps]), ...obliged],
  ].join('\n')
}

const tieText = ({ kind, with: to, until }: AccessExplanation['ties'][number]): string =>
  `${kind} by ${to}${until === null ? '' : ` until ${dateTime(until)}`}`

function gridView(cells: readonly GridCell[]): string {
  if (cells.length === 0) return 'Nothing is permitted, or there is no such role'
  const rows = cells.map((one) => [one.role, one.class, one.purpose, one.action, one.needs])
  return table([['ROLE', 'CLASS', 'FOR', 'MAY', 'WITH'], ...rows])
}

function diffView({ lines, breaches }: AnswerOf<SiteRoutes['accessGridDiff']>): string {
  const changed = lines.length === 0 ? ['Nothing is permitted otherwise'] : lines
  const broken = breaches.map((text) => `${style.red('DOES NOT HOLD')}  ${text}`)
  return [...changed, ...broken].join('\n')
}
