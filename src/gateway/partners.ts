/**
 * The way to the KMEs of other operators (ETSI GS QKD 020): mutual TLS 1.3 with certificates agreed.
 *
 * A partner is known by the very certificates that are in his files, at either end of a connection;
 * an authority alone vouches for nobody, for that of one partner could name another. Requests go to
 * the origin that is configured and nowhere else, and redirections are not followed.
 *
 * @module
 */

import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { Agent } from 'node:https'
import { resolve } from 'node:path'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { PortRefusal, type Log, type SiteId } from '#base'
import {
  PARTNER_BODY_OCTETS_MAX,
  type PartnerAccess,
  type PartnerTransport,
  type Site,
  type SiteConfiguration,
} from '#site'
import { openHttp, type HttpListener } from './http.ts'
import { exchangeHttps } from './https-exchange.ts'
import { GatewayRefusal } from './refusal.ts'
import { systemCode } from './system.ts'
import { NORTH_TLS, tlsOptions, type Credentials } from './tls.ts'

/** Partners of a site, with what their files say. */
export interface PartnerLinks extends PartnerAccess, Disposable {
  /** For the listener: trusts the authorities of all partners. */
  readonly credentials: Credentials
}

/**
 * Reads the files of the partners of a site; undefined if it has none.
 *
 * @throws GatewayRefusal `CONFIG_INVALID`, `CREDENTIALS_INVALID`, `PERMISSION_DENIED`
 */
export function openPartners(
  configuration: SiteConfiguration,
  folder: string,
): PartnerLinks | undefined {
  const { partners, etsi020Identity: identity } = configuration
  if (partners.length === 0) return undefined
  if (identity === undefined) throw invalid('partners need "etsi020Identity"')
  checkNames(configuration)
  const own = { key: textOf(folder, identity.key), cert: textOf(folder, identity.certificate) }
  const links = new Map<string, Link>()
  for (const { name, url, authority, certificates } of partners) {
    const ca = textOf(folder, authority)
    const pins = certificates.map((file) => fingerprintOf(textOf(folder, file), file))
    const options = tlsOptions(NORTH_TLS, { ...own, ca })
    const checkServer = (host: string, shown: PeerCertificate): Error | undefined =>
      checkServerIdentity(host, shown) ??
      (pins.includes(plain(shown.fingerprint256)) ? undefined : new Error('Not agreed'))
    const agent = new Agent({
      ...{ ...options, keepAlive: true, maxSockets: SOCKETS_MAX, timeout: IDLE_MS },
      checkServerIdentity: checkServer,
    })
    links.set(name, { origin: new URL(url).origin, ca, pins, agent })
  }
  return {
    certificatesOf: (name) => links.get(name)?.pins ?? [],
    transport: { send: (name, request) => send(links.get(name), name, request) },
    credentials: { ...own, ca: [...links.values()].map(({ ca }) => ca).join('\n') },
    [Symbol.dispose]: () => {
      for (const { agent } of links.values()) agent.destroy()
    },
  }
}

/** Listens for partners. @throws GatewayRefusal */
export function openPartnerListener(options: {
  readonly listen: { readonly host: string; readonly port: number }
  readonly links: PartnerLinks
  readonly site: Site
  readonly log: Log
}): Promise<HttpListener> {
  const { listen, links, site, log } = options
  return openHttp({
    ...{ name: 'partners', listen, credentials: links.credentials, handler: site.partners, log },
    bodyOctetsMax: PARTNER_BODY_OCTETS_MAX,
  })
}

interface Link {
  readonly origin: string
  readonly ca: string
  readonly pins: readonly string[]
  readonly agent: Agent
}

async function send(
  link: Link | undefined,
  partner: SiteId,
  { method, url, body }: Parameters<PartnerTransport['send']>[1],
): ReturnType<PartnerTransport['send']> {
  const unanswered = (reason: string): PortRefusal =>
    new PortRefusal('NETWORK_UNREACHABLE', `No answer of ${partner}: ${reason}`)
  if (link === undefined || new URL(url).origin !== link.origin) throw unanswered('not configured')
  const headers = body === undefined ? {} : { 'content-type': JSON_TYPE }
  const limits = { timeoutMs: ANSWER_MS, octetsMax: PARTNER_BODY_OCTETS_MAX }
  try {
    return await exchangeHttps({ ...{ agent: link.agent, method, url, headers, body }, ...limits })
  } catch (error) {
    throw unanswered(systemCode(error) ?? (error instanceof Error ? error.name : 'unknown'))
  }
}

/** A partner is none of the sites, and his applications are nobody else's. @throws GatewayRefusal */
function checkNames({ site, peers, partners, saes }: SiteConfiguration): void {
  const sites = [site, ...peers.map((peer) => peer.site), ...partners.map(({ name }) => name)]
  if (new Set(sites).size < sites.length)
    throw invalid('a partner has the name of another, or of a site')
  const names = [...saes.map(({ sae }) => sae), ...partners.flatMap((one) => one.saes)]
  if (new Set(names).size < names.length) throw invalid('an SAE of a partner is named twice')
}

function textOf(folder: string, file: string): string {
  const path = resolve(folder, file)
  try {
    if (statSync(path).size <= FILE_OCTETS_MAX) return readFileSync(path, 'utf8')
  } catch (cause) {
    const facts = { file: path, system: systemCode(cause) ?? 'unknown' }
    throw new GatewayRefusal('PERMISSION_DENIED', `Cannot read ${path}`, { cause, facts })
  }
  throw invalid(`${path} has more than ${FILE_OCTETS_MAX} octets`)
}

function fingerprintOf(pem: string, file: string): string {
  try {
    return plain(new X509Certificate(pem).fingerprint256)
  } catch (cause) {
    const message = `Expected a certificate in PEM in ${file}`
    throw new GatewayRefusal('CREDENTIALS_INVALID', message, { cause })
  }
}

/** A fingerprint as `certificateFields` has it. */
const plain = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase()

const invalid = (problem: string): GatewayRefusal =>
  new GatewayRefusal('CONFIG_INVALID', `The configuration: ${problem}`)

const JSON_TYPE = 'application/json; charset=utf-8'
/** Octets of a PEM file. */
const FILE_OCTETS_MAX = 65_536
const SOCKETS_MAX = 8
const IDLE_MS = 60_000
/** How long one answer is waited for. */
const ANSWER_MS = 2000
