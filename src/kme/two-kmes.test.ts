/**
 * Two KMEs wired in memory over their key stores, for the tests of this room.
 *
 * @module
 */

import assert from 'node:assert/strict'
import {
  kmeId,
  linkId,
  saeId,
  SecretBytes,
  siteId,
  textOf,
  utf8,
  type ClientCertificate,
  type HttpResponse,
  type SaeId,
  type SiteId,
  type Statement,
} from '#base'
import {
  keystoreMigrations,
  openKeystore,
  type Keystore,
  type KeystoreLimits,
  type Origin,
} from '#keystore'
import { createKme, fixedDirectory, type Kme, type KmeOptions } from '#kme'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'

export const bristol = siteId('bristol')
export const cambridge = siteId('cambridge')
export const london = siteId('london')
export const link = linkId('bristol-cambridge')
export const archive = saeId('archive.bristol')
export const imaging = saeId('imaging.bristol')
export const ward = saeId('ward.cambridge')
export const clinic = saeId('clinic.cambridge')
export const office = saeId('office.london')

const origin: Origin = {
  source: 'seeded-test',
  randomness: 'simulated',
  authentication: 'pre-shared',
  assumptions: [],
  epsilon: 1e-9,
  seenBy: [bristol, cambridge],
}

export const directory = fixedDirectory({
  saes: [
    { sae: archive, site: bristol },
    { sae: imaging, site: bristol },
    { sae: ward, site: cambridge },
    { sae: clinic, site: cambridge },
    { sae: office, site: london },
  ],
  kmes: [
    { kme: kmeId('kme.bristol'), site: bristol },
    { kme: kmeId('kme.cambridge'), site: cambridge },
  ],
})

/** What the wire between two KMEs does with one message. */
export type Fault = 'none' | 'lost' | 'answer-lost' | 'garbled'

export interface Site {
  readonly site: SiteId
  readonly keystore: Keystore
  readonly store: MemoryStore
  readonly log: MemoryLog
  readonly kme: Kme
  /** Kinds of the alarms that its key store has raised. */
  readonly alarms: string[]
}

/** Two sites, their KMEs, and what goes wrong between them. */
export class Pair {
  readonly time = new SimulatedTime()
  /** Decides what becomes of the next message. */
  fault: (method: 'activate' | 'void' | 'stream') => Fault = () => 'none'
  /** Messages that the wire has carried, in order. */
  readonly carried: string[] = []
  #sequence = 0
  #runs = 0
  #sites = new Map<SiteId, Site>()
  #makers = new Map<SiteId, () => Kme>()

  get a(): Site {
    return this.#site(bristol)
  }

  get b(): Site {
    return this.#site(cambridge)
  }

  async open(
    options: {
      limits?: Partial<KeystoreLimits>
      kme?: Partial<KmeOptions>
      /** Stands between each KME and its key store. */
      between?: (keystore: Keystore) => Keystore
    } = {},
  ): Promise<this> {
    for (const site of [bristol, cambridge]) {
      const peer = site === bristol ? cambridge : bristol
      const store = new MemoryStore(keystoreMigrations)
      const alarms: string[] = []
      const keystore = await openKeystore({
        onAlarm: ({ kind }) => alarms.push(kind),
        site,
        store,
        disk: new MemoryDisk(),
        clock: this.time.view(),
        random: seededRandom(1, site),
        audit: { append: (): Statement => ({ sql: 'select 1', parameters: [] }) },
        wrappingRoot: SecretBytes.take(new Uint8Array(32).fill(9)),
        links: [{ link, peer, transmitter: bristol, receiver: cambridge, reserveOctets: 0 }],
        limits: options.limits ?? {},
      })
      const log = new MemoryLog()
      const make = (): Kme =>
        createKme({
          site,
          kme: kmeId(`kme.${site}`),
          keystore: options.between?.(keystore) ?? keystore,
          directory,
          clock: this.time.view(),
          random: seededRandom(++this.#runs, site),
          log,
          peer: {
            activate: (to, octets) => this.#carry('activate', to, octets),
            void: (to, octets) => this.#carry('void', to, octets),
            stream: (to, octets) => this.#carry('stream', to, octets),
          },
          ...options.kme,
        })
      this.#makers.set(site, make)
      const kme = make()
      this.#sites.set(site, { site, keystore, store, log, kme, alarms })
    }
    return this
  }

  /** A KME begins anew over its key store: whatever it had in memory is gone. */
  restartKme(site: SiteId): void {
    const make = this.#makers.get(site)
    assert(make !== undefined, 'the pair is open')
    this.#sites.set(site, { ...this.#site(site), kme: make() })
  }

  /** A block of `keys` 256-bit keys in each half, in use at both ends. */
  async grow(keys = 8): Promise<void> {
    const sequence = ++this.#sequence
    const octets = seededRandom(sequence, 'block').octets(2 * keys * 32)
    const key = { length: octets.length * 8, octets }
    const block = { link, epoch: 1, sequence, key, provenance: origin }
    for (const { keystore } of [this.a, this.b]) await keystore.ingest(block)
    for (const { keystore } of [this.a, this.b]) await keystore.confirm(link, block)
  }

  /** Both ends count the same bits. */
  assertCountsAgree(): void {
    const here = this.a.keystore.pool(cambridge)
    const there = this.b.keystore.pool(bristol)
    assert.equal(here.availableBits, there.peerBits)
    assert.equal(there.availableBits, here.peerBits)
  }

  async #carry(
    method: 'activate' | 'void' | 'stream',
    to: SiteId,
    octets: Uint8Array,
  ): Promise<Uint8Array> {
    const from = to === bristol ? cambridge : bristol
    const fault = this.fault(method)
    this.carried.push(`${method} ${fault}`)
    if (fault === 'lost') throw new Error('no answer in time')
    const { kme } = this.#site(to)
    // A copy each way: the ends are two machines.
    const copy = octets.slice()
    const answer = await {
      activate: () => kme.acceptActivations(from, copy),
      void: () => kme.acceptWithdrawals(from, copy),
      stream: () => kme.acceptStream(from, copy),
    }[method]()
    if (fault === 'answer-lost') throw new Error('no answer in time')
    return fault === 'garbled' ? answer.subarray(1) : answer.slice()
  }

  #site(site: SiteId): Site {
    const found = this.#sites.get(site)
    assert(found !== undefined, 'the pair is open')
    return found
  }
}

export const certificate = (commonName: string | undefined): ClientCertificate => ({
  commonName,
  uriNames: [],
  serialNumber: '01AB',
  fingerprint: '00',
})

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: {
    readonly message?: string
    readonly keys?: readonly {
      readonly key_ID: string
      readonly key: string
      readonly key_extension?: unknown
    }[]
    readonly [name: string]: unknown
  }
}

/** Calls a KME as an SAE; a body that is an object is sent as JSON. */
export async function call(
  { kme }: Pick<Site, 'kme'>,
  sae: SaeId | undefined,
  request: {
    method?: string
    path: string
    body?: unknown
    contentType?: string | undefined
    client?: ClientCertificate | undefined
  },
): Promise<Answer> {
  const { method = request.body === undefined ? 'GET' : 'POST', body } = request
  const [path, query = ''] = request.path.split('?')
  const octets =
    body === undefined
      ? new Uint8Array(0)
      : body instanceof Uint8Array
        ? body
        : utf8(typeof body === 'string' ? body : JSON.stringify(body))
  const contentType =
    'contentType' in request
      ? request.contentType
      : octets.length > 0
        ? 'application/json'
        : undefined
  const client =
    'client' in request ? request.client : sae === undefined ? undefined : certificate(sae)
  return read(
    await kme.handle({
      method,
      path,
      query: new URLSearchParams(query),
      contentType,
      body: octets,
      client,
    }),
  )
}

/** Parses an answer, which is JSON whatever it says. */
export function read({ status, headers = {}, body }: HttpResponse): Answer {
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['cache-control'], 'no-store')
  const text = typeof body === 'string' ? body : textOf(body)
  return { status, headers, body: JSON.parse(text) as Answer['body'] }
}

/** The key_IDs of an answer that holds keys, as a dec_keys body. */
export const keyIdsOf = ({ body }: Answer) => ({
  key_IDs: (body.keys ?? []).map(({ key_ID }) => ({ key_ID })),
})

export const enc = (slave: string): string => `/api/v1/keys/${slave}/enc_keys`
export const dec = (master: string): string => `/api/v1/keys/${master}/dec_keys`
export const statusOf = (slave: string): string => `/api/v1/keys/${slave}/status`

/** An answer that refuses, checked for its form. */
export function assertRefused(answer: Answer, status: number, message?: string | RegExp): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  assert.equal(typeof answer.body.message, 'string')
  assert(Object.keys(answer.body).every((name) => name === 'message' || name === 'details'))
  if (typeof message === 'string') assert.equal(answer.body.message, message)
  else if (message !== undefined) assert.match(answer.body.message ?? '', message)
}
