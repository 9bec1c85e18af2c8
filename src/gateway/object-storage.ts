/**
 * One bucket of an object storage that speaks S3, as far as a site needs it: put, get, delete, list.
 *
 * Path style, requests signed by AWS Signature Version 4 (`aws4fetch`) with the hash of their body, over
 * TLS that is verified. What fails for want of an answer is tried again for two seconds; who comes
 * in the three seconds after that is refused at once, so that an outage holds nobody up.
 *
 * Does not encrypt, and does not know what it carries: the vault seals, and holds what it reads
 * against its hash. Whoever runs the storage sees names, sizes and times.
 *
 * @see Amazon S3 API Reference, PutObject, GetObject, HeadObject, DeleteObject, ListObjectsV2
 * @module
 */

import { createHash, randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent, type AgentOptions } from 'node:https'
import { AwsV4Signer } from 'aws4fetch'
import { PortRefusal, type Clock, type Facts, type Log } from '#base'
import { FILE_OCTETS_MAX } from './disk.ts'
import { AnswerTooLong, exchangeHttps, type HttpsAnswer } from './https-exchange.ts'
import { GatewayRefusal } from './refusal.ts'
import { credentialsIn } from './s3-credentials.ts'
import { systemCode } from './system.ts'

/** Where a bucket is, and who asks. */
export interface BucketAddress {
  /** Scheme, host and port. */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  /** Read at each request: what is put in its place counts at once. */
  readonly credentialsFile: string
  /** Certificates of the authority of the server; left out, those that Node brings. */
  readonly caFile?: string | undefined
}

export class ObjectStorage {
  readonly #address: BucketAddress
  readonly #clock: Clock
  readonly #log: Log
  readonly #agent: HttpAgent
  /** By the monotonic clock. */
  #quietUntilMs = 0
  /** Whether the last question found no answer: its change is worth a line of the log. */
  #isAway = false

  /** @throws GatewayRefusal `PERMISSION_DENIED`, `PERMISSION_TOO_OPEN`, `CREDENTIALS_INVALID` */
  constructor(address: BucketAddress, ports: { readonly clock: Clock; readonly log: Log }) {
    this.#address = address
    this.#clock = ports.clock
    this.#log = ports.log
    credentialsIn(address.credentialsFile)
    const common = { keepAlive: true, maxSockets: SOCKETS_MAX, timeout: IDLE_MS }
    this.#agent = address.endpoint.startsWith('http:')
      ? new HttpAgent(common)
      : new Agent({ ...common, ...tlsOf(address) })
  }

  /** The whole object, or undefined if there is none. @throws PortRefusal `BLOBS_UNREACHED` */
  async read(key: string): Promise<Uint8Array | undefined> {
    const limits = { timeoutMs: READ_MS, octetsMax: FILE_OCTETS_MAX }
    const answer = await this.#ask({ method: 'GET', key, ...limits })
    if (answer.status === 200) return answer.body
    if (answer.status === 404 && codeIn(answer) === 'NoSuchKey') return undefined
    throw this.#refused(answer)
  }

  /** Puts or replaces an object; durable when it resolves. @throws PortRefusal `BLOBS_UNREACHED` */
  async write(key: string, body: Uint8Array): Promise<void> {
    const timeoutMs = SHORT_MS + Math.ceil(body.length / OCTETS_A_MS)
    const answer = await this.#ask({ method: 'PUT', key, body, timeoutMs })
    if (answer.status !== 200) throw this.#refused(answer)
  }

  /** Removes an object and asks whether it has gone. @throws PortRefusal `BLOBS_UNREACHED` */
  async remove(key: string): Promise<void> {
    const answer = await this.#ask({ method: 'DELETE', key })
    const isGone = answer.status === 404 && codeIn(answer) === 'NoSuchKey'
    if (!isGone && answer.status !== 204 && answer.status !== 200) throw this.#refused(answer)
    if (answer.headers['x-amz-delete-marker'] === 'true') {
      this.#log.write('warning', 'blobs.former-kept', { bucket: this.#address.bucket })
    }
    const after = await this.#ask({ method: 'HEAD', key })
    if (after.status !== 404) throw this.#refused(after)
  }

  /** Names of all objects that begin so, in their order, a page at a time. @throws PortRefusal */
  async *keys(prefix: string): AsyncGenerator<readonly string[]> {
    for (let after = ''; ;) {
      const { keys, isMore } = await this.#page(prefix, after)
      const last = keys.at(-1)
      if (keys.some((key, at) => key <= (at === 0 ? after : keys[at - 1]))) {
        throw unreached('The object storage lists out of order')
      }
      yield keys
      if (!isMore || last === undefined) return
      after = last
    }
  }

  /** Asks for a list of one name: address, access key and bucket are right. @throws PortRefusal */
  async reach(): Promise<void> {
    await this.#page('', '', 1)
  }

  /** Whether the bucket keeps what is removed; undefined where the access key may not know. */
  async keepsFormer(): Promise<boolean | undefined> {
    const answer = await this.#ask({ method: 'GET', query: { versioning: '' } })
    const text = textOf(answer)
    const isTold = answer.status === 200 && text.includes('<VersioningConfiguration')
    return isTold ? /<Status>Enabled<\/Status>/.test(text) : undefined
  }

  async #page(prefix: string, after: string, size = PAGE_KEYS) {
    const start = after === '' ? {} : { 'start-after': after }
    const query = { 'list-type': '2', 'max-keys': String(size), prefix, ...start }
    const answer = await this.#ask({ method: 'GET', query, octetsMax: PAGE_OCTETS_MAX })
    const text = textOf(answer)
    if (answer.status !== 200 || !text.includes('<ListBucketResult')) throw this.#refused(answer)
    const keys = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key)
    return { keys, isMore: /<IsTruncated>true<\/IsTruncated>/.test(text) }
  }

  /** Asks until there is an answer that another asking would not better. */
  async #ask(question: Question): Promise<HttpsAnswer> {
    const begun = this.#clock.monotonicMs()
    if (begun < this.#quietUntilMs)
      throw unreached('The object storage did not answer a moment ago')
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 3) {
      const answer = await this.#once(question)
      if ('status' in answer && answer.status < 500 && answer.status !== 429) {
        this.#answered()
        return answer
      }
      const next = pauseMs + randomInt(pauseMs)
      if (this.#clock.monotonicMs() + next - begun > TRIES_MS) throw this.#unanswered(answer)
      await new Promise<void>((resume) => void this.#clock.after(next, resume))
    }
  }

  /** One request. @returns its answer, or why there is none */
  async #once(question: Question): Promise<HttpsAnswer | Error> {
    const { method, body, timeoutMs = SHORT_MS, octetsMax = PAGE_OCTETS_MAX } = question
    const { url, headers } = await this.#signed(question)
    const limits = { timeoutMs, connectMs: CONNECT_MS, octetsMax }
    try {
      return await exchangeHttps({ agent: this.#agent, method, url, headers, body, ...limits })
    } catch (error) {
      if (error instanceof AnswerTooLong) throw unreached('The object is too large', {}, error)
      return error instanceof Error ? error : new Error('No answer')
    }
  }

  async #signed({ method, key, query, body }: Question) {
    const { endpoint, bucket, region, credentialsFile } = this.#address
    const url = new URL(key === undefined ? `/${bucket}` : `/${bucket}/${key}`, endpoint)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    const hash = createHash('sha256')
      .update(body ?? '')
      .digest('hex')
    const signer = new AwsV4Signer({
      ...{ method, url: url.href, service: 's3', region, ...this.#credentials(credentialsFile) },
      headers: { 'x-amz-content-sha256': hash },
      datetime: new Date(this.#clock.now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
    })
    const signed = await signer.sign()
    return { url: signed.url.href, headers: Object.fromEntries(signed.headers) }
  }

  #credentials(file: string) {
    try {
      return credentialsIn(file)
    } catch (error) {
      if (!(error instanceof GatewayRefusal)) throw error
      throw unreached('The access key of the object storage cannot be read', {}, error)
    }
  }

  #answered(): void {
    this.#quietUntilMs = 0
    if (this.#isAway) this.#log.write('info', 'blobs.reached', { bucket: this.#address.bucket })
    this.#isAway = false
  }

  #unanswered(found: HttpsAnswer | Error): PortRefusal {
    this.#quietUntilMs = this.#clock.monotonicMs() + QUIET_MS
    const facts = 'status' in found ? factsOf(found) : { system: systemCode(found) ?? found.name }
    if (!this.#isAway) this.#log.write('warning', 'blobs.unreached', facts)
    this.#isAway = true
    const cause = found instanceof Error ? found : undefined
    return unreached('The object storage does not answer', facts, cause)
  }

  #refused(answer: HttpsAnswer): PortRefusal {
    const facts = factsOf(answer)
    this.#log.write('warning', 'blobs.refused', facts)
    return unreached('The object storage refuses', facts)
  }
}

interface Question {
  readonly method: 'GET' | 'PUT' | 'DELETE' | 'HEAD'
  /** Name of an object, of characters that need no escape; left out, the bucket is meant. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly timeoutMs?: number
  /** Of the answer. */
  readonly octetsMax?: number
}

function tlsOf({ caFile }: BucketAddress): AgentOptions {
  const settings: AgentOptions = { minVersion: 'TLSv1.2', rejectUnauthorized: true }
  if (caFile === undefined) return settings
  try {
    return { ...settings, ca: readFileSync(caFile) }
  } catch (cause) {
    const facts = { file: caFile, system: systemCode(cause) ?? 'unknown' }
    throw new GatewayRefusal('PERMISSION_DENIED', `Cannot read ${caFile}`, { cause, facts })
  }
}

/** What may be told of an answer: its status and the code of S3, never the rest of the body. */
function factsOf(answer: HttpsAnswer): Facts {
  const code = codeIn(answer)
  return { status: answer.status, ...(code === undefined ? {} : { reason: code }) }
}

const codeIn = (answer: HttpsAnswer): string | undefined =>
  /<Code>([A-Za-z]{1,64})<\/Code>/.exec(textOf(answer))?.[1]

const textOf = ({ body }: HttpsAnswer): string => Buffer.from(body).toString('utf8')

const unreached = (message: string, facts: Facts = {}, cause?: Error): PortRefusal =>
  new PortRefusal('BLOBS_UNREACHED', message, { facts, cause })

const SOCKETS_MAX = 16
const IDLE_MS = 10_000
const CONNECT_MS = 3000
/** For questions and answers without a container. */
const SHORT_MS = 10_000
const READ_MS = 60_000
/** The slowest way on which a container is still put: half a MiB a second. */
const OCTETS_A_MS = 512
const FIRST_PAUSE_MS = 100
/** Tries of one question begin within so long. */
const TRIES_MS = 2000
/** After an outage was found, nobody asks for so long. */
const QUIET_MS = 3000
const PAGE_KEYS = 1000
const PAGE_OCTETS_MAX = 4 * 1024 * 1024
