/** Commands about who looked at whom, and about proofs. @module */

import type { Command } from 'commander'
import {
  checkProof,
  PROOF_CHARACTERS_MAX,
  siteRoutes,
  type AccessView,
  type ProofCheck,
} from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal, EXIT } from '../exit.ts'
import { readFile } from '../files.ts'
import { dateTime, style, table } from '../output.ts'
import type { Powers } from './setup.ts'

interface ReportFlags {
  readonly patient: string
  readonly since?: string
  readonly until?: string
  readonly all?: boolean
}

export function addTrailCommands(audit: Command, powers: Powers, context: () => Context): void {
  addReports(audit, context)
  addProofs(audit, powers, context)
}

function addReports(audit: Command, context: () => Context): void {
  audit
    .command('access-report')
    .description('Who looked at a patient, and who tried: newest first')
    .requiredOption('--patient <id>', 'the patient, as record list names it')
    .option('--since <date>', 'not before this day or time (ISO 8601, UTC)')
    .option('--until <date>', 'not after it')
    .action(async (flags: ReportFlags) => {
      const at = context()
      at.out.data(await accessesOf(at, flags), (accesses) => accessesView(accesses))
    })
  audit
    .command('disclosures')
    .description('Accounting of disclosures of a patient: what left this site (45 CFR 164.528)')
    .requiredOption('--patient <id>', 'the patient, as record list names it')
    .option('--since <date>', 'not before this day or time; six years ago unless said')
    .option('--until <date>', 'not after it')
    .option('--all', 'also what need not be accounted for, with the reason')
    .action(async (flags: ReportFlags) => {
      const at = context()
      const since = flags.since ?? new Date(Date.now() - SIX_YEARS_MS).toISOString()
      const accesses = await accessesOf(at, { ...flags, since })
      const left = accesses.filter(({ disclosure, counts }) =>
        flags.all === true ? disclosure : counts,
      )
      at.out.data(left, disclosuresView)
    })
}

function addProofs(audit: Command, powers: Powers, context: () => Context): void {
  audit
    .command('prove <index>')
    .description(siteRoutes.eventProof.summary)
    .option('--keep-patient-back', 'prove that it happened, when and by whom, and not to whom')
    .option('--receipt', 'only the entry and its path, in the form of C2SP tlog-proof')
    .action(async (index: string, flags: { keepPatientBack?: boolean; receipt?: boolean }) => {
      const { out, site } = context()
      if (flags.receipt === true) {
        out.data(await site().call('receipt', { index }, null), ({ receipt }) => receipt)
        return
      }
      const kept = flags.keepPatientBack === true ? ({ patient: 'kept-back' } as const) : {}
      const answer = await site().call('eventProof', { index, ...kept }, null)
      out.data(answer, ({ proof }) => proof.trimEnd())
    })
  audit
    .command('keys')
    .description(siteRoutes.proofKeys.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('proofKeys', {}, null), ({ keys }) => keys.join('\n'))
    })
  audit
    .command('verify-proof <file>')
    .description('Check a proof; needs no site and no network')
    .option('--keys <file>', 'believe only these keys, one a line, as audit keys prints them')
    .option('--witnesses <count>', 'how many witnesses must have cosigned', '1')
    .action(async (file: string, flags: { keys?: string; witnesses: string }) => {
      const { out } = newContext(audit.parent?.opts() ?? {})
      const { keys, witnesses } = flags
      if (!/^\d{1,2}$/.test(witnesses)) {
        throw new CliRefusal('ARGUMENT_INVALID', 'Expected --witnesses to be a number')
      }
      const check = await checkProof(textIn(file), await powers.proofPowers(), {
        witnessesLeast: Number(witnesses),
        ...(keys !== undefined && { keys: textIn(keys).split('\n').filter(Boolean) }),
      })
      out.data(plain(check), () => checkView(check))
      if (!check.verified) process.exitCode = EXIT.verificationFailed
    })
}

async function accessesOf(
  { site }: Context,
  { patient, since, until }: ReportFlags,
): Promise<readonly AccessView[]> {
  const range = {
    patient,
    ...(since !== undefined && { since: timeOf(since) }),
    ...(until !== undefined && { until: timeOf(until) }),
    limit: '500',
  }
  const all: AccessView[] = []
  for (let before: string | undefined; ;) {
    const query = { ...range, ...(before !== undefined && { before }) }
    const { accesses, next } = await site().call('accesses', query, null)
    all.push(...accesses)
    if (next === null) break
    before = String(next)
  }
  return all
}

function timeOf(text: string): string {
  const time = Date.parse(text)
  if (!Number.isNaN(time)) return String(time)
  throw new CliRefusal(
    'ARGUMENT_INVALID',
    'Expected a date such as 2026-11-21 or 2026-11-21T08:00Z',
  )
}

function textIn(file: string): string {
  const octets = readFile(file)
  if (octets.length <= PROOF_CHARACTERS_MAX) return new TextDecoder().decode(octets)
  const message = `Expected a file of at most ${String(PROOF_CHARACTERS_MAX)} octets`
  throw new CliRefusal('ARGUMENT_INVALID', message)
}

/** @param none   what is said where there are none */
export function accessesView(
  accesses: readonly AccessView[],
  none = 'Nobody, as far as the log goes back',
): string {
  if (accesses.length === 0) return none
  const rows = accesses.map((one) => [
    ...[String(one.index), dateTime(one.at), one.person ?? one.client ?? one.actor],
    ...[one.roles.join(' '), one.purpose.join(' '), one.act],
    ...[one.outcome === 'done' ? '' : (one.reason ?? one.outcome), one.data.join(' ')],
  ])
  return table([['ENTRY', 'WHEN', 'WHO', 'ROLES', 'FOR', 'DID', 'NOT', 'WHAT'], ...rows])
}

function disclosuresView(accesses: readonly AccessView[]): string {
  if (accesses.length === 0) return 'Nothing that has to be accounted for'
  const rows = accesses.map(({ index, at, peer, client, actor, counts, why }) => [
    ...[String(index), dateTime(at), peer ?? client ?? actor, counts ? 'yes' : 'no', why],
  ])
  return table([['ENTRY', 'WHEN', 'TO', 'COUNTS', 'WHY'], ...rows])
}

/** A check without octets, for JSON. */
const plain = ({ entry, ...check }: ProofCheck) => ({
  ...check,
  entry: entry && { ...entry, commitment: entry.commitment?.toHex() },
})

function checkView({ verified, findings, unchecked, event }: ProofCheck): string {
  const lines = findings.map(({ step, good, text }) => {
    return `${good ? style.green('good') : style.red('BAD ')}  ${step.padEnd(10)}  ${text}`
  })
  const head = verified ? style.green('verified') : style.red('NOT VERIFIED')
  const rest = unchecked.map((who) => `checked by one of two signatures only: ${who}`)
  const shown = event === undefined ? [] : [JSON.stringify(event, undefined, 2)]
  return [head, ...lines, ...rest, ...shown].join('\n')
}

const SIX_YEARS_MS = 2192 * 86_400_000
