/** Commands about how a record ends: hold, release, erase. @module */

import type { Command } from 'commander'
import {
  siteRoutes,
  type ErasureCauseName,
  type ErasureView,
  type HoldCauseName,
  type HoldView,
} from '#contract'
import { confirmByName } from '../ask.ts'
import { newContext, type Context } from '../context.ts'
import { CliRefusal } from '../exit.ts'
import { dateTime, listing, style, table } from '../output.ts'

export function addPatientCommands(program: Command): void {
  const context = (): Context => newContext(program.opts())
  const patient = program
    .command('patient')
    .description('Patients: legal hold, and erasure for good')
    .addHelpText('after', PATIENT_HELP)
  addHold(patient, context)
  patient
    .command('erase <patient>')
    .description(siteRoutes.erase.summary)
    .requiredOption('--cause <cause>', 'wish (of the person), term (is over), court, error')
    .action(async (id: string, { cause }: { cause: string }) => {
      const { out, site } = context()
      const named = causeAmong(ERASURE_CAUSES, cause)
      await confirmByName(program.opts(), { what: LOSS, name: id })
      out.data(await site().call('erase', { patient: id }, { cause: named }), erasureView)
    })
  patient
    .command('erasure <patient>')
    .description(siteRoutes.erasure.summary)
    .action(async (id: string) => {
      const { out, site } = context()
      out.data(await site().call('erasure', { patient: id }, null), erasureView)
    })
}

function addHold(patient: Command, context: () => Context): void {
  patient
    .command('hold <patient>')
    .description('Put a legal hold on a patient: nothing of the record is erased or removed')
    .requiredOption('--cause <cause>', 'court, claim, study, other')
    .action(async (id: string, { cause }: { cause: string }) => {
      const { out, site } = context()
      const body = { cause: causeAmong(HOLD_CAUSES, cause) }
      out.data(await site().call('hold', { patient: id }, body), holdView)
    })
  patient
    .command('release <patient>')
    .description('Take the legal hold off a patient')
    .action(async (id: string) => {
      const { out, site } = context()
      out.data(await site().call('hold', { patient: id }, { cause: null }), holdView)
    })
  patient
    .command('held <patient>')
    .description(siteRoutes.holdOf.summary)
    .action(async (id: string) => {
      const { out, site } = context()
      out.data(await site().call('holdOf', { patient: id }, null), holdView)
    })
}

/** @throws CliRefusal `ARGUMENT_INVALID` */
function causeAmong<T extends string>(causes: readonly T[], given: string): T {
  const cause = causes.find((one) => one === given)
  if (cause !== undefined) return cause
  throw new CliRefusal('ARGUMENT_INVALID', `Expected --cause to be one of ${causes.join(', ')}`)
}

function erasureView({ patient, at, cause, items, state, sites }: ErasureView): string {
  const head = listing([
    ['patient', patient],
    ['erased', `${dateTime(at)}, cause: ${cause}`],
    ['resources', `${String(items)}, with all their versions`],
    ['state', state === 'complete' ? style.green('complete') : style.yellow('pending')],
  ])
  if (sites.length === 0) return `${head}\nThe record was sent to no other site.`
  const rows = sites.map((one) => [
    one.site,
    one.state === 'signed' ? `signed ${one.at === null ? '' : dateTime(one.at)}` : 'waiting',
    String(one.items),
    one.state === 'signed' ? (one.verified ? 'both signatures hold' : 'not verified') : one.reason,
  ])
  return `${head}\n${table([['SITE', 'DELETION', 'ITEMS', ''], ...rows])}`
}

const holdView = ({ patient, hold }: HoldView): string =>
  hold === null
    ? `No hold stands on ${patient}`
    : `A hold stands on ${patient} since ${dateTime(hold.since)}, cause: ${hold.cause}`

const ERASURE_CAUSES: readonly ErasureCauseName[] = ['wish', 'term', 'court', 'error']
const HOLD_CAUSES: readonly HoldCauseName[] = ['court', 'claim', 'study', 'other']
const LOSS = 'The record of this patient will be gone for good, at every site that received it'
const PATIENT_HELP = `
${style.bold('Examples')}
  photonward patient hold <patient> --cause court     nothing of the record is erased from now on
  photonward patient release <patient>
  photonward patient erase <patient> --cause wish     asks once more; --yes for a script
  photonward patient erasure <patient>                which sites have signed that they erased it
`
