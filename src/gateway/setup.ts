/**
 * Making folders: authorities, sites, fibres, and what joins them. The commands behind `init`,
 * `pki`, `site join` and `fibre init`.
 *
 * @module
 */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { kmeId, saeId, siteId } from '#base'
import type { NewFibre, NewSite, Shown, SiteInNetwork } from '#contract'
import { namedLink, overPath } from '#optics'
import {
  checkSaeName,
  enrolDevice,
  enrolSae,
  enrolSite,
  introduce,
  issuedBy,
  makeAuthority,
  makeSite,
  publishLists,
  readActs,
  renewRequest,
  requestIn,
  revokeSerial,
  SiteConfigurationShape,
  stringsIn,
  syntheticCohort,
  type SiteConfiguration,
} from '#site'
import { SystemClock } from './clock.ts'
import { readConfigurationFile } from './config.ts'
import { openDisk } from './disk.ts'
import { FibreConfigurationShape } from './fibre-daemon.ts'
import { openFolder } from './folder.ts'
import { testedRandom } from './random.ts'
import { GatewayRefusal } from './refusal.ts'
import { CONFIG_FILE } from './site-daemon.ts'

/** A name as an operator has typed it. @throws GatewayRefusal `NAME_INVALID` */
function named<T>(check: (text: string) => T, text: string): T {
  try {
    return check(text)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new GatewayRefusal('NAME_INVALID', cause.message, { cause })
  }
}

/** @param passphrase   of the authority's root key, where it is under one */
const means = (passphrase?: Uint8Array) => ({
  clock: new SystemClock(),
  random: testedRandom(),
  passphrase,
})

export async function createAuthority(folder: string, passphrase?: Uint8Array): Promise<Shown> {
  const place = newFolder(folder, 'authority.sealed')
  const roots = await makeAuthority(openDisk(place), FEDERATION, means(passphrase))
  return [
    ['authority', place],
    ['federation', FEDERATION],
    ['root between sites', `ML-DSA-87, SHA-256 ${roots.sites}`],
    ['root northbound', `ECDSA P-256, SHA-256 ${roots.north}`],
    ['root key', passphrase === undefined ? 'in the folder, unprotected' : 'under the passphrase'],
    ['next', `photonward init <folder> --name <site>`],
  ]
}

export async function initSite(folder: string, options: NewSite): Promise<Shown> {
  const { name, peerPort, northPort, consolePort, consoleFibres, profile, passphrase } = options
  const site = named(siteId, name)
  const place = newFolder(folder, CONFIG_FILE)
  const configuration = {
    site,
    federation: FEDERATION,
    kme: `kme.${site}`,
    profile,
    logOrigin: `photonward.example/${site}`,
    peerListener: { host: '127.0.0.1', port: peerPort },
    northListener: { host: '127.0.0.1', port: northPort },
    ...(consolePort && { consoleListener: { host: '127.0.0.1', port: consolePort } }),
    ...(consoleFibres && { consoleFibres }),
    peers: [],
    links: [],
    saes: [],
  }
  const fingerprint = await makeSite(
    openDisk(place),
    {
      federation: FEDERATION,
      site,
      kme: kmeId(configuration.kme),
      origin: configuration.logOrigin,
      dns: [],
      north: { dns: [], ip: [] },
    },
    { ...means(), passphrase },
  )
  writeJson(join(place, CONFIG_FILE), configuration)
  return [
    ['site', site],
    ['folder', place],
    ['profile', profile],
    ['root key', passphrase === undefined ? 'in the folder, unprotected' : 'under the passphrase'],
    ['request', `SHA-256 ${fingerprint}`],
    ['next', `photonward pki issue <authority> ${place}`],
  ]
}

export async function initFibre(folder: string, options: NewFibre): Promise<Shown> {
  const { preset, transmitter, receiver, port, path } = options
  const link = `${named(siteId, transmitter)}-${named(siteId, receiver)}`
  const full = namedLink(preset).link.settings.clockHz
  const clockHz = options.clockHz ?? Math.min(full, CLOCK_HZ_PER_CORE * availableParallelism())
  const { link: light } = namedLink(preset, clockHz)
  if (path !== undefined) overPath(light, path)
  const place = newFolder(folder, CONFIG_FILE)
  const configuration = {
    fibre: `fibre-${link}`.slice(0, 63),
    link,
    transmitter,
    receiver,
    preset,
    ...(clockHz === full ? {} : { clockHz }),
    ...(path === undefined ? {} : { path }),
    listener: { host: '127.0.0.1', port },
  }
  writeJson(join(place, CONFIG_FILE), configuration)
  readConfigurationFile(join(place, CONFIG_FILE), FibreConfigurationShape)
  return Promise.resolve([
    ['fibre', configuration.fibre],
    ['link', link],
    ['preset', preset],
    ['clock', clockText(clockHz, full, options.clockHz === undefined)],
    ['folder', place],
    ['next', `photonward pki issue <authority> ${place}`],
  ])
}

function clockText(clockHz: number, fullHz: number, chosenHere: boolean): string {
  const mega = (hertz: number): string => `${String(Number((hertz / 1e6).toPrecision(3)))} MHz`
  if (clockHz === fullHz) return mega(clockHz)
  const why = chosenHere ? '; as much as this machine simulates in real time' : ''
  return `${mega(clockHz)} of ${mega(fullHz)}${why}`
}

/**
 * What a core simulates of a link in real time, with its fibre and both its sites on this machine
 * and half of it left for other work: `photonward bench link` and docs/internals/performance.md.
 */
const CLOCK_HZ_PER_CORE = 200e6

/** What the request in a folder asks for; undefined for a fibre, which asks for nothing. */
export async function requestOf(
  folder: string,
): Promise<{ readonly site: string; readonly fingerprint: string } | undefined> {
  const place = existing(folder)
  if (isFibre(place)) return undefined
  const { site, fingerprint } = await requestIn(openDisk(place), new SystemClock())
  return { site, fingerprint }
}

/**
 * Issues for whatever kind of folder it is.
 *
 * @param about.fingerprint   of the request that was compared; any other is refused
 */
export async function issue(
  authority: string,
  folder: string,
  about: { readonly fingerprint?: string; readonly passphrase?: Uint8Array | undefined } = {},
): Promise<Shown> {
  const { passphrase, ...compared } = about
  const [authorityDisk, place] = [openDisk(existing(authority)), existing(folder)]
  const disk = openDisk(place)
  if (isFibre(place)) {
    const { fibre } = readConfigurationFile(join(place, CONFIG_FILE), FibreConfigurationShape)
    const device = { ...means(passphrase), device: fibre }
    const serial = await enrolDevice(authorityDisk, disk, device)
    return [
      ['device', fibre],
      ['serial', serial],
    ]
  }
  const enrolment = await enrolSite(authorityDisk, disk, { ...means(passphrase), ...compared })
  return [
    ['site', enrolment.site],
    ['request', `SHA-256 ${enrolment.fingerprint}`],
    ['granted', 'TLS between sites, north listener, site statement'],
    ['next', `photonward site join ${place} <other site's folder>`],
  ]
}

/** Writes key and certificates of an application as PEM files that curl and others read. */
export async function issueSae(
  authority: string,
  sae: string,
  into: string,
  passphrase?: Uint8Array,
): Promise<Shown> {
  named(saeId, sae)
  const about = { ...means(passphrase), sae }
  const { credentials, serial } = await enrolSae(openDisk(existing(authority)), about)
  const place = resolve(into)
  mkdirSync(place, { recursive: true, mode: 0o700 })
  const files = {
    'key.pem': credentials.key,
    'cert.pem': credentials.cert,
    'ca.pem': credentials.ca,
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(place, name), text, { mode: 0o600 })
  }
  return [
    ['SAE', sae],
    ['serial', serial],
    ['folder', place],
    ['use', 'curl --cert cert.pem --key key.pem --cacert ca.pem https://…/api/v1/keys/…'],
  ]
}

/** Signs a fresh enrolment request of a site, under the names that its configuration says now. */
export async function requestAnew(
  folder: string,
  passphrase: Uint8Array | undefined,
): Promise<Shown> {
  const place = existing(folder)
  const fingerprint = await renewRequest(openDisk(place), namesIn(readSite(place)), {
    clock: new SystemClock(),
    passphrase,
  })
  return [
    ['request', `SHA-256 ${fingerprint}`],
    ['next', `photonward pki issue <authority> ${place}`],
  ]
}

/** What stands in the certificates of a site. */
function namesIn({ site, kme, federation, logOrigin, dns }: SiteConfiguration) {
  const names = dns.filter((name) => isIP(name) === 0)
  const ip = dns.filter((name) => isIP(name) !== 0)
  return {
    ...{ federation, site: siteId(site), kme: kmeId(kme), origin: logOrigin },
    ...{ dns: names, north: { dns: names, ip } },
  }
}

/** Certificates and statements that an authority has issued and that are not over. */
export const issued = (authority: string, passphrase?: Uint8Array) =>
  issuedBy(openDisk(existing(authority)), passphrase)

/** What an authority did, and the first line of its log that does not fit. */
export const actsOf = (authority: string) => readActs(openDisk(existing(authority)))

export async function revokeCertificate(
  authority: string,
  serial: string,
  passphrase?: Uint8Array,
): Promise<Shown> {
  await revokeSerial(openDisk(existing(authority)), serial, means(passphrase))
  return [
    ['revoked', serial],
    ['next', `photonward pki publish ${authority} <folder>…`],
  ]
}

/** Signs fresh revocation lists and hands them to folders; running daemons notice by themselves. */
export async function publish(
  authority: string,
  folders: readonly string[],
  passphrase?: Uint8Array,
): Promise<Shown> {
  const targets = folders.map((folder) => openDisk(existing(folder)))
  await publishLists(openDisk(existing(authority)), targets, means(passphrase))
  return [['lists published to', folders.join(', ')]]
}

/** Makes two sites known to each other, and a fibre's link to both if one is given. */
export async function joinSites(
  first: string,
  second: string,
  fibre: string | undefined,
): Promise<Shown> {
  const places = [existing(first), existing(second)] as const
  const { clock } = means()
  for (const [own, other] of [places, [places[1], places[0]] as const]) {
    await introduce(openDisk(other), openDisk(own), clock)
    addPeer(own, readSite(other))
  }
  const link = fibre === undefined ? 'none' : joinFibre(places, existing(fibre))
  const [a, b] = places.map(readSite)
  return [
    ['joined', `${a.site} and ${b.site}`],
    ['link', link],
    ['next', `photonward serve --site ${places[0]}`],
  ]
}

/**
 * Tells a site of the network that it is in. Its links and the peers it relays with are joined before.
 *
 * @throws GatewayRefusal `CONFIG_INVALID`
 */
export function placeInNetwork(folder: string, about: SiteInNetwork): Promise<Shown> {
  const place = existing(folder)
  const { nodes, links, relays, blockBits, checkpointMs } = about
  change(place, (own) => ({
    ...own,
    ...{ network: { nodes: [...nodes], links: [...links] }, relays: [...relays], checkpointMs },
    role: nodes.find(({ site }) => site === own.site)?.kind ?? own.role,
    links: own.links.map((link) => ({ ...link, blockBits })),
  }))
  return Promise.resolve([
    ['site', readSite(place).site],
    ['network', `${String(nodes.length)} sites, ${String(links.length)} links`],
    ['relays with', relays.map(({ peer }) => peer).join(', ') || 'nobody'],
  ])
}

/** Lets an application of this site ask for keys; peers learn of it when the sites are joined. */
export function addSae(folder: string, sae: string): Promise<Shown> {
  const place = existing(folder)
  checkSaeName(named(saeId, sae))
  change(place, (own) => ({
    ...own,
    saes: [...own.saes.filter((one) => one.sae !== sae), { sae, site: own.site }],
  }))
  return Promise.resolve([
    ['SAE', sae],
    ['at', readSite(place).site],
    ['next', `photonward pki issue-sae <authority> ${sae} <folder>`],
  ])
}

/** Bundles of invented patients, for `record generate` and the demo. */
export const cohort = (seed: number, patients: number) => syntheticCohort(seed, patients)

/** Every text and date in a FHIR document that must not be readable on a disk. */
export const textsIn = (octets: Uint8Array): Promise<readonly string[]> => stringsIn(octets)

/** What a certificate file says. @throws GatewayRefusal `CERTIFICATE_UNREADABLE` */
export function inspect(path: string): Promise<Shown> {
  const certificate = certificateAt(path)
  const key = certificate.publicKey.asymmetricKeyType ?? 'unknown'
  return Promise.resolve([
    ['subject', certificate.subject.replaceAll('\n', ', ')],
    ['issuer', certificate.issuer.replaceAll('\n', ', ')],
    ['names', certificate.subjectAltName ?? 'none'],
    ['serial', certificate.serialNumber],
    ['key', key],
    ['valid', `${certificate.validFrom} to ${certificate.validTo}`],
    ['SHA-256', certificate.fingerprint256.replaceAll(':', '').toLowerCase()],
  ])
}

function certificateAt(path: string): X509Certificate {
  try {
    return new X509Certificate(readFileSync(path))
  } catch (cause) {
    const message = `Expected a certificate (PEM or DER) at ${path}`
    throw new GatewayRefusal('CERTIFICATE_UNREADABLE', message, { cause, facts: { path } })
  }
}

function addPeer(place: string, { site, kme, peerListener, saes }: SiteConfiguration): void {
  change(place, (own) => {
    const peer = { site, kme, host: peerListener.host, port: peerListener.port }
    const known = own.saes.filter((one) => one.site !== site)
    return {
      ...own,
      peers: [...own.peers.filter((one) => one.site !== site), peer],
      saes: [...known, ...saes.filter((one) => one.site === site)],
    }
  })
}

function joinFibre(places: readonly [string, string], fibre: string): string {
  const configuration = readConfigurationFile(join(fibre, CONFIG_FILE), FibreConfigurationShape)
  const { link, transmitter, receiver, preset, listener, fibre: name, clockHz } = configuration
  for (const place of places) {
    change(place, (own) => {
      const role = own.site === transmitter ? 'transmitter' : 'receiver'
      const peer = role === 'transmitter' ? receiver : transmitter
      const joined = {
        ...{ link, peer, role, preset },
        device: { name, host: listener.host, port: listener.port },
        ...(clockHz === undefined ? {} : { clockHz }),
        blockBits: namedLink(preset).blockBits ?? BLOCK_BITS,
      }
      return { ...own, links: [...own.links.filter((one) => one['link'] !== link), joined] }
    })
  }
  return `${link}, preset ${preset}, simulated`
}

interface WrittenConfiguration extends Omit<SiteConfiguration, 'links'> {
  readonly links: readonly Readonly<Record<string, unknown>>[]
}

/** Changes a configuration file: as it was written, not as it was completed with defaults. */
function change(place: string, next: (own: WrittenConfiguration) => WrittenConfiguration): void {
  const file = join(place, CONFIG_FILE)
  readSite(place)
  const written = JSON.parse(readFileSync(file, 'utf8')) as WrittenConfiguration
  const complete = { ...written, peers: written.peers, links: written.links, saes: written.saes }
  writeJson(file, next(complete))
  readSite(place)
}

const readSite = (place: string): SiteConfiguration =>
  readConfigurationFile(join(place, CONFIG_FILE), SiteConfigurationShape)

const isFibre = (place: string): boolean =>
  existsSync(join(place, CONFIG_FILE)) &&
  'fibre' in (JSON.parse(readFileSync(join(place, CONFIG_FILE), 'utf8')) as object)

function newFolder(folder: string, unless: string): string {
  const place = openFolder(folder)
  if (!existsSync(join(place, unless))) return place
  throw new GatewayRefusal('FOLDER_IN_USE', `${place} holds something already`, {
    facts: { folder: place },
  })
}

function existing(folder: string): string {
  const place = resolve(folder)
  if (existsSync(place)) return openFolder(place)
  throw new GatewayRefusal('FOLDER_UNKNOWN', `There is no folder ${place}`, {
    facts: { folder: place },
  })
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
}

const FEDERATION = 'photonward'
/** Large enough that finite statistics cost little at the rate of a metropolitan link. */
const BLOCK_BITS = 4_000_000
