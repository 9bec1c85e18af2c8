/**
 * What a hospital has and a trusted node has not: the records of patients, their transfers, and the
 * FHIR server over them.
 *
 * Loaded only where it is needed: the process of a trusted node holds none of this code, no key of a
 * vault and no table of one.
 *
 * @module
 */

import { DAY_MS, epochMs, HOUR_MS, siteId, type HttpResponse, type SiteId, utf8 } from '#base'
import type { AuditLog } from '#audit'
import { hmac, type DualVerifier } from '#crypto'
import { Exchange } from '#exchange'
import { openGlassKeeper, type Bearer, type GlassKeeper } from '#access'
import type { FhirRequest } from '#fhir'
import type { SiteStatement } from '#pki'
import { openVault, type Vault } from '#vault'
import { bearerDesk, SignedInDesk } from './fhir-desks.ts'
import { TellingTrail } from './telling.ts'
import { GlassWatch } from './glass-watch.ts'
import type { ClientDesk } from './fhir-clients.ts'
import type { Deciding } from './fhir-asking.ts'
import { fhirErrorBody, FHIR_BODY_OCTETS_MAX, FHIR_TYPE, newFhir } from './fhir-service.ts'
import { formerKeysOf, type FormerStatement } from './known-sites.ts'
import type { Alarms } from './alarms.ts'
import type { Peers } from './peers.ts'
import { openPeople, type PeopleDesk } from './people.ts'
import { keyFor } from './root-key/root-key.ts'
import { receivedBy, sendingOf } from './fhir-sending.ts'
import { answerSignOn, challenged, signOnPlaces } from './sign-on.ts'
import { ScrubKeeper } from './scrub-keeper.ts'
import type { Sessions } from './sessions.ts'
import type { SiteOptions } from './site.ts'

export interface Records {
  readonly vault: Vault
  /** Verifies what is stored, again and again. */
  readonly scrub: ScrubKeeper
  readonly exchange: Exchange
  readonly fhir: FhirDesk
  readonly desk: PeopleDesk
  /** What requests are decided with. */
  readonly deciding: Deciding
  readonly clientNamed: ClientDesk['named']
  readonly glass: GlassKeeper
  /** Alarms of broken glass. */
  readonly glassWatch: GlassWatch
  /** Resolves once requests can be decided; rejects if they never will. */
  readonly ready: Promise<unknown>
}

/** FHIR R4, for a listener. */
export interface FhirDesk {
  readonly handle: (request: FhirRequest) => Promise<HttpResponse>
  /** For somebody whom the host has signed in, whatever certificate or token comes with it. */
  readonly handleFor: (bearer: Bearer, request: FhirRequest) => Promise<HttpResponse>
  /** Ends what runs in the background. */
  readonly close: () => void
  /** What the listener itself answers to what is no request. */
  readonly errorBody: (status: number, message: string) => string
  readonly errorType: string
  readonly bodyOctetsMax: number
}

export interface RecordsInput {
  readonly audit: AuditLog
  readonly alarms: Alarms
  readonly sessions: Sessions
  readonly peers: Peers
  /** This site and its peers, by their statements. */
  readonly known: ReadonlyMap<SiteId, SiteStatement>
  readonly former: readonly FormerStatement[]
}

/** Opens vault and exchange; nothing is sent before the exchange is started. */
export async function openRecords(options: SiteOptions, input: RecordsInput): Promise<Records> {
  const { configuration, ports, material, root, version, policies } = options
  const { store, disk, clock, random } = ports
  const { audit, known, former } = input
  using vaultRoot = keyFor(root, 'vault')
  const vault = await openVault({
    ...{ store, disk, clock, random, audit },
    site: siteId(configuration.site),
    rootKey: vaultRoot,
    signer: material.keys.statement,
    verifiersOf: (of) => keysOf(known, of),
    formerVerifiersOf: (of) => formerKeysOf(former, of),
    acceptOnlySynthetic: configuration.profile === 'demo',
  })
  const exchange = newExchange(options, { ...input, vault })
  const desk = openPeople({
    ...{ site: configuration.site, ports, audit: new TellingTrail(audit, vault) },
    key: keyFor(root, 'people'),
  })
  const { glass, glassWatch, glassKey } = await openGlass(options, input)
  const names = keyFor(root, 'pseudonyms')
  const pseudonymOf = (name: string): string =>
    hmac('sha256', names.reveal(), utf8(name)).slice(0, PSEUDONYM_OCTETS).toHex()
  const places = signOnPlaces(configuration)
  const tokens = places === undefined ? undefined : desk.tokensFor(places)
  const signedIn = new SignedInDesk(clock)
  const { knock = noKnock } = options
  const hookKey = keyFor(root, 'fhir')
  const peers = configuration.peers.map((peer) => peer.site)
  const { fhir, ready, deciding, clientNamed } = newFhir({
    ...{ configuration, ports, version, vault, policies, pseudonymOf, glass, knock, hookKey },
    sending: sendingOf({ exchange, vault, audit, peers }),
    wayOf: (record) => receivedBy(exchange, record),
    desks: [signedIn.desk, ...(tokens === undefined ? [] : [bearerDesk(tokens)])],
  })
  const scrub = newScrub(options, input, vault)
  return {
    ...{ vault, scrub, glass, glassWatch, deciding, clientNamed },
    exchange,
    desk,
    ready,
    fhir: {
      handle: async (request) => {
        if (places === undefined || tokens === undefined) return await fhir.handle(request)
        const answer = await answerSignOn(request, { places, tokens })
        return answer ?? challenged(await fhir.handle(request))
      },
      handleFor: (bearer, request) => signedIn.handle(fhir, bearer, request),
      close: () => {
        fhir[Symbol.dispose]()
        names[Symbol.dispose]()
        hookKey[Symbol.dispose]()
        glassKey[Symbol.dispose]()
      },
      errorBody: fhirErrorBody,
      errorType: FHIR_TYPE,
      bodyOctetsMax: FHIR_BODY_OCTETS_MAX,
    },
  }
}

/** Verifies what is stored once a day, and then forgets events whose term is over. */
function newScrub(
  { configuration, ports }: SiteOptions,
  { alarms }: Pick<RecordsInput, 'alarms'>,
  vault: Vault,
): ScrubKeeper {
  const { clock, log } = ports
  return new ScrubKeeper({
    ...{ clock, log, alarms, scrub: () => vault.scrub() },
    sweep: (stop) => vault.sweep(stop),
    besides: async () => {
      await vault.forgetEvents(epochMs(clock.now() - configuration.eventYears * YEAR_MS))
    },
  })
}

/** Broken glass, and its alarms. */
async function openGlass(
  { configuration, ports, root }: SiteOptions,
  { audit, alarms }: Pick<RecordsInput, 'audit' | 'alarms'>,
) {
  const { store, random, clock, log } = ports
  const key = keyFor(root, 'glass')
  const own = { site: siteId(configuration.site), store, random, clock, audit, key }
  const reviewMs = configuration.breakGlass.reviewHours * HOUR_MS
  const glass = await openGlassKeeper({ ...own, reviewMs })
  return { glass, glassKey: key, glassWatch: new GlassWatch({ clock, log, alarms, glass }) }
}

/** Where the host brings no way out, nobody answers. */
const noKnock = (): Promise<number> => Promise.resolve(NO_ANSWER)

function keysOf(known: RecordsInput['known'], site: SiteId): readonly DualVerifier[] {
  const statement = known.get(site)
  return statement === undefined ? [] : [statement.statement]
}

function newExchange(
  { configuration, ports, material }: SiteOptions,
  parts: RecordsInput & { readonly vault: Vault },
): Exchange {
  const { audit, vault, sessions, peers, known } = parts
  const { store, clock, random, log } = ports
  const exchange = new Exchange({
    ...{ store, clock, random, log, audit, vault },
    site: siteId(configuration.site),
    signer: material.keys.statement,
    keysOf: (site) => known.get(site)?.statement,
    ask: (peer, method, payload) => peers.request(peer, method, payload, TRANSFER_TIMEOUT_MS),
    sessions: {
      prepare: (peer, want) => sessions.prepare(peer, want),
      open: (peer, want) => sessions.open(peer, { ...want, purpose: 'transfer' }),
      take: (peer, session) => sessions.take(peer, session),
    },
    // The class's own least mode raises it; nothing weaker than this is ever asked for.
    defaultMode: 'prefer-quantum',
  })
  for (const [method, handler] of Object.entries(exchange.handlers)) peers.serve(method, handler)
  return exchange
}

/** A year of 365.25 days: six of them are never a day short. */
const YEAR_MS = 365.25 * DAY_MS
const PSEUDONYM_OCTETS = 16
/** 502, bad gateway. */
const NO_ANSWER = 502
const TRANSFER_TIMEOUT_MS = 60_000
