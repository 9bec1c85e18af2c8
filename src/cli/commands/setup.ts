/**
 * Commands that make, enrol and run sites. They need the real world, which `main.ts` hands in.
 *
 * @module
 */

import type { Command } from 'commander'
import type {
  FibreFacts,
  FindingView,
  NewFibre,
  NewSite,
  ProofPowers,
  Shown,
  SiteFacts,
} from '#contract'
import { terminalFor } from '../ask.ts'
import { newContext, type Context, type GlobalFlags } from '../context.ts'
import type { KmePowers } from '../etsi-014.ts'
import { CliRefusal, EXIT } from '../exit.ts'
import { listing, style } from '../output.ts'
import { askSite } from './ask-site.ts'
import type { ConfigPowers } from './config.ts'
import type { DoctorPowers } from './doctor.ts'
import type { ExplainPowers } from './explain.ts'
import type { NetworkPowers } from './network.ts'
import { addPkiCommands, type PkiPowers } from './pki.ts'
import type { CourierPowers } from './courier.ts'
import type { PortablePowers } from './portable.ts'
import type { PskPowers } from './psk.ts'
import type { RootKeyPowers } from './root-key.ts'
import type { SealPowers } from './seal.ts'
import type { StudyPowers } from './study.ts'
import { wholeNumber } from './whole-number.ts'

export interface DemoOptions {
  readonly keep: boolean
  readonly folder: string | undefined
  readonly patients: number
}

/** Where the figures of a benchmark go. */
export interface BenchOutput {
  readonly json: boolean
  readonly say: (text: string) => void
  readonly print: (text: string) => void
}

/** What only the real world can do. */
export interface Powers
  extends
    StudyPowers,
    ExplainPowers,
    ConfigPowers,
    DoctorPowers,
    PkiPowers,
    RootKeyPowers,
    SealPowers,
    PortablePowers,
    PskPowers,
    CourierPowers,
    KmePowers,
    NetworkPowers {
  readonly version: string
  readonly initSite: (folder: string, options: NewSite) => Promise<Shown>
  readonly initFibre: (folder: string, options: NewFibre) => Promise<Shown>
  readonly addSae: (folder: string, sae: string) => Promise<Shown>
  /** Makes two enrolled sites known to each other, and a link between them if one is named. */
  readonly joinSites: (first: string, second: string, fibre: string | undefined) => Promise<Shown>
  /** Runs until it is told to stop; `ready` is called once it serves. */
  readonly serve: (
    folder: string,
    about: { readonly passphrase: Uint8Array | undefined; readonly as: string | undefined },
    ready: (facts: SiteFacts) => void,
  ) => Promise<void>
  /** Runs simulated fibres, all in this process. */
  readonly serveFibres: (
    folders: readonly string[],
    ready: (facts: FibreFacts) => void,
  ) => Promise<void>
  /** FHIR bundles of invented patients, in the order in which to import them. */
  readonly cohort: (
    seed: number,
    patients: number,
  ) => Promise<readonly { readonly name: string; readonly octets: Uint8Array }[]>
  /** Every text of six or more octets and every full date in a FHIR document. */
  readonly textsIn: (octets: Uint8Array) => Promise<readonly string[]>
  /** Verifies the folder of a site that is not running. */
  readonly verifyStopped: (
    folder: string,
    passphrase: Uint8Array | undefined,
  ) => AsyncIterable<FindingView>
  /** @returns whether every bar was met; undefined if a group is unknown */
  readonly bench: (groups: readonly string[], out: BenchOutput) => Promise<boolean | undefined>
  /** What checking a proof needs of this machine. */
  readonly proofPowers: () => Promise<ProofPowers>
  /** A passphrase from a file, `-` being stdin. */
  readonly readPassphrase: (file: string) => Uint8Array
}

export function addSetupCommands(program: Command, powers: Powers): void {
  const context = (): Context => newContext(program.opts())
  const show = (facts: Shown): void => {
    context().out.data(Object.fromEntries(facts), () => listing(facts))
  }
  addDemo(program, powers, context)
  addInit(program, powers, show, context)
  addPkiCommands(program, powers)
  const site = program.command('site').description('Sites that work together')
  site
    .command('join <first> <second>')
    .description('Make two sites known to each other (both folders on this machine)')
    .option('--fibre <folder>', 'and link them by this simulated fibre')
    .action(async (first: string, second: string, { fibre }: { fibre?: string }) => {
      show(await powers.joinSites(first, second, fibre))
    })
  site
    .command('add-sae <folder> <sae>')
    .description('Let an application of a site ask for keys; do this before the sites are joined')
    .action(async (folder: string, sae: string) => show(await powers.addSae(folder, sae)))
  program
    .command('serve')
    .description('Run the daemon of a site until it is stopped')
    .option(
      '--passphrase-file <file>',
      'passphrase of the root key, or shares one a line; - for stdin. Without: sealed',
    )
    .option(
      '--as <daemon>',
      'which of several daemons of the site, as its configuration names them',
    )
    .action(async ({ passphraseFile, as }: { passphraseFile?: string; as?: string }) => {
      const at = context()
      const passphrase = passphraseOf(powers, passphraseFile)
      const about = { passphrase, as }
      await powers.serve(at.folder(), about, (facts) => at.out.line(facts, siteScreen))
    })
  program
    .command('bench [groups...]')
    .description('Measure this build on this machine: claim, figure, bar, peer, ratio')
    .action(async (groups: string[]) => {
      const { out } = context()
      const print = (text: string): void => void process.stdout.write(`${text}\n`)
      const met = await powers.bench(groups, {
        json: out.flags.json,
        say: (text) => out.say(text),
        print,
      })
      process.exitCode = met === undefined ? EXIT.usage : EXIT.ok
    })
}

function addDemo(program: Command, powers: Powers, context: () => Context): void {
  program
    .command('demo')
    .description('Two hospitals on this machine, from nothing to proof, in about a minute')
    .option('--keep', 'leave the daemons running at the end')
    .option('--folder <folder>', 'where to put the sites (default: a new temporary folder)')
    .option('--patients <count>', 'size of the synthetic cohort', '12')
    .addHelpText('after', DEMO_HELP)
    .action(async (options: { keep?: boolean; folder?: string; patients: string }) => {
      const patients = wholeNumber(options.patients, 'patients', 1, 500)
      const chosen = { keep: options.keep === true, folder: options.folder, patients }
      const { runDemo } = await import('../demo/demo.ts')
      process.exitCode = await runDemo(chosen, powers, context().out)
    })
}

function addInit(
  program: Command,
  powers: Powers,
  show: (facts: Shown) => void,
  context: () => Context,
): void {
  program
    .command('init <folder>')
    .description('Make the folder of a new site: configuration, root key, keys, enrolment request')
    .option('--name <site>', 'name of the site: a-z, 0-9 and hyphens; asked for on a terminal')
    .option('--peer-port <port>', 'where other sites reach it', '9400')
    .option('--north-port <port>', 'where applications ask for keys (ETSI GS QKD 014)', '9443')
    .option('--console-port <port>', 'where browsers of this machine find the console')
    .option('--demo', 'accept simulated keys as quantum, and synthetic patients only')
    .option('--passphrase-file <file>', 'protect the root key by a passphrase; - for stdin')
    .addHelpText('after', INIT_HELP)
    .action(async (folder: string, options: InitFlags) => {
      const { flags } = context()
      const asked: SiteAnswers =
        options.name === undefined ? await askForSite(flags, options) : options
      const chosen: NewSite = {
        name: asked.name ?? '',
        peerPort: wholeNumber(asked.peerPort, 'peer-port', 1, 65_535),
        northPort: wholeNumber(asked.northPort, 'north-port', 1, 65_535),
        consolePort: portOr(options.consolePort),
        profile: asked.demo === true ? 'demo' : 'production',
        passphrase: asked.passphrase ?? passphraseOf(powers, options.passphraseFile),
      }
      show(await powers.initSite(folder, chosen))
    })
  const fibre = program.command('fibre').description('Simulated quantum links')
  fibre
    .command('init <folder>')
    .description('Make the folder of a simulated fibre between two sites')
    .requiredOption('--transmitter <site>', 'site of the transmitter')
    .requiredOption('--receiver <site>', 'site of the receiver')
    .option('--preset <name>', 'which link to simulate', 'cambridge-metro')
    .option('--port <port>', 'where the sites reach their devices', '9300')
    .option(
      '--clock <MHz>',
      'pulses per microsecond; unless given, what this machine keeps up with',
    )
    .action(async (folder: string, { clock, ...options }: FibreFlags) => {
      const port = wholeNumber(options.port, 'port', 1, 65_535)
      const clockHz =
        clock === undefined ? undefined : 1e6 * wholeNumber(clock, 'clock', 1, 100_000)
      show(await powers.initFibre(folder, { ...options, port, clockHz }))
    })
  fibre
    .command('serve <folders...>')
    .description('Run simulated fibres, all in one process, until they are stopped')
    .action(async (folders: string[]) => {
      await powers.serveFibres(folders, (facts) => context().out.line(facts, fibreScreen))
    })
}

const portOr = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : wholeNumber(text, 'console-port', 1, 65_535)

interface InitFlags {
  readonly name?: string
  readonly peerPort: string
  readonly northPort: string
  readonly consolePort?: string
  readonly demo?: boolean
  readonly passphraseFile?: string
}

/** Flags of `init`, and what a person answered in their place. */
type SiteAnswers = InitFlags & { readonly passphrase?: Uint8Array | undefined }

/** Asks a person for what makes a site. @throws CliRefusal where nobody may be asked */
async function askForSite(flags: GlobalFlags, options: InitFlags): Promise<SiteAnswers> {
  const terminal = terminalFor(flags)
  if (terminal === undefined) {
    throw new CliRefusal('ARGUMENT_INVALID', 'A site needs a name: --name <site>', {
      next: 'photonward init bristol/ --name bristol',
    })
  }
  return { ...options, ...(await askSite(terminal, options)) }
}

interface FibreFlags {
  readonly transmitter: string
  readonly receiver: string
  readonly preset: string
  readonly port: string
  readonly clock?: string
}

const siteScreen = (facts: SiteFacts): string =>
  listing([
    ['site', `${style.bold(facts.site)}, profile ${facts.profile}`],
    ...(facts.daemon === undefined ? [] : [['daemon', facts.daemon] as const]),
    ['peers', facts.peerAddress],
    ['keys', `${facts.northAddress}/api/v1/keys (ETSI GS QKD 014, client certificates)`],
    ['root', `SHA-256 ${facts.rootFingerprint}`],
    ['folder', facts.folder],
    ...(facts.sealed === undefined
      ? [['next', `photonward --site ${facts.folder} status`] as const]
      : ([
          ['sealed', `opened by ${facts.sealed}`],
          ['next', `photonward --site ${facts.folder} unseal${asOf(facts)}`],
        ] as const)),
  ])

const asOf = ({ daemon }: SiteFacts): string => (daemon === undefined ? '' : ` --as ${daemon}`)

const fibreScreen = (facts: FibreFacts): string =>
  listing([
    ['fibre', `${facts.fibre}, link ${facts.link}, preset ${facts.preset}, simulated`],
    ['devices', facts.address],
    ['folder', facts.folder],
    ['next', `photonward attack show --fibre ${facts.folder}`],
  ])

const passphraseOf = (powers: Powers, file: string | undefined): Uint8Array | undefined =>
  file === undefined ? undefined : powers.readPassphrase(file)

const DEMO_HELP = `
${style.bold('What you will see')}
  1 enrol   2 grow keys   3 serve keys   4 seal   5 exchange   6 eavesdrop   7 prove
The optics are simulated, so the keys are computational; everything behind them is the real path.
`
const INIT_HELP = `
${style.bold('Examples')}
  photonward init bristol/                        asks for the rest on a terminal
  photonward init bristol/ --name bristol --demo  for simulated links and synthetic patients

Without a passphrase the root key lies in the folder, readable by its owner only: whoever copies the
folder can open it. With one, the daemon starts sealed until photonward unseal is given it.
`
