/** Commands about broken glass: what waits for a review, and what a second person found. @module */

import type { Command } from 'commander'
import { siteRoutes, type AccessView, type GlassView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { credentialsFrom, type CredentialFlags } from '../credentials.ts'
import { CliRefusal } from '../exit.ts'
import { dateTime, listing, table } from '../output.ts'
import type { Powers } from './setup.ts'
import { accessesView } from './trail.ts'

export function addBreakGlassCommands(
  program: Command,
  powers: Pick<Powers, 'readPassphrase'>,
): void {
  const context = (): Context => newContext(program.opts())
  const glass = program
    .command('break-glass')
    .description('Records that were read in an emergency: what waits for a review')
  glass
    .command('list')
    .description(siteRoutes.glasses.summary)
    .option('--all', 'those that were reviewed as well')
    .action(async ({ all = false }: { all?: boolean }) => {
      const at = context()
      at.out.data(await glassesOf(at, all), glassesView)
    })
  glass
    .command('show <grant>')
    .description(siteRoutes.glass.summary)
    .action(async (grant: string) => {
      const { out, site } = context()
      out.data(await site().call('glass', { grant }, null), glassView)
    })
  glass
    .command('close <grant>')
    .description(siteRoutes.closeGlass.summary)
    .action(async (grant: string) => {
      const { out, site } = context()
      out.data(await site().call('closeGlass', { grant }, {}), (one) => glassesView([one]))
    })
  addReview(glass, powers, context)
}

interface ReviewFlags extends CredentialFlags {
  readonly finding: string
  readonly note: string
}

function addReview(
  glass: Command,
  powers: Pick<Powers, 'readPassphrase'>,
  context: () => Context,
): void {
  glass
    .command('review <grant>')
    .description(siteRoutes.reviewGlass.summary)
    .requiredOption('--finding <finding>', 'justified, or misuse')
    .requiredOption('--note <text>', 'what was found, in own words; it is kept sealed')
    .requiredOption('--as <login>', 'who reviews: a privacy officer, not who broke the glass')
    .option('--password-file <file>', 'with the password; - for stdin')
    .option('--code <code>', 'of the authenticator app')
    .action(async (grant: string, flags: ReviewFlags) => {
      const at = context()
      const { finding, note } = flags
      if (finding !== 'justified' && finding !== 'misuse') {
        throw new CliRefusal('ARGUMENT_INVALID', 'Expected --finding justified or --finding misuse')
      }
      const as = await credentialsFrom(powers, at, flags)
      const reviewed = await at.site().call('reviewGlass', { grant }, { finding, note, as })
      at.out.data(reviewed, (one) => glassesView([one]))
    })
}

async function glassesOf({ site }: Context, isAll: boolean): Promise<readonly GlassView[]> {
  if (!isAll) return (await site().call('glasses', {}, null)).glasses
  const found: GlassView[] = []
  for (let after: string | undefined; ;) {
    const page = { which: 'all', limit: '500', ...(after !== undefined && { after }) } as const
    const { glasses, next } = await site().call('glasses', page, null)
    found.push(...glasses)
    if (next === null) return found
    after = next
  }
}

function glassesView(glasses: readonly GlassView[]): string {
  if (glasses.length === 0) return 'No broken glass waits for a review'
  const rows = glasses.map((one) => [
    ...[one.grant, one.review?.finding ?? one.state, one.by.name ?? one.by.person],
    ...[one.patient, one.reason, dateTime(one.openedAt), dateTime(one.reviewDueAt)],
  ])
  return table([['GRANT', 'STATE', 'WHO', 'PATIENT', 'REASON', 'OPENED', 'REVIEW UNTIL'], ...rows])
}

function glassView({
  glass: one,
  accesses,
}: {
  readonly glass: GlassView
  readonly accesses: readonly AccessView[]
}): string {
  const { review } = one
  const facts = listing([
    ['grant', one.grant],
    ['state', one.state],
    ['who', `${one.by.name ?? 'unknown'} (${one.by.person})`],
    ['patient', one.patient],
    ['reason', one.reason],
    ['in own words', one.text],
    ['opened', dateTime(one.openedAt)],
    ['ended', dateTime(one.closedAt ?? one.expiresAt)],
    ['review until', dateTime(one.reviewDueAt)],
    ...(review === null
      ? []
      : ([
          ['found', review.finding],
          ['by', `${review.by.name ?? 'unknown'} (${review.by.person}), ${dateTime(review.at)}`],
          ['note', review.note],
        ] as const)),
  ])
  return `${facts}\n\n${accessesView(accesses, 'Nothing was looked at under it')}`
}
