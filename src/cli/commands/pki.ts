/** Commands about certificates: of the authority, and of whom it certifies. @module */

import type { Command } from 'commander'
import type { Shown } from '#contract'
import { confirmByName, confirmRequest, terminalFor } from '../ask.ts'
import { newContext, type Context } from '../context.ts'
import { CliRefusal, EXIT } from '../exit.ts'
import { dateTime, listing, style, table } from '../output.ts'

/** A certificate or statement that an authority has issued and that is not over. */
export interface IssuedLine {
  readonly serial: string
  readonly profile: string
  readonly name: string
  readonly notAfter: number
  readonly revokedAt: number | undefined
}

/** What an authority did, oldest first, and the first line of its log that does not fit. */
export interface ActsOfAuthority {
  readonly acts: readonly {
    readonly at: string
    readonly kind: string
    readonly facts: Readonly<Record<string, unknown>>
  }[]
  readonly brokenAt: number | undefined
}

/** What only the real world can do. A passphrase is that of the authority's root key. */
export interface PkiPowers {
  readonly createAuthority: (folder: string, passphrase?: Uint8Array) => Promise<Shown>
  /** What the request in a folder asks for; undefined where none is needed. */
  readonly requestOf: (
    folder: string,
  ) => Promise<{ readonly site: string; readonly fingerprint: string } | undefined>
  /** Issues certificates for a site's or fibre's folder, and brings its trust up to date. */
  readonly issue: (
    authority: string,
    folder: string,
    about?: { readonly fingerprint?: string; readonly passphrase?: Uint8Array | undefined },
  ) => Promise<Shown>
  /** Signs a fresh enrolment request in a site's folder. @param passphrase of the site's root key */
  readonly requestAnew: (folder: string, passphrase: Uint8Array | undefined) => Promise<Shown>
  readonly issueSae: (
    authority: string,
    saeId: string,
    into: string,
    passphrase?: Uint8Array,
  ) => Promise<Shown>
  readonly revoke: (authority: string, serial: string, passphrase?: Uint8Array) => Promise<Shown>
  readonly publish: (
    authority: string,
    folders: readonly string[],
    passphrase?: Uint8Array,
  ) => Promise<Shown>
  readonly issued: (authority: string, passphrase?: Uint8Array) => Promise<readonly IssuedLine[]>
  readonly actsOf: (authority: string) => Promise<ActsOfAuthority>
  readonly inspect: (path: string) => Promise<Shown>
  readonly readPassphrase: (file: string) => Uint8Array
}

export function addPkiCommands(program: Command, powers: PkiPowers): void {
  const context = (): Context => newContext(program.opts())
  const show = (facts: Shown): void =>
    context().out.data(Object.fromEntries(facts), () => listing(facts))
  const pki = program
    .command('pki')
    .description('Certificates of sites, devices and applications')
    .addHelpText('after', PKI_HELP)
  const phrase = ({ passphraseFile: file }: Protected): Uint8Array | undefined =>
    file === undefined ? undefined : powers.readPassphrase(file)
  pki
    .command('init <folder>')
    .description('Make an authority: ML-DSA root and issuer, and the north hierarchy')
    .option(...PASSPHRASE)
    .action(async (folder: string, options: Protected) =>
      show(await powers.createAuthority(folder, phrase(options))),
    )
  pki
    .command('request <folder>')
    .description('Sign a fresh enrolment request of a site, to renew its certificates')
    .option(...PASSPHRASE)
    .action(async (folder: string, options: Protected) =>
      show(await powers.requestAnew(folder, phrase(options))),
    )
  addIssuing(pki, powers, { context, show, phrase })
  addBooks(pki, powers, { context, phrase })
  pki
    .command('revoke <authority> <serial>')
    .description('Revoke a certificate; sites learn of it from the next revocation list')
    .option(...PASSPHRASE)
    .action(async (authority: string, serial: string, options: Protected) => {
      const { flags } = context()
      const passphrase = phrase(options)
      const { name, profile } = await standing(powers, { authority, serial, passphrase })
      await confirmByName(flags, {
        what: `This revokes the ${profile} certificate of ${name}`,
        name,
      })
      show(await powers.revoke(authority, serial, passphrase))
    })
  pki
    .command('publish <authority> <folders...>')
    .description('Sign fresh revocation lists and hand them to sites and fibres; do so daily')
    .option(...PASSPHRASE)
    .action(async (authority: string, folders: string[], options: Protected) =>
      show(await powers.publish(authority, folders, phrase(options))),
    )
  pki
    .command('inspect <path>')
    .description('What a certificate says')
    .action(async (path: string) => show(await powers.inspect(path)))
}

interface Protected {
  readonly passphraseFile?: string
}

interface Tools {
  readonly context: () => Context
  readonly show: (facts: Shown) => void
  readonly phrase: (options: Protected) => Uint8Array | undefined
}

/** What an authority gives out. */
function addIssuing(pki: Command, powers: PkiPowers, { context, show, phrase }: Tools): void {
  pki
    .command('issue <authority> <folder>')
    .description('Grant the enrolment request in a folder, once its fingerprint is compared')
    .option('--fingerprint <sha256>', 'of the request, as the operator of the site reads it')
    .option(...PASSPHRASE)
    .action(async (authority: string, folder: string, options: IssueOptions) => {
      const asked = await powers.requestOf(folder)
      if (asked !== undefined) await compare(context(), asked, options.fingerprint)
      const compared = asked === undefined ? {} : { fingerprint: asked.fingerprint }
      const passphrase = phrase(options)
      show(await powers.issue(authority, folder, { ...compared, passphrase }))
    })
  pki
    .command('issue-sae <authority> <sae> <into>')
    .description('Make a client certificate for an application that asks for keys')
    .option(...PASSPHRASE)
    .action(async (authority: string, sae: string, into: string, options: Protected) =>
      show(await powers.issueSae(authority, sae, into, phrase(options))),
    )
}

interface IssueOptions extends Protected {
  readonly fingerprint?: string
}

/** Nothing is granted that nobody has compared. @throws CliRefusal */
async function compare(
  { flags, out }: Context,
  asked: { readonly site: string; readonly fingerprint: string },
  read: string | undefined,
): Promise<void> {
  if (read === undefined) {
    const terminal = terminalFor(flags)
    if (terminal !== undefined) out.say(`${asked.site} asks under SHA-256 ${asked.fingerprint}`)
    await confirmRequest(flags, asked, terminal)
    return
  }
  if (read.toLowerCase().replaceAll(/[^0-9a-f]/g, '') === asked.fingerprint) return
  throw new CliRefusal('FINGERPRINT_DENIED', 'The request has another fingerprint', {
    facts: { site: asked.site, fingerprint: asked.fingerprint },
  })
}

/** What an authority keeps: what it has issued, and what it did. */
function addBooks(pki: Command, powers: PkiPowers, { context, phrase }: Omit<Tools, 'show'>): void {
  pki
    .command('list <authority>')
    .description('Certificates and statements that stand, with their serial numbers')
    .option(...PASSPHRASE)
    .action(async (authority: string, options: Protected) =>
      context().out.data(await powers.issued(authority, phrase(options)), issuedView),
    )
  pki
    .command('log <authority>')
    .description('What the authority did, act by act; exit status 5 if the log was changed')
    .action(async (authority: string) => {
      const log = await powers.actsOf(authority)
      context().out.data(log, actsView)
      if (log.brokenAt !== undefined) process.exitCode = EXIT.verificationFailed
    })
}

async function standing(
  powers: PkiPowers,
  about: { authority: string; serial: string; passphrase: Uint8Array | undefined },
): Promise<IssuedLine> {
  const { authority, serial, passphrase } = about
  const all = await powers.issued(authority, passphrase)
  const found = all.find((one) => one.serial === serial.toLowerCase())
  if (found !== undefined && found.revokedAt === undefined) return found
  throw new CliRefusal('SERIAL_UNKNOWN', 'No standing certificate has this serial number', {
    next: `photonward pki list ${authority}`,
  })
}

function issuedView(issued: readonly IssuedLine[]): string {
  if (issued.length === 0) return 'Nothing has been issued'
  const rows = issued.map(({ serial, profile, name, notAfter, revokedAt }) => {
    const state = revokedAt === undefined ? 'stands' : style.red(`revoked ${dateTime(revokedAt)}`)
    return [serial, profile, name, dateTime(notAfter), state]
  })
  return table([['SERIAL', 'KIND', 'NAME', 'UNTIL (UTC)', 'STATE'], ...rows])
}

function actsView({ acts, brokenAt }: ActsOfAuthority): string {
  const lines = acts.map(({ at, kind, facts }) => {
    const words = Object.entries(facts).map(([name, value]) => `${name}=${String(value)}`)
    return `${at}  ${kind.padEnd(24)} ${style.dim(words.join(' '))}`
  })
  const verdict =
    brokenAt === undefined
      ? style.green('each line fits the one before')
      : style.red(`line ${String(brokenAt)} does not fit the one before`)
  return [...lines, verdict].join('\n')
}

const PASSPHRASE = ['--passphrase-file <file>', 'passphrase of the root key; - for stdin'] as const
const PKI_HELP = `
${style.bold('Examples')}
  photonward pki init authority/                     once, on a machine of its own
  photonward pki issue authority/ bristol/           certificates for a site: 30 days
  photonward pki request bristol/                    before they end; then issue again, and join
  photonward pki publish authority/ bristol/ fibre/  daily: revocation lists last a week
  photonward pki list authority/                     serial numbers, to revoke one
`
