/** Commands about the audit log. @module */

import type { Command } from 'commander'
import { siteRoutes, type FindingView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { EXIT } from '../exit.ts'
import { style } from '../output.ts'
import { entryView } from '../views.ts'
import type { Powers } from './setup.ts'
import { addTrailCommands } from './trail.ts'

export function addAuditCommands(program: Command, powers: Powers): void {
  const context = (): Context => newContext(program.opts())
  const audit = program
    .command('audit')
    .description('The tamper-evident log: look, verify, prove')
    .addHelpText('after', AUDIT_HELP)
  audit
    .command('tail')
    .description('Newest entries, or those after an index')
    .option('--after <index>', 'start after this entry')
    .option('--limit <count>', 'how many at most', '20')
    .action(async (options: { after?: string; limit: string }) => {
      const { out, site } = context()
      const after = options.after ?? (await newest(context(), Number(options.limit)))
      const entries = await site().call('entries', { after, limit: options.limit }, null)
      out.data(entries, (all) => all.map(entryView).join('\n'))
    })
  audit
    .command('verify')
    .description(siteRoutes.verify.summary)
    .option('--stopped', 'of a site whose daemon is not running')
    .option('--passphrase-file <file>', 'with --stopped: passphrase of the root key; - for stdin')
    .action(async (options: { stopped?: boolean; passphraseFile?: string }) => {
      const at = context()
      const { passphraseFile: file } = options
      const passphrase = file === undefined ? undefined : powers.readPassphrase(file)
      const findings =
        options.stopped === true
          ? powers.verifyStopped(at.folder(), passphrase)
          : at.site().stream('verify', {}, null)
      await verify(at, findings)
    })
  addTrailCommands(audit, powers, context)
}

async function newest({ site }: Context, limit: number): Promise<string> {
  const { logEntries } = await site().call('status', {}, null)
  return String(Math.max(-1, logEntries - limit - 1))
}

async function verify({ out }: Context, findings: AsyncIterable<FindingView>): Promise<void> {
  const progress = out.progress('verifying')
  const faults: { part: string; place: string; problem: string }[] = []
  let checked: Readonly<Record<string, number>> = {}
  for await (const finding of findings) {
    if (finding.kind === 'progress') progress.update(finding.done, finding.total, finding.part)
    if (finding.kind === 'done') checked = finding.checked
    if (finding.kind === 'fault') {
      const { part, place, problem } = finding
      faults.push({ part, place, problem })
    }
  }
  progress.done()
  out.data({ verified: faults.length === 0, checked, faults }, () => {
    const counts = Object.entries(checked).map(([part, count]) => `${String(count)} ${part}`)
    if (faults.length === 0) return `${style.green('verified')} ${counts.join(', ')}`
    const lines = faults.map(({ part, place, problem }) => `  ${part}  ${place}  ${problem}`)
    return [`${style.red('NOT VERIFIED')} ${String(faults.length)} faults`, ...lines].join('\n')
  })
  if (faults.length > 0) process.exitCode = EXIT.verificationFailed
}

const AUDIT_HELP = `
${style.bold('Examples')}
  photonward audit tail                   the newest twenty entries
  photonward audit verify                 recompute the tree, check all signatures, records and keys
  photonward audit verify --stopped       the same for a folder whose daemon is not running
  photonward audit access-report --patient <id>    who looked at a patient
  photonward audit disclosures --patient <id>      what of a patient left the site
  photonward audit prove 17 > proof.json  a proof of entry 17 and of its event
  photonward audit verify-proof proof.json --keys keys.txt   check it, without any site
Exit status 5 means that something does not verify; it is named.
`
