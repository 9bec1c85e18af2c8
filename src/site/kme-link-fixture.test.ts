/**
 * Two sites with real key stores and a link between them whose keys a vendor's KMEs give: two of our
 * own, or two that behave as KMEs in the field do. Every effect of a site can be its last.
 *
 * @module
 */

import {
  kmeId,
  linkId,
  newUuid,
  PortRefusal,
  saeId,
  SecretBytes,
  siteId,
  textOf,
  utf8,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newSigningKeyPair } from '#crypto'
import {
  keystoreMigrations,
  openKeystore,
  readActivation,
  type Keystore,
  type Origin,
} from '#keystore'
import {
  createKme,
  fixedDirectory,
  KmeClient,
  KmeClientRefusal,
  type KmeClientRequest,
  type KmeClientResponse,
  type KmeClientTransport,
} from '#kme'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from './alarms.ts'
import type { KmeLinkTerms } from './kme-link-context.ts'
import { KmeLink, type KmeLinkMethod } from './kme-link.ts'
import { LinkHistory, linkHistoryMigrations } from './link-history.ts'
import { RemoteRefusal } from './peers.ts'

export const bristol = siteId('bristol')
export const cambridge = siteId('cambridge')
export const link = linkId('bristol-cambridge')
export const terms: KmeLinkTerms = {
  ...{ link, transmitter: bristol, receiver: cambridge },
  ...{ transmitterSae: 'sae.bristol', receiverSae: 'sae.cambridge' },
  ...{ vendor: siteId('acme'), epsilon: 1e-9, keyBits: 256 },
}
const saeOf = (site: SiteId) => saeId(`sae.${site}`)

/** A vendor's two KMEs: whoever asks at one end gets what the other can fetch at its own. */
export interface Vendor {
  /** Answers the SAE of one of the sites. */
  call(site: SiteId, request: KmeClientRequest): Promise<KmeClientResponse>
}

/** Our own KME as the vendor's: two of them over two key stores. */
export async function ownVendor(time: SimulatedTime, keys: number): Promise<Vendor> {
  const inner = linkId('vendor-link')
  const sites = [bristol, cambridge]
  const random = seededRandom(5, 'vendor')
  const keystores = new Map<SiteId, Keystore>()
  const kmes = new Map<SiteId, ReturnType<typeof createKme>>()
  const directory = fixedDirectory({
    saes: sites.map((site) => ({ sae: saeOf(site), site })),
    kmes: sites.map((site) => ({ kme: kmeId(`vendor.${site}`), site })),
  })
  const kmeAt = (site: SiteId) => {
    const kme = kmes.get(site)
    if (kme === undefined) throw new RangeError(`No KME at ${site}`)
    return kme
  }
  for (const site of sites) {
    const [peer] = sites.filter((one) => one !== site)
    const keystore = await openKeystore({
      ...{ site, store: new MemoryStore(keystoreMigrations), disk: new MemoryDisk() },
      ...{ clock: time.view(), random },
      audit: { append: (): Statement => ({ sql: 'select 1', parameters: [] }) },
      wrappingRoot: SecretBytes.take(new Uint8Array(32).fill(9)),
      links: [{ link: inner, peer, transmitter: bristol, receiver: cambridge, reserveOctets: 0 }],
    })
    keystores.set(site, keystore)
    const peerAs = (method: 'acceptActivations' | 'acceptWithdrawals' | 'acceptStream') => {
      return (to: SiteId, octets: Uint8Array) => kmeAt(to)[method](site, octets)
    }
    kmes.set(
      site,
      createKme({
        ...{ site, kme: kmeId(`vendor.${site}`), keystore, directory, random },
        ...{ clock: time.view(), log: new MemoryLog() },
        peer: {
          activate: peerAs('acceptActivations'),
          void: peerAs('acceptWithdrawals'),
          stream: peerAs('acceptStream'),
        },
      }),
    )
  }
  const octets = random.octets(keys * 64)
  const block = { link: inner, epoch: 1, sequence: 0, key: { length: octets.length * 8, octets } }
  const provenance: Origin = {
    source: 'seeded-test',
    randomness: 'simulated',
    authentication: 'pre-shared',
    assumptions: [],
    epsilon: 0,
    seenBy: [],
  }
  for (const keystore of keystores.values()) await keystore.ingest({ ...block, provenance })
  for (const keystore of keystores.values()) await keystore.confirm(inner, block)
  return {
    call: async (site, { method, path, body }) => {
      const [name, query] = path.split('?')
      const client = {
        ...{ commonName: saeOf(site), uriNames: [], serialNumber: '01', fingerprint: '00' },
      }
      const answer = await kmeAt(site).handle({
        ...{ method, path: name, query: new URLSearchParams(query), client },
        contentType: body === undefined ? undefined : 'application/json',
        body: body ?? new Uint8Array(0),
      })
      const { body: said } = answer
      return { status: answer.status, body: typeof said === 'string' ? utf8(said) : said.slice() }
    },
  }
}

/** What a KME in the field may do otherwise than the text says, or than anybody should. */
export interface Quirks {
  /** Keys that it has to give; endless unless said. */
  readonly stock?: number
  readonly keysAtMost?: number
  /** Says 0 wherever it could say something. */
  readonly saysNothing?: boolean
  readonly getOnly?: boolean
  /** Status of an empty KME. */
  readonly empty?: 400 | 404 | 503
  readonly answersShuffled?: boolean
  /** Changes what is given: the key of the n-th key_ID, at either end. */
  readonly spoil?: (key: Uint8Array, n: number, site: SiteId) => Uint8Array
  /** Changes the answer to the n-th request for keys. */
  readonly fault?: (n: number, answer: KmeClientResponse) => KmeClientResponse
}

/** Two KMEs that hold keys in memory and give each once at each end. */
export class QuirkyVendor implements Vendor {
  quirks: Quirks
  /** Keys that have been asked for by key_ID, in turn. */
  readonly fetched: string[] = []
  given = 0
  #requests = 0
  readonly #random = seededRandom(3, 'quirky')
  readonly #waiting = new Map<string, { readonly key: Uint8Array; readonly n: number }>()

  constructor(quirks: Quirks = {}) {
    this.quirks = quirks
  }

  call(site: SiteId, { method, path, body }: KmeClientRequest): Promise<KmeClientResponse> {
    const { pathname, searchParams } = new URL(path, 'https://kme')
    if (pathname.endsWith('/status')) return Promise.resolve(this.#status())
    if (method === 'POST' && this.quirks.getOnly === true) return Promise.resolve(json(405, {}))
    const asked = body === undefined ? {} : (JSON.parse(textOf(body)) as Asked)
    const answer = pathname.endsWith('/enc_keys')
      ? this.#give(site, Number(searchParams.get('number') ?? asked.number))
      : this.#fetch(site, searchParams.getAll('key_ID'), asked)
    return Promise.resolve(this.quirks.fault?.(++this.#requests, answer) ?? answer)
  }

  #status(): KmeClientResponse {
    const { saysNothing = false, keysAtMost = 20 } = this.quirks
    const [count, most] = saysNothing ? [0, 0] : [100, keysAtMost]
    const counts = { key_size: 256, stored_key_count: count, max_key_per_request: most }
    return json(200, { source_KME_ID: 4, ...counts, details: ['x'] })
  }

  #give(site: SiteId, number: number): KmeClientResponse {
    const { stock = Infinity, keysAtMost = 20, empty = 503 } = this.quirks
    if (number > keysAtMost) return json(400, { message: 'number', details: ['too many'] })
    if (this.given + number > stock) return json(empty, { message: 'Not enough keys' })
    const keys = Array.from({ length: number }, () => {
      const id = newUuid(this.#random)
      const key = this.#random.octets(32)
      const n = this.given++
      this.#waiting.set(id, { key, n })
      return { key_ID: id, key: this.#spoilt(key, n, site) }
    })
    return json(200, { keys })
  }

  #fetch(site: SiteId, named: readonly string[], { key_IDs: more = [] }: Asked): KmeClientResponse {
    const ids = [...named, ...more.map(({ key_ID: id }) => id)]
    this.fetched.push(...ids)
    const found = ids.flatMap((id) => {
      const one = this.#waiting.get(id)
      return one === undefined ? [] : [{ key_ID: id, key: this.#spoilt(one.key, one.n, site) }]
    })
    if (found.length < ids.length) return json(404, { message: 'no such key' })
    for (const id of ids) this.#waiting.delete(id)
    return json(200, { keys: this.quirks.answersShuffled === true ? found.toReversed() : found })
  }

  #spoilt(key: Uint8Array, n: number, site: SiteId): string {
    return (this.quirks.spoil?.(key.slice(), n, site) ?? key).toBase64()
  }
}

interface Asked {
  readonly number?: number
  readonly key_IDs?: readonly { readonly key_ID: string }[]
}

const json = (status: number, body: object): KmeClientResponse => ({
  status,
  body: utf8(JSON.stringify(body)),
})

/** One run of a site's daemon: what it does after its death reaches nobody. */
class Life {
  effects = 0
  over = false
  dies: { readonly at: number; readonly after: boolean } | undefined

  /** Lets an effect happen, unless the run is over before it or by it. */
  async effect<T>(work: () => Promise<T>): Promise<T> {
    const n = ++this.effects
    const isLast = n === this.dies?.at
    if (this.over || (isLast && this.dies?.after === false)) {
      this.over = true
      throw gone()
    }
    const outcome = await work()
    if (isLast) this.over = true
    // The dead hear nothing.
    if (this.over) throw gone()
    return outcome
  }
}

export const gone = (): PortRefusal => new PortRefusal('NETWORK_CLOSED', 'The connection ended')

export interface KmeSiteSettings {
  readonly keysPerBlock?: number
  readonly targetBits?: number
  readonly terms?: Partial<KmeLinkTerms>
}

/** A site: what outlives its daemon, and the daemon. */
export class KmeSite {
  readonly site: SiteId
  readonly store = new MemoryStore([
    ...[...auditMigrations, ...alarmMigrations, ...linkHistoryMigrations, ...keystoreMigrations],
  ])
  readonly disk = new MemoryDisk()
  readonly log = new MemoryLog()
  readonly secrets = new Map<string, Uint8Array>()
  life = new Life()
  keystore!: Keystore // Set by `start`, before anybody has the site.
  alarms!: Alarms // The same.
  link!: KmeLink // The same.

  constructor(site: SiteId) {
    this.site = site
  }

  get pool() {
    const [pool] = this.keystore.pool(this.keystore.peers[0]).links
    return pool
  }
}

/** Both sites, the vendor between them, and time. */
export class KmePair {
  readonly time = new SimulatedTime()
  readonly random = seededRandom(8, 'pair')
  readonly a = new KmeSite(bristol)
  readonly b = new KmeSite(cambridge)
  readonly settings: KmeSiteSettings
  vendor: Vendor
  /** When the first run of a site ends, in effects from the start of its link. */
  readonly deaths = new Map<SiteId, Life['dies']>()
  /** Stands on the wire between the sites. */
  wire: (
    method: KmeLinkMethod,
    payload: Uint8Array,
    deliver: (payload: Uint8Array) => Promise<Uint8Array>,
  ) => Promise<Uint8Array> = (_method, payload, deliver) => deliver(payload)

  constructor(vendor: Vendor, settings: KmeSiteSettings = {}) {
    this.vendor = vendor
    this.settings = settings
  }

  async start(): Promise<this> {
    // The receiving end first, so that the first opening finds it.
    for (const site of [this.b, this.a]) await this.restart(site)
    return this
  }

  /** Forgets everything in memory, as a crash does. */
  async restart(of: KmeSite): Promise<void> {
    const { site, store: memory, disk, log } = of
    of.life.over = true
    const life = new Life()
    of.life = life
    const clock = this.time.view()
    const store: Store = {
      read: (statement) => memory.read(statement),
      commit: (statements) => life.effect(() => memory.commit(statements)),
    }
    const { random } = this
    const audit = await AuditLog.open({ site, store, clock, signer: SIGNER })
    const peer = site === bristol ? cambridge : bristol
    of.keystore = await openKeystore({
      ...{ site, store, disk, clock, random, audit },
      wrappingRoot: SecretBytes.take(new Uint8Array(32).fill(site.length)),
      links: [{ link, peer, transmitter: bristol, receiver: cambridge, reserveOctets: 0 }],
    })
    of.alarms = await Alarms.open({ site, store, clock, random, audit, log })
    const transport: KmeClientTransport = (request) =>
      life.effect(() => this.vendor.call(site, request))
    const { keysPerBlock = 16, targetBits = 4096 } = this.settings
    of.link = new KmeLink({
      ...{ site, clock, random, log, audit, keystore: of.keystore, alarms: of.alarms },
      terms: { ...terms, ...(site === cambridge ? this.settings.terms : {}) },
      ...{ keysPerBlock, targetBits, pollMs: 1000, client: new KmeClient(transport) },
      history: await LinkHistory.open({ site, link, store, log }),
      secrets: {
        open: () => {
          const secret = random.octets(32)
          const session = newUuid(random)
          this.b.secrets.set(session, secret.slice())
          return Promise.resolve({ session, secret: SecretBytes.take(secret) })
        },
        take: (_, session) => {
          const secret = of.secrets.get(session)
          of.secrets.delete(session)
          return secret && SecretBytes.take(secret)
        },
      },
      reach: () => (this.b.life.over ? Promise.reject(gone()) : Promise.resolve()),
      ask: (method, payload) =>
        life.effect(() => this.wire(method, payload, (sent) => this.#deliver(method, sent))),
    })
    const death = this.deaths.get(site)
    this.deaths.delete(site)
    life.dies = death && { at: life.effects + death.at, after: death.after }
    of.link.start()
  }

  /** Both ends count the same bits. */
  get counts(): readonly (readonly number[])[] {
    const { a, b } = this
    return [
      [a.pool.availableBits, b.pool.peerBits],
      [b.pool.availableBits, a.pool.peerBits],
    ]
  }

  #deliver(method: KmeLinkMethod, payload: Uint8Array): Promise<Uint8Array> {
    return this.b.life.effect(async () => {
      try {
        return await this.b.link.answer(bristol, method, payload.slice())
      } catch (error) {
        if (error instanceof PortRefusal || !(error instanceof Error)) throw error
        const { code = 'INTERNAL', message } = error as Error & { code?: string }
        throw new RemoteRefusal(code, message)
      }
    })
  }
}

/** All keys that one end can give out, fetched at the other: pairs of hex. */
export async function allKeys(from: KmeSite, to: KmeSite) {
  const [master, slave] = [saeId(`app.${from.site}`), saeId(`app.${to.site}`)]
  const number = from.keystore.storedKeys(to.site, 256)
  const reservation = await from.keystore.reserve({
    ...{ peer: to.site, master, slaves: [slave], sizeBits: 256, number, lifeMs: 60_000 },
  })
  for (const message of reservation.activations) {
    const outcome = await to.keystore.activate(from.site, readActivation(message))
    if (outcome.kind !== 'activated') throw new RangeError(outcome.cause)
  }
  const made = await from.keystore.issue(reservation)
  const about = { caller: slave, master, keyIds: made.map(({ keyId }) => keyId) }
  const fetched = await to.keystore.deliver(about)
  return made.map(({ octets, provenance }, at) => ({
    made: octets.reveal().toHex(),
    fetched: fetched[at].octets.reveal().toHex(),
    provenance,
  }))
}

export const noAnswer = (): KmeClientRefusal =>
  new KmeClientRefusal('KME_CLIENT_UNANSWERED', 'No answer in time')

const SIGNER = {
  name: 'photonward.example/kme-link',
  ed25519: newSigningKeyPair('ed25519'),
  mlDsa44: newSigningKeyPair('ml-dsa-44'),
}
