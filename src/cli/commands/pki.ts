/** Commands about certificates: of the authority, and of whom it certifies. @module */

import type { Command } from 'commander'
import { confirmByName } from '../ask.ts'
import { newContext, type Context } from '../context.ts'
import { CliRefusal, EXIT } from '../exit.ts'
import { dateTime, listing, style, table } from '../output.ts'

type Shown = readonly (readonly [string, string])[]

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

/** What only the real world can do. */
export interface PkiPowers {
  readonly createAuthority: (folder: string) => Promise<Shown>
  /** Issues certificates for a site's or fibre's folder, and brings its trust up to date. */
  readonly issue: (authority: string, folder: string) => Promise<Shown>
  /** Signs a fresh enrolment request in a site's folder. */
  readonly requestAnew: (folder: string, passphrase: Uint8Array | undefined) => Promise<Shown>
  readonly issueSae: (authority: string, saeId: string, into: string) => Promise<Shown>
  readonly revoke: (authority: string, serial: string) => Promise<Shown>
  readonly publish: (authority: string, folders: readonly string[]) => Promise<Shown>
  readonly issued: (authority: string) => Promise<readonly IssuedLine[]>
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
  pki
    .command('init <folder>')
    .description('Make an authority: ML-DSA root and issuer, and the north hierarchy')
    .action(async (folder: string) => show(await powers.createAuthority(folder)))
  pki
    .command('request <folder>')
    .description('Sign a fresh enrolment request of a site, to renew its certificates')
    .option('--passphrase-file <file>', 'passphrase of the root key; - for stdin')
    .action(async (folder: string, { passphraseFile: file }: { passphraseFile?: string }) => {
      const passphrase = file === undefined ? undefined : powers.readPassphrase(file)
      show(await powers.requestAnew(folder, passphrase))
    })
  pki
    .command('issue <authority> <folder>')
    .description('Check the enrolment request in a folder and put its certificates there')
    .action(async (authority: string, folder: string) =>
      show(await powers.issue(authority, folder)),
    )
  pki
    .command('issue-sae <authority> <sae> <into>')
    .description('Make a client certificate for an application that asks for keys')
    .action(async (authority: string, sae: string, into: string) =>
      show(await powers.issueSae(authority, sae, into)),
    )
  addBooks(pki, powers, context)
  pki
    .command('revoke <authority> <serial>')
    .description('Revoke a certificate; sites learn of it from the next revocation list')
    .action(async (authority: string, serial: string) => {
      const { flags } = context()
      const { name, profile } = await standing(powers, authority, serial)
      await confirmByName(flags, {
        what: `This revokes the ${profile} certificate of ${name}`,
        name,
      })
      show(await powers.revoke(authority, serial))
    })
  pki
    .command('publish <authority> <folders...>')
    .description('Sign fresh revocation lists and hand them to sites and fibres; do so daily')
    .action(async (authority: string, folders: string[]) =>
      show(await powers.publish(authority, folders)),
    )
  pki
    .command('inspect <path>')
    .description('What a certificate says')
    .action(async (path: string) => show(await powers.inspect(path)))
}

/** What an authority keeps: what it has issued, and what it did. */
function addBooks(pki: Command, powers: PkiPowers, context: () => Context): void {
  pki
    .command('list <authority>')
    .description('Certificates and statements that stand, with their serial numbers')
    .action(async (authority: string) =>
      context().out.data(await powers.issued(authority), issuedView),
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

async function standing(powers: PkiPowers, authority: string, serial: string): Promise<IssuedLine> {
  const all = await powers.issued(authority)
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

const PKI_HELP = `
${style.bold('Examples')}
  photonward pki init authority/                     once, on a machine of its own
  photonward pki issue authority/ bristol/           certificates for a site: 30 days
  photonward pki request bristol/                    before they end; then issue again, and join
  photonward pki publish authority/ bristol/ fibre/  daily: revocation lists last a week
  photonward pki list authority/                     serial numbers, to revoke one
`
