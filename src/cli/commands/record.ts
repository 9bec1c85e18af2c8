/** Commands about records and transfers. @module */

import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { siteRoutes, type ImportView, type ModeName, type TransferView } from '#contract'
import { newContext, type Context } from '../context.ts'
import { CliRefusal, EXIT } from '../exit.ts'
import { readFile, unreadable } from '../files.ts'
import { listing, scaled, style } from '../output.ts'
import { itemView, patientsView, transfersView } from '../views.ts'
import type { Powers } from './setup.ts'

export function addRecordCommands(program: Command, powers: Powers): void {
  const context = (): Context => newContext(program.opts())
  const record = program
    .command('record')
    .description('Records: import, look, send')
    .addHelpText('after', RECORD_HELP)
  addImport(record, context)
  addGenerate(record, powers, context)
  addLook(record, context)
  addSend(record, context)
  const transfer = program.command('transfer').description('Transfers to and from other sites')
  transfer
    .command('list')
    .description(siteRoutes.transfers.summary)
    .action(async () => {
      const { out, site } = context()
      out.data(await site().call('transfers', {}, null), transfersView)
    })
  transfer
    .command('show <transfer>')
    .description('One transfer, with the keys and the mode that protected it')
    .action(async (transfer: string) => {
      const { out, site } = context()
      out.data(await site().call('transfer', { transfer }, null), (one) => transfersView([one]))
    })
}

function addImport(record: Command, context: () => Context): void {
  record
    .command('import <path...>')
    .description('Import FHIR R4 bundles or resources: files, or folders of .json files')
    .action(async (paths: string[]) => {
      const { out, site } = context()
      const files = paths.flatMap(bundleFiles)
      const progress = out.progress('importing')
      const total = { entries: 0, written: 0, unchanged: 0, milliseconds: 0 }
      const patients = new Set<string>()
      for (const [at, file] of files.entries()) {
        progress.update(at, files.length)
        const one = await site().call('importRecords', {}, readFile(file))
        for (const patient of one.patients) patients.add(patient)
        total.entries += one.entries
        total.written += one.written
        total.unchanged += one.unchanged
        total.milliseconds += one.milliseconds
      }
      progress.done()
      out.data({ ...total, patients: [...patients] }, importView)
    })
}

function addGenerate(record: Command, powers: Powers, context: () => Context): void {
  record
    .command('generate <folder>')
    .description('Write FHIR bundles of invented patients, with NHS numbers that are never issued')
    .option('--patients <count>', 'how many patients', '12')
    .option('--seed <number>', 'the same seed gives the same patients', '1')
    .action(async (folder: string, options: { patients: string; seed: string }) => {
      const [patients, seed] = [Number(options.patients), Number(options.seed)]
      if (!(Number.isInteger(patients) && patients > 0 && Number.isSafeInteger(seed))) {
        throw new CliRefusal('ARGUMENT_INVALID', '--patients and --seed must be whole numbers')
      }
      mkdirSync(folder, { recursive: true })
      const bundles = await powers.cohort(seed, patients)
      for (const [at, { name, octets }] of bundles.entries()) {
        writeFileSync(join(folder, `${String(at).padStart(4, '0')}-${name}.json`), octets)
      }
      const shown = { folder, bundles: bundles.length }
      context().out.data(shown, () => `${String(bundles.length)} bundles in ${folder}`)
    })
}

function addLook(record: Command, context: () => Context): void {
  record
    .command('list')
    .description(siteRoutes.patients.summary)
    .option('--after <patient>', 'continue after this one')
    .option('--limit <count>', 'how many at most', '100')
    .action(async (options: { after?: string; limit: string }) => {
      const { out, site } = context()
      out.data(await site().call('patients', options, null), patientsView)
    })
  record
    .command('find')
    .description('Find a patient by an identifier, read from stdin so that it stays out of history')
    .option('--system <uri>', 'identifier system', 'https://fhir.nhs.uk/Id/nhs-number')
    .action(async ({ system }: { system: string }) => {
      const { out, site } = context()
      const value = readFileSync(0, 'utf8').trim()
      if (value === '') throw new CliRefusal('ARGUMENT_INVALID', 'Give the identifier on stdin')
      out.data(await site().call('findPatient', {}, { system, value }), patientsView)
    })
  record
    .command('show <patient>')
    .description(siteRoutes.items.summary)
    .action(async (patient: string) => {
      const { out, site } = context()
      for await (const item of site().stream('items', { patient }, null)) out.line(item, itemView)
    })
  record
    .command('get <patient>')
    .description('Write the opened resources as a FHIR collection bundle; the access is logged')
    .option('-o, --output <file>', 'write to this file instead of stdout')
    .action(async (patient: string, { output }: { output?: string }) => {
      const { site } = context()
      const entries: string[] = []
      for await (const { resource } of site().stream('readRecord', { patient }, null)) {
        entries.push(`{"resource":${resource}}`)
      }
      const text = `{"resourceType":"Bundle","type":"collection","entry":[${entries.join(',\n')}]}\n`
      if (output === undefined) process.stdout.write(text)
      else writeFileSync(output, text, { mode: 0o600 })
    })
}

function addSend(record: Command, context: () => Context): void {
  record
    .command('send <patient>')
    .description("Send a patient's whole record to another site")
    .requiredOption('--to <site>', 'the receiving site')
    .option('--mode <mode>', 'require-quantum, prefer-quantum or post-quantum (default: policy)')
    .option('--class <class>', 'class of data in the policies of both sites', 'clinical')
    .option('--no-wait', 'return at once; see photonward transfer list')
    .option('--timeout <seconds>', 'how long to wait for the receipt', '60')
    .action(async (patient: string, options: SendOptions) => {
      const { out, site } = context()
      const { to, mode, class: dataClass } = options
      const wish = { patient, to, dataClass }
      const body = mode === undefined ? wish : { ...wish, mode: mode as ModeName }
      const begun = await site().call('send', {}, body)
      const end = options.wait ? await follow(context(), begun, Number(options.timeout)) : begun
      out.data(end, (one) => transfersView([one]))
      if (end.state === 'refused') process.exitCode = EXIT.denied
    })
}

interface SendOptions {
  readonly to: string
  readonly mode?: string
  readonly class: string
  readonly wait: boolean
  readonly timeout: string
}

/** Watches a transfer until its receipt has come. @throws CliRefusal `TIMEOUT` */
async function follow(
  { out, site }: Context,
  begun: TransferView,
  seconds: number,
): Promise<TransferView> {
  const progress = out.progress('sending')
  const deadline = performance.now() + seconds * 1000
  for (let now = begun; ; now = await site().call('transfer', { transfer: now.transfer }, null)) {
    progress.update(now.itemsDone, now.items, now.reason)
    if (now.state === 'delivered' || now.state === 'refused') {
      progress.done()
      return now
    }
    if (performance.now() > deadline) {
      progress.done()
      throw new CliRefusal('TIMEOUT', `The receipt has not come: ${now.reason || now.state}`, {
        next: `photonward transfer show ${now.transfer}`,
      })
    }
    await new Promise((resume) => setTimeout(resume, POLL_MS))
  }
}

function bundleFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter((name) => name.endsWith('.json'))
    return names.toSorted(byDependency).map((name) => join(path, name))
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** Organisations and practitioners first: patients' bundles refer to them. */
function byDependency(a: string, b: string): number {
  const rank = (name: string): number =>
    name.startsWith('hospitalInformation') ? 0 : name.startsWith('practitionerInformation') ? 1 : 2
  return rank(a) - rank(b) || (a < b ? -1 : 1)
}

function importView(total: ImportView): string {
  const rate = total.entries / (total.milliseconds / 1000)
  return listing([
    ['resources', String(total.entries)],
    ['written', String(total.written)],
    ['unchanged', String(total.unchanged)],
    ['patients', total.patients.join('\n          ')],
    ['took', `${total.milliseconds.toFixed(0)} ms (${scaled(rate, 'resources/s')})`],
  ])
}

const POLL_MS = 150
const RECORD_HELP = `
${style.bold('Examples')}
  photonward record import bundles/             validate, seal and log every .json file of a folder
  photonward record list                        patients here, by their internal reference
  photonward record send <patient> --to cambridge
  photonward record show <patient>              which keys and mode protected each item on its way
`
