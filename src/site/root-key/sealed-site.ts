/**
 * What a sealed site answers: how to open it to its operator, "come back later" to everybody else.
 *
 * Without the root key a site cannot show who it is, open a record, read or write its log, serve a
 * key or meet a peer. So everything waits, and only listeners that can say so are open.
 *
 * @module
 */

import { Refusal, type Clock, type Disk, type HttpHandler, type RandomSource } from '#base'
import { siteRoutes, type Handlers, type SiteRoutes } from '#contract'
import { fingerprintOf, pem, selfMadeCredentials, type Credentials } from '#pki'
import { readAnchors } from '../material.ts'
import { AdminRefusal } from '../admin-refusal.ts'
import type { Unsealing } from './unsealing.ts'

/** A sealed site was asked for something that needs its root key. */
export class SealRefusal extends Refusal<'SITE_SEALED_TRY_AGAIN'> {
  override readonly name = 'SealRefusal'
}

/** Answers about the seal; refuses every other route. */
export function sealedHandlers(
  unsealing: Unsealing,
  own: Pick<Handlers<SiteRoutes>, 'stop'> & { readonly newConsoleLink: () => string | undefined },
): Handlers<SiteRoutes> {
  const refused = Object.keys(siteRoutes).map((name) => [name, refuse] as const)
  return {
    ...(Object.fromEntries(refused) as unknown as Handlers<SiteRoutes>),
    stop: own.stop,
    consoleLink: () => {
      const url = own.newConsoleLink()
      if (url !== undefined) return Promise.resolve({ url })
      const why = 'The site has no console: set "consoleListener" in photonward.json'
      throw new AdminRefusal('CONSOLE_ABSENT', why)
    },
    sealState: () => Promise.resolve(unsealing.view),
    unseal: (_query, { secret }) => unsealing.offer(secret),
    seal: () => Promise.resolve({ sealing: true }),
  }
}

/** For routes that stream too: nothing of a stream has begun. */
function refuse(): never {
  const message = 'The site is sealed: it needs its root key. Give passphrase or shares first'
  throw new SealRefusal('SITE_SEALED_TRY_AGAIN', message)
}

/** ETSI GS QKD 014 while a site is sealed: 503, as §5.5 has it for a KME that cannot serve now. */
export const sealedKeys: HttpHandler = () =>
  Promise.resolve({
    status: 503,
    headers: { 'retry-after': RETRY_AFTER_S, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'This KME is sealed: its operators have to open it' }),
  })

/** FHIR R4 while a site is sealed. */
export const sealedRecords: HttpHandler = () =>
  Promise.resolve({
    status: 503,
    headers: { 'retry-after': RETRY_AFTER_S, 'content-type': 'application/fhir+json' },
    body: JSON.stringify({
      resourceType: 'OperationOutcome',
      issue: [
        {
          severity: 'error',
          code: 'transient',
          diagnostics: 'This server is sealed: its operators have to open it',
        },
      ],
    }),
  })

/**
 * A key and a certificate by which listeners of a sealed site can answer at all, for a month.
 *
 * Nobody vouches for it: the keys that somebody vouches for are sealed. A client that checks sees a
 * certificate called "sealed" and goes no further.
 */
export async function sealedCredentials(means: {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: RandomSource
}): Promise<Omit<Credentials, 'crl'>> {
  const { disk, clock, random } = means
  const { north } = await readAnchors(disk)
  const about = { name: 'sealed', now: clock.now(), lifeMs: LIFE_MS }
  return await selfMadeCredentials({ ...about, ca: pem('CERTIFICATE', north) }, random)
}

/** SHA-256 of the root between sites, hexadecimal: what operators compare. */
export const rootFingerprintIn = async (disk: Disk): Promise<string> =>
  fingerprintOf((await readAnchors(disk)).sites)

const RETRY_AFTER_S = '30'
const LIFE_MS = 30 * 24 * 3_600_000
