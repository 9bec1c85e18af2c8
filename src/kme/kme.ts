/**
 * The Key Management Entity of a site: ETSI GS QKD 014 as a function from request to response.
 *
 * No socket and no TLS: the listener hands over a request with its verified client certificate.
 * Every answer has a JSON body, errors included, because clients parse them all.
 *
 * Knows nothing of how keys are grown; says nothing about their quality unless asked by extension.
 *
 * @see ETSI GS QKD 014 V1.1.1 (2019-02)
 * @module
 */

import {
  AssertionFailure,
  type ClientCertificate,
  type HttpRequest,
  type Clock,
  type HttpResponse,
  type KeyId,
  type KmeId,
  type Log,
  type RandomSource,
  type SaeId,
  type SiteId,
} from '#base'
import type { DeliveredKey, Keystore } from '#keystore'
import { acceptActivations, acceptWithdrawals } from './accepting.ts'
import { Ahead } from './ahead.ts'
import { callerOf, type CallerRules } from './caller.ts'
import type { SaeDirectory } from './directory.ts'
import type { Partners } from './etsi-020.ts'
import { isExtensionName } from './etsi-020-wire.ts'
import { provenanceExtension, wishesOf, type Wishes } from './extensions.ts'
import { readJson, type JsonValue } from './json.ts'
import type { PeerTransport } from './peering.ts'
import { HTTP_STATUS, invalidRequest, KmeRefusal, type KmeRefusalCode } from './refusal.ts'
import { routeOf, type Route } from './routes.ts'
import { SaePolicies } from './sae-policy.ts'
import { withinShare, type Shares } from './shares.ts'
import { handleSkip, isSkip, SKIP_STATUS, type SkipDesk } from './skip.ts'
import { Streams, type StreamFrame } from './streams.ts'
import {
  activate,
  fetchKeys,
  makeKeys,
  peerOf,
  slavesBySite,
  type KeySupply,
  type MakeRequest,
  type Supply,
} from './supply.ts'
import {
  readKeyIdQuery,
  readKeyIds,
  readKeyQuery,
  readKeyRequest,
  STRICT_DIALECT,
  toError,
  toKeyContainer,
  toStatus,
  type Dialect,
  type KmeLimits,
} from './wire.ts'
import { sendVoids } from './withdrawing.ts'

/** What a KME stands on, and what it allows. */
export interface KmeOptions {
  readonly site: SiteId
  readonly kme: KmeId
  readonly keystore: Keystore
  readonly directory: SaeDirectory
  readonly peer: PeerTransport
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  readonly callers?: CallerRules
  /** Applications inside the daemon: nobody calls in their name, whatever his certificate says. */
  readonly inside?: readonly SaeId[]
  readonly limits?: Partial<KmeLimits>
  readonly dialect?: Partial<Dialect>
  /** How long keys wait to be fetched; default an hour. */
  readonly lifeMs?: number
  /** Refuses a call by saying after how many seconds to try again. Without it nobody is limited. */
  readonly limitRate?: (sae: SaeId) => number | undefined
  /** What each application may take of a pool. Without it nobody is limited. */
  readonly shares?: Pick<Shares, 'left' | 'take'>
  /** What single applications may beyond that. Without it there are no such limits. */
  readonly policies?: SaePolicies
  /** Other operators with whom keys are shared. Without it there are none. */
  readonly partners?: Partners
  /** Told of keys that were made, for whoever counts. Must not throw. */
  readonly onMade?: (request: MakeRequest) => void
  /** Bits a second that the links to a peer grow for this site's use; 0 unless told. */
  readonly growthBps?: (peer: SiteId) => number
}

/** The KME of one site. */
export interface Kme {
  /** Answers one request of an SAE. Rejects only with a bug of ours (`AssertionFailure`). */
  handle(request: HttpRequest): Promise<HttpResponse>
  /**
   * Answers one call of ETSI GS QKD 004.
   *
   * @throws KmeRefusal `KME_REQUEST_INVALID` if it cannot be read: the connection is of no use then
   */
  stream(call: StreamCall): Promise<StreamFrame>
  /**
   * Keys for an SAE of this site, inside the daemon. @throws KmeRefusal if it is not of this site
   */
  supplyFor(sae: SaeId): KeySupply
  /** Takes activations of the KME of another site; the octets of the answer. @throws Refusal */
  acceptActivations(from: SiteId, octets: Uint8Array): Promise<Uint8Array>
  /** Takes withdrawals of the KME of another site; the octets of the answer. @throws Refusal */
  acceptWithdrawals(from: SiteId, octets: Uint8Array): Promise<Uint8Array>
  /** Answers the KME of another site about a key stream; the octets of it. @throws Refusal */
  acceptStream(from: SiteId, octets: Uint8Array): Promise<Uint8Array>
  /** Sends what the peer has not confirmed: after a reconnection, and now and then. */
  sendVoids(peer: SiteId): Promise<void>
  /** Answers one request of another operator, by GS QKD 020. Rejects only with a bug of ours. */
  handlePartner(request: HttpRequest): Promise<HttpResponse>
  /**
   * The regular small work: clears what is over, tells partners what they wait for. The host calls
   * it about once a second. @throws PortRefusal
   */
  tend(): Promise<void>
  /** Withdraws what was made ahead, here and, if they answer, at the peers; before they are left. */
  giveBack(): Promise<void>
  /** Ends all streams and clears what is in them. */
  close(): void
}

/** A call of ETSI GS QKD 004: one frame, and who sends it. */
export interface StreamCall extends StreamFrame {
  readonly client: ClientCertificate | undefined
}

/** The KME of a site. */
export function createKme(options: KmeOptions): Kme {
  const { site, keystore, directory, peer, log, clock, shares, lifeMs = LIFE_MS } = options
  const common = { keystore, peer, activators: new Map(), partners: options.partners }
  const supply: Supply = {
    ...{ ...common, site, directory, log, lifeMs },
    voiding: new Map(),
    ahead: new Ahead({
      ...{ keystore, clock, log, lifeMs },
      activate: (reservation) => activate(common, reservation, {}),
      shareBits: (sae, to, bits) => shares?.left(sae, to, bits) ?? bits,
    }),
    ...(options.onMade === undefined ? {} : { onMade: options.onMade }),
  }
  const desk: Desk = {
    options,
    supply,
    limits: { ...KME_LIMITS, ...options.limits },
    dialect: { ...STRICT_DIALECT, ...options.dialect },
    policies: options.policies ?? new SaePolicies(options.clock, new Map()),
  }
  const streams = newStreams(desk)
  return {
    handle: (request) => handle(desk, request),
    supplyFor: (sae) => supplyFor(supply, sae),
    acceptActivations: (from, octets) => acceptActivations(supply, from, octets),
    acceptWithdrawals: (from, octets) => acceptWithdrawals(supply, from, octets),
    stream: (call) => streams.answer(saeOf(desk, call.client), call),
    acceptStream: (from, octets) => streams.acceptQuestion(from, octets),
    sendVoids: (to) => sendVoids(supply, to),
    handlePartner: (request) => options.partners?.handle(request) ?? NO_PARTNERS,
    tend: async () => {
      streams.tend()
      await supply.ahead.tend()
      await options.partners?.tend()
    },
    giveBack: () => giveBack(supply),
    close: () => {
      streams[Symbol.dispose]()
      options.partners?.stop()
    },
  }
}

interface Desk {
  readonly options: KmeOptions
  readonly supply: Supply
  readonly limits: KmeLimits
  readonly dialect: Dialect
  readonly policies: SaePolicies
}

async function handle(desk: Desk, request: HttpRequest): Promise<HttpResponse> {
  const ofSkip = isSkip(request)
  try {
    const caller = identify(desk, request.client)
    const wait = desk.options.limitRate?.(caller)
    if (wait !== undefined) {
      throw new KmeRefusal('KME_RATE_LIMITED', 'Too many requests of this SAE', {
        facts: { retryAfter: Math.max(1, Math.ceil(wait)) },
      })
    }
    if (ofSkip) return await handleSkip(skipDesk(desk), caller, request)
    const route = routeOf(request)
    switch (route.kind) {
      case 'status':
        return json(200, JSON.stringify(status(desk, caller, route)))
      case 'enc_keys':
        return container(await encKeys(desk, caller, route, request))
      case 'dec_keys':
        return container(await decKeys(desk, caller, route, request))
    }
  } catch (error) {
    if (error instanceof AssertionFailure) throw error
    return refusal(desk, error, ofSkip ? SKIP_STATUS : HTTP_STATUS)
  }
}

/** The SAE a certificate names, if it is attached to this KME and not inside it. */
function saeOf(
  { options, supply }: Desk,
  client: ClientCertificate | undefined,
): SaeId | undefined {
  const caller = callerOf(client, options.callers)
  if (caller === undefined || options.inside?.includes(caller) === true) return undefined
  return supply.directory.siteOf(caller) === supply.site ? caller : undefined
}

/** The calling SAE. @throws KmeRefusal `KME_SAE_UNKNOWN` */
function identify(desk: Desk, client: ClientCertificate | undefined): SaeId {
  const caller = saeOf(desk, client)
  if (caller !== undefined) return caller
  const message = 'The client certificate names no SAE of this KME'
  throw new KmeRefusal('KME_SAE_UNKNOWN', message)
}

function status({ options, supply, limits, policies }: Desk, master: SaeId, { sae: slave }: Route) {
  const { keystore, directory } = supply
  const peer = peerOf(supply, master, slave)
  const maxKeys = keystore.storableKeys(peer, limits.keySizeBits)
  const use = policies.useOf(master)
  const shared = use === 'emergency' ? undefined : options.shares
  const left = shared?.left(master, peer, availableBits(supply, master, peer))
  const sizeBits = limits.keySizeBits
  const storedKeys = Math.min(
    keystore.storedKeys(peer, sizeBits, use) +
      supply.ahead.stored({ peer, master, slaves: [slave], sizeBits }),
    left === undefined ? maxKeys : Math.floor(left / sizeBits),
    maxKeys,
  )
  const targetKme = directory.kmeOf(peer) ?? peer
  return toStatus({ sourceKme: options.kme, targetKme, master, slave, storedKeys, maxKeys }, limits)
}

export interface Answer {
  readonly keys: readonly DeliveredKey[]
  readonly wishes: Wishes
  /** What partners say beside keys, in JSON. */
  readonly beside?: ReadonlyMap<KeyId, string>
}

async function encKeys(
  desk: Desk,
  master: SaeId,
  { sae: slave, method }: Route,
  request: HttpRequest,
): Promise<Answer> {
  const { limits, dialect } = desk
  const asked =
    method === 'GET'
      ? readKeyQuery(request.query, limits, dialect)
      : readKeyRequest(bodyOf(request), limits, dialect)
  const wishes = wishesOf(asked)
  // Those of GS QKD 020 are for the network of the slave; others are for this KME alone.
  const extensions = new Map(
    asked.optional
      .filter(({ name }) => isExtensionName(name))
      .map(({ name, value }) => [name, value]),
  )
  return { keys: await make(desk, { master, slave, ...asked, extensions }), wishes }
}

/** Makes keys within the share of their master at every site. @throws KmeRefusal */
function make(
  { options, supply, policies }: Desk,
  request: MakeRequest,
): Promise<readonly DeliveredKey[]> {
  const { master, slave, additionalSlaves, number, sizeBits } = request
  policies.checkPeers(master, [slave, ...additionalSlaves])
  const use = policies.useOf(master)
  const peers = [...slavesBySite(supply, request).keys()]
  for (const peer of peers) {
    policies.checkSources(master, () => supply.keystore.keySources(peer, sizeBits))
  }
  const made = peers.reduce(
    (inner, peer) => () => {
      const share = {
        ...{ sae: master, peer, bits: number * sizeBits },
        availableBits: availableBits(supply, master, peer),
      }
      // What is kept for emergencies is nobody's share.
      return use === 'emergency' ? inner() : withinShare(options.shares, share, inner)
    },
    () => makeKeys(supply, { ...request, use, ahead: !policies.asksForSource(master) }),
  )
  return policies.withinQuota(master, number * sizeBits, made)
}

/** Bits that are there for a master: of the pool, and of keys made ahead for it. */
const availableBits = ({ keystore, ahead }: Supply, master: SaeId, peer: SiteId): number =>
  keystore.pool(peer).applicationBits + ahead.storedBits(master, peer)

async function giveBack(supply: Supply): Promise<void> {
  const peers = [...(await supply.ahead.close())]
  // What a peer does not hear of now, it hears when this site is back.
  await Promise.allSettled(peers.map((peer) => sendVoids(supply, peer)))
}

async function decKeys(
  { supply, limits, dialect, policies }: Desk,
  caller: SaeId,
  { sae: master, method }: Route,
  request: HttpRequest,
): Promise<Answer> {
  if (master === caller) throw invalidRequest('The master SAE is the caller itself')
  policies.checkPeers(caller, [master])
  const asked =
    method === 'GET'
      ? { keyIds: readKeyIdQuery(request.query, limits, dialect), extension: [] }
      : readKeyIds(bodyOf(request), limits, dialect)
  const wishes = wishesOf({ mandatory: [], optional: asked.extension })
  const { keyIds } = asked
  const beside = await besideOf(supply, keyIds)
  return { keys: await fetchKeys(supply, { caller, master, keyIds }), wishes, beside }
}

/** What partners say beside keys. Read before these are fetched: a failure here costs no key. */
async function besideOf(
  { partners }: Supply,
  keyIds: readonly KeyId[],
): Promise<ReadonlyMap<KeyId, string>> {
  const found = new Map<KeyId, string>()
  if (partners === undefined) return found
  for (const keyId of keyIds) {
    const text = await partners.extensionOf(keyId)
    if (text !== undefined) found.set(keyId, text)
  }
  return found
}

/** The JSON of a POST; undefined for none, which needs no Content-Type either. */
export function bodyOf({ body, contentType }: HttpRequest): JsonValue | undefined {
  if (body.length > BODY_OCTETS_MAX) {
    const message = `Expected a body of at most ${BODY_OCTETS_MAX} octets`
    throw new KmeRefusal('KME_BODY_TOO_LARGE', message)
  }
  if (body.length === 0) return undefined
  if (!JSON_TYPE.test(contentType ?? '')) {
    throw new KmeRefusal('KME_MEDIA_TYPE_WRONG', 'Expected a body of type application/json')
  }
  return readJson(body)
}

function newStreams(desk: Desk): Streams {
  const { options, supply } = desk
  const { clock, random, growthBps = () => 0, limitRate } = options
  const poolBits = (peer: SiteId): number => supply.keystore.pool(peer).applicationBits
  return new Streams({
    ...{ supply, clock, random },
    limitRate: (sae) => limitRate?.(sae) !== undefined,
    mayShare: (sae, other) => desk.policies.mayShare(sae, [other]),
    bpsMax: (peer) => growthBps(peer) + poolBits(peer) / STORED_OVER_S,
    make: ({ master, slave, octets, lifeMs }) =>
      makeOne(desk, { master, slave, sizeBits: octets * 8, lifeMs }),
  })
}

const skipDesk = (desk: Desk): SkipDesk => {
  const { supply, limits, options, policies } = desk
  const { random, inside = [] } = options
  return { supply, limits, random, inside, policies, make: (wanted) => makeOne(desk, wanted) }
}

async function makeOne(
  desk: Desk,
  wanted: Omit<MakeRequest, 'number' | 'additionalSlaves'>,
): Promise<DeliveredKey> {
  const [key] = await make(desk, { ...wanted, number: 1, additionalSlaves: [] })
  return key
}

/** A Key container; the keys are cleared, and the octets are the listener's to clear once sent. */
export function container({ keys, wishes, beside }: Answer): HttpResponse {
  try {
    const body = toKeyContainer(
      keys.map(({ keyId, octets, provenance }) => {
        const own = wishes.provenance ? JSON.stringify(provenanceExtension(provenance)) : undefined
        const extension = joinedObjects(own, beside?.get(keyId))
        return extension === undefined ? { keyId, octets } : { keyId, octets, extension }
      }),
    )
    return json(200, body)
  } finally {
    for (const { octets } of keys) octets[Symbol.dispose]()
  }
}

/** One JSON object of the members of two, whose names differ. */
const joinedObjects = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || b === undefined ? (a ?? b) : `${a.slice(0, -1)},${b.slice(1)}`

function refusal(
  { supply }: Desk,
  error: unknown,
  statuses: Readonly<Record<KmeRefusalCode, number>>,
): HttpResponse {
  if (!(error instanceof KmeRefusal)) {
    supply.log.write('error', 'kme.failed', { code: 'INTERNAL' })
    return json(
      statuses.KME_UNAVAILABLE,
      JSON.stringify(toError('The KME cannot serve this request at the moment')),
    )
  }
  const { code, message, facts } = error
  const statusCode = statuses[code]
  const { retryAfter = RETRY_AFTER_S, allow } = facts
  return json(statusCode, JSON.stringify(toError(message)), {
    ...(statusCode === 503 || statusCode === 429 ? { 'retry-after': String(retryAfter) } : {}),
    ...(typeof allow === 'string' ? { allow } : {}),
  })
}

const json = (
  statusCode: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse => ({
  status: statusCode,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  body,
})

function supplyFor(supply: Supply, sae: SaeId): KeySupply {
  if (supply.directory.siteOf(sae) !== supply.site) {
    throw new KmeRefusal('KME_SAE_UNKNOWN', 'The SAE is not attached to this KME')
  }
  return {
    sae,
    sources: ({ slave, sizeBits }) => {
      const { directory, keystore } = supply
      const peer = keystore.peers.find((site) => site === directory.siteOf(slave))
      return peer === undefined ? [] : keystore.keySources(peer, sizeBits)
    },
    getKey: async ({ slave, sizeBits }) => {
      const about = { master: sae, slave, additionalSlaves: [], number: 1, sizeBits }
      const request = { ...about, use: 'relay' as const }
      const [key] = await makeKeys(supply, request)
      return key
    },
    getKeyWithId: async ({ master, keyId }) => {
      const [key] = await fetchKeys(supply, { caller: sae, master, keyIds: [keyId] })
      return key
    },
  }
}

const NO_PARTNERS = Promise.resolve<HttpResponse>({ status: 404, body: '' })
/** What a KME allows unless told otherwise. */
export const KME_LIMITS: KmeLimits = {
  keySizeBits: 256,
  minKeySizeBits: 64,
  maxKeySizeBits: 4096,
  maxKeysPerRequest: 128,
  maxSaeIds: 8,
}

/** Octets of a request body: room for 128 key_IDs with extensions. */
export const BODY_OCTETS_MAX = 65_536
/** How long keys wait to be fetched: an hour. */
export const LIFE_MS = 3_600_000
/** Seconds after which a client may try again. */
const RETRY_AFTER_S = 1
/** A rate counts as kept up if what is stored lasts for so long at it. */
const STORED_OVER_S = 600
const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i
