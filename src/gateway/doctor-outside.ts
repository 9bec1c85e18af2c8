/**
 * Looks at whom a site needs besides its peers and devices: vendors' KMEs, partners' KMEs, its database,
 * its object storage.
 *
 * Asks a vendor's KME for its status, which takes no key; partners and databases are only knocked at.
 *
 * @module
 */

import { Refusal } from '#base'
import type { CheckView } from '#contract'
import { KmeClient, type ForeignStatus } from '#kme/client'
import { answers, line, type ExaminedSite } from './check.ts'
import { SystemClock } from './clock.ts'
import { JsonLog } from './log.ts'
import { openPartners } from './partners.ts'
import { storageOf } from './site-disk.ts'
import { SyslogWay } from './syslog.ts'
import { postgresOf } from './store-open.ts'
import { vendorKmesAt } from './vendor-kme.ts'

export async function* outsideChecks(site: ExaminedSite): AsyncGenerator<CheckView> {
  yield* vendorChecks(site)
  yield* partnerChecks(site)
  yield* databaseChecks(site)
  yield* storageChecks(site)
  yield* siemChecks(site)
}

async function* vendorChecks({ folder, configuration }: ExaminedSite): AsyncGenerator<CheckView> {
  const kmes = vendorKmesAt(folder)
  for (const link of configuration.kmeLinks) {
    const check = `KME of ${link.link}`
    try {
      const status = await new KmeClient(kmes(link)).getStatus(link.peerSae)
      yield statusLine(check, status, link.keyBits)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { code, message, facts } = error as Refusal
      const reason = typeof facts['reason'] === 'string' ? `, ${facts['reason']}` : ''
      const next = NEXT.get(code) ?? 'docs/operate/vendor-links.md says what it means'
      yield line(check, 'warn', `${message} (${code}${reason})`, next)
    }
  }
}

function statusLine(check: string, status: ForeignStatus, bits: number): CheckView {
  const { minKeySizeBits: least = bits, maxKeySizeBits: most = bits, storedKeys } = status
  if (bits < least || bits > most) {
    const says = `gives keys of ${least} to ${most} bits, and ${bits} are configured`
    return line(check, 'fail', says, 'change keyBits of the link, at both sites')
  }
  return line(check, 'ok', `answers; ${storedKeys ?? 'an unknown number of'} keys are stored`)
}

async function* partnerChecks({ folder, configuration }: ExaminedSite): AsyncGenerator<CheckView> {
  try {
    openPartners(configuration, folder)?.[Symbol.dispose]()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield line('partners', 'fail', error.message, 'correct "partners" and the files that it names')
    return
  }
  for (const { name, url } of configuration.partners) {
    const { hostname, port } = new URL(url)
    const host = hostname.replace(/^\[|\]$/g, '')
    yield (await answers({ host, port: Number(port === '' ? 443 : port) }))
      ? line(`partner ${name}`, 'ok', `${url} can be reached`)
      : line(`partner ${name}`, 'warn', `nobody answers at ${url}`, 'correct its address, or ask')
  }
}

/** Makes a connection, as the daemon would, and sends nothing. */
async function* siemChecks({ folder, configuration }: ExaminedSite): AsyncGenerator<CheckView> {
  const { siem } = configuration
  if (siem === undefined) return
  const way = new SyslogWay(siem, folder)
  const place = `${siem.host}:${siem.port}`
  try {
    await way.connect()
    yield line('siem', 'ok', `a SIEM takes messages at ${place}`)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { cause } = error
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    yield line('siem', 'warn', `${error.message}${why}`, 'look at "siem": host, port, authority')
  } finally {
    way.close()
  }
}

async function* databaseChecks({ folder, configuration }: ExaminedSite): AsyncGenerator<CheckView> {
  const database = postgresOf(folder, configuration)
  if (database === undefined) return
  const { host, port } = database
  const at = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
  const place = 'path' in at ? at.path : `${host}:${port}`
  yield (await answers(at))
    ? line('database', 'ok', `PostgreSQL can be reached at ${place}`)
    : line('database', 'fail', `nobody answers at ${place}`, 'start PostgreSQL, or correct "store"')
}

/** Lists, as the daemon would, and writes nothing. */
async function* storageChecks({ folder, configuration }: ExaminedSite): AsyncGenerator<CheckView> {
  const { blobs } = configuration
  if (blobs === undefined) return
  const { endpoint, bucket } = blobs.s3
  using clock = new SystemClock()
  try {
    const log = new JsonLog({ clock, sinks: [] })
    const storage = storageOf(folder, configuration, { clock, log })
    await storage?.reach()
    if ((await storage?.keepsFormer()) === true) {
      const says = `the bucket ${bucket} keeps what is removed from it`
      yield line('object storage', 'warn', says, 'suspend versioning of the bucket')
    } else {
      yield line('object storage', 'ok', `the bucket ${bucket} can be listed at ${endpoint}`)
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { message, facts } = error as Refusal
    const told = ['reason', 'system', 'status'].find((name) => name in facts)
    const why = told === undefined ? '' : ` (${String(facts[told])})`
    const next = 'look at "blobs": endpoint, bucket, access key, authority'
    yield line('object storage', 'fail', `${message}${why}: ${bucket} at ${endpoint}`, next)
  }
}

/** What to do about a KME that does not answer as it should. */
const NEXT: ReadonlyMap<string, string> = new Map([
  ['KME_CLIENT_UNREACHED', 'look at url, certificate, key, ca and serverName of the link'],
  ['KME_CLIENT_UNANSWERED', 'does the KME accept the certificate of the link? ask its vendor'],
  ['KME_CLIENT_DENIED', 'register the SAEs of the link at the KME'],
])
