/**
 * Two operators in one process, each with a KME of his own, that share keys by GS QKD 020.
 *
 * @module
 */

import assert from 'node:assert/strict'
import {
  kmeId,
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
  type Store,
} from '#base'
import { keystoreMigrations, openKeystore, type Keystore, type KeystoreAlarm } from '#keystore'
import {
  createKme,
  fixedDirectory,
  ownSaes,
  partnerLink,
  partnerMigrations,
  Partners,
  type Kme,
  type PartnersOptions,
} from '#kme'
import {
  MemoryDisk,
  MemoryLog,
  MemoryStore,
  seededRandom,
  settle,
  SimulatedTime,
} from '#world/ports'
import { call, type Answer } from './two-kmes.test.ts'

/** Sites of the two operators; each knows the other by the name of his site. */
export const ely = siteId('ely')
export const thetford = siteId('thetford')
export const doctor = saeId('doctor.ely')
export const nurse = saeId('nurse.ely')
export const ward = saeId('ward.thetford')
export const clinic = saeId('clinic.thetford')

const SAES: Readonly<Record<string, readonly SaeId[]>> = {
  ely: [doctor, nurse],
  thetford: [ward, clinic],
}
export const originOf = (site: SiteId): string => `https://kme.${site}.example:9443`
export const fingerprintOf = (site: string): string => `fingerprint of ${site}`
export const otherOf = (site: SiteId): SiteId => (site === ely ? thetford : ely)

/** What the wire does with one request. */
export type Fault =
  | 'none'
  | 'lost'
  | 'answer-lost'
  | 'garbled'
  | number
  | { readonly status: number; readonly body: Uint8Array }

/** One request as it went over the wire. */
export interface Sent {
  readonly from: SiteId
  readonly method: string
  readonly url: string
  readonly text: string
}

export interface Operator {
  readonly site: SiteId
  readonly keystore: Keystore
  readonly kme: Kme
  readonly log: MemoryLog
  readonly alarms: KeystoreAlarm[]
}

/** A store on which a machine may die: from then on nothing of it is done any more. */
export class MortalStore implements Store {
  readonly inner = new MemoryStore([...keystoreMigrations, ...partnerMigrations])
  /** Commits until death; whether the last one is still made. */
  fuse: { left: number; isMade: boolean } | undefined
  isDead = false
  commits = 0

  read(statement: Statement) {
    return this.isDead ? never() : this.inner.read(statement)
  }

  async commit(statements: readonly Statement[]) {
    if (this.isDead) return never()
    this.commits++
    const { fuse } = this
    if (fuse === undefined || --fuse.left > 0) return this.inner.commit(statements)
    this.isDead = true
    if (fuse.isMade) await this.inner.commit(statements)
    return never()
  }
}

const never = (): Promise<never> => new Promise<never>(() => undefined)

export class Operators {
  readonly time = new SimulatedTime()
  readonly sent: Sent[] = []
  readonly stores = new Map<SiteId, MortalStore>()
  /** Decides what becomes of the next request. */
  fault: (request: Sent) => Fault = () => 'none'
  /** Done before a request arrives. */
  before: (request: Sent) => Promise<void> = () => Promise.resolve()
  options: Partial<PartnersOptions> & { readonly callback?: boolean } = {}
  readonly #operators = new Map<SiteId, Operator>()
  readonly #disks = new Map<SiteId, MemoryDisk>()
  #runs = 0

  at(site: SiteId): Operator {
    const found = this.#operators.get(site)
    assert(found !== undefined, 'both are open')
    return found
  }

  /** Opens an operator, or opens him again over what his disk holds. */
  async open(site: SiteId): Promise<void> {
    const old = this.stores.get(site)
    const store = new MortalStore()
    if (old !== undefined) Object.assign(store, { inner: old.inner })
    const disk = this.#disks.get(site) ?? new MemoryDisk()
    this.stores.set(site, store)
    this.#disks.set(site, disk)
    const other = otherOf(site)
    const clock = this.time.view()
    const random = seededRandom(++this.#runs, site)
    const log = new MemoryLog()
    const audit = { append: (): Statement => ({ sql: 'select 1', parameters: [] }) }
    const alarms: KeystoreAlarm[] = []
    const keystore = await openKeystore({
      ...{ site, store, disk, clock, random, audit },
      wrappingRoot: SecretBytes.take(new Uint8Array(32).fill(9)),
      links: [partnerLink(site, other)],
      onAlarm: (alarm) => void alarms.push(alarm),
    })
    const directory = fixedDirectory({
      saes: [ely, thetford].flatMap((at) => (SAES[at] ?? []).map((sae) => ({ sae, site: at }))),
      kmes: [],
    })
    const { callback = true, ...options } = this.options
    const partners = await Partners.open({
      ...{ site, keystore, store, clock, random, log, audit },
      isOwn: ownSaes(directory, site, []),
      transport: { send: (to, request) => this.#carry(site, to, request) },
      partners: [
        {
          name: other,
          url: originOf(other),
          certificates: [fingerprintOf(other)],
          saes: SAES[other] ?? [],
          callback: callback ? `${originOf(site)}/kmapi/v1/ext_keys/ack` : undefined,
        },
      ],
      ...options,
    })
    const kme = createKme({
      ...{ site, keystore, directory, clock, random, log, partners },
      kme: kmeId(`kme.${site}`),
      peer: { activate: never, void: never, stream: never },
    })
    this.#operators.set(site, { site, keystore, kme, log, alarms })
  }

  /** Seconds of ordinary life: both do their regular work. */
  async live(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      for (const { kme, keystore, site } of this.#operators.values()) {
        if (this.stores.get(site)?.isDead === true) continue
        void kme.tend()
        void keystore.tend()
        if (keystore.pool(otherOf(site)).pendingVoids > 0) {
          kme.sendVoids(otherOf(site)).catch(() => undefined)
        }
      }
      await this.time.advance(1000)
      await settle()
    }
  }

  /** What an answer will be once time has passed; undefined if there is none. */
  async after<T>(work: Promise<T>, seconds = 20): Promise<T | undefined> {
    let result: T | undefined
    void work.then((value) => {
      result = value
    })
    await settle()
    for (let ms = 0; ms < seconds * 1000 && result === undefined; ms += 20) {
      await this.time.advance(20)
    }
    return result
  }

  /** Asks for keys as an SAE of an operator. */
  make(site: SiteId, master: SaeId, slave: SaeId, body: unknown = {}): Promise<Answer | undefined> {
    const path = `/api/v1/keys/${slave}/enc_keys`
    return this.after(call(this.at(site), master, { path, body }))
  }

  fetch(site: SiteId, slave: SaeId, master: SaeId, ids: readonly string[]): Promise<Answer> {
    const body = { key_IDs: ids.map((id) => ({ key_ID: id })) }
    return call(this.at(site), slave, { path: `/api/v1/keys/${master}/dec_keys`, body })
  }

  /** A request to the 020 listener of an operator, from whoever shows that certificate. */
  async ask(
    site: SiteId,
    action: string,
    body: unknown,
    client = fingerprintOf(otherOf(site)),
  ): Promise<{ status: number; body: unknown; headers: Readonly<Record<string, string>> }> {
    const octets = body instanceof Uint8Array ? body : utf8(JSON.stringify(body))
    const {
      status,
      headers,
      body: answer,
    } = await this.at(site).kme.handlePartner({
      method: 'POST',
      path: `/kmapi/v1/${action}`,
      query: new URLSearchParams(),
      contentType: 'application/json',
      body: octets,
      client: certificate(client),
    })
    const text = typeof answer === 'string' ? answer : textOf(answer)
    return { status, headers: headers ?? {}, body: text === '' ? undefined : JSON.parse(text) }
  }

  async #carry(
    from: SiteId,
    to: SiteId,
    request: { method: string; url: string; body?: Uint8Array },
  ): Promise<{ status: number; body: Uint8Array }> {
    const { method, url, body = new Uint8Array(0) } = request
    const sent = { from, method, url, text: textOf(body) }
    this.sent.push(sent)
    const fault = this.fault(sent)
    assert(url.startsWith(originOf(to)), 'nothing goes anywhere else')
    if (fault === 'lost' || this.stores.get(to)?.isDead === true) throw new Error('no answer')
    if (typeof fault === 'object') return fault
    if (typeof fault === 'number') return { status: fault, body: utf8('{}') }
    await this.before(sent)
    const { pathname: path } = new URL(url)
    const answered = this.at(to).kme.handlePartner({
      ...{ method, path, query: new URLSearchParams(), body: body.slice() },
      contentType: body.length === 0 ? undefined : 'application/json',
      client: certificate(fingerprintOf(from)),
    })
    const { promise: late, reject } = Promise.withResolvers<never>()
    const cancel = this.time.after(2000, () => reject(new Error('no answer in time')))
    const answer = await Promise.race([answered, late]).finally(cancel)
    if (fault === 'answer-lost') throw new Error('no answer')
    const octets = octetsOf(answer)
    return { status: answer.status, body: fault === 'garbled' ? utf8('{"x":') : octets }
  }
}

const octetsOf = ({ body }: HttpResponse): Uint8Array =>
  typeof body === 'string' ? utf8(body) : body.slice()

export const certificate = (fingerprint: string): ClientCertificate => ({
  commonName: 'whatever it says',
  uriNames: [],
  serialNumber: '01',
  fingerprint,
})

/** Both operators, open. */
export async function operators(options: Operators['options'] = {}): Promise<Operators> {
  const two = new Operators()
  two.options = options
  await two.open(ely)
  await two.open(thetford)
  return two
}

export const keysOf = (answer: Answer | undefined) => {
  assert.equal(answer?.status, 200, JSON.stringify(answer?.body))
  return answer.body.keys ?? []
}

export const idsOf = (answer: Answer | undefined): readonly string[] =>
  keysOf(answer).map(({ key_ID }) => key_ID)
