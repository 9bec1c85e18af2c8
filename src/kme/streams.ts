/**
 * ETSI GS QKD 004 as a function from call to answer: key streams for applications of this site.
 *
 * No socket and no TLS: the listener hands over the body of a frame with the verified client
 * certificate. Asks `stream-keeper.ts`, or the KME that keeps the stream, and waits as long as the
 * stream's Timeout where the answer may yet change.
 *
 * @see ETSI GS QKD 004 V2.1.1
 * @module
 */

import {
  AssertionFailure,
  assert,
  newUuid,
  saeId,
  uuidOctets,
  uuidOf,
  type Clock,
  type RandomSource,
  type SaeId,
  type SiteId,
  type Uuid,
} from '#base'
import {
  closeAnswer,
  keyAnswer,
  noKeyAnswer,
  openAnswer,
  readStreamRequest,
  SERVICE,
  STREAM_STATUS,
  type Qos,
  type StreamRequest,
  type StreamStatus,
} from './etsi-004.ts'
import { KmeRefusal, type KmeRefusalCode } from './refusal.ts'
import {
  chunkMetadata,
  keeperOf,
  StreamKeeper,
  type ChunkOutcome,
  type ChunkRequest,
} from './stream-keeper.ts'
import {
  questionOctets,
  readQuestion,
  readWord,
  wordOctets,
  type StreamQuestion,
  type StreamWord,
} from './stream-peering.ts'
import { fetchKeys, peerOf, type Supply } from './supply.ts'
import type { DeliveredKey } from '#keystore'

/** One frame of an application, or of the answer to it. */
export interface StreamFrame {
  /** Which call, or answer to which. */
  readonly service: number
  readonly body: Uint8Array
}

/** What streams stand on. */
export interface StreamsInput {
  readonly supply: Supply
  readonly clock: Clock
  readonly random: RandomSource
  readonly make: (request: ChunkRequest) => Promise<DeliveredKey>
  readonly bpsMax: (peer: SiteId) => number
  /** Whether an application of this site may share keys with another. */
  readonly mayShare: (sae: SaeId, other: SaeId) => boolean
  /** Counts a call of an application; whether it is one too many. */
  readonly limitRate: (sae: SaeId) => boolean
}

/** An end of a stream at this site, as its application opened it. */
interface End {
  readonly stream: Uuid
  readonly caller: SaeId
  readonly other: SaeId
  readonly peer: SiteId
  readonly qos: Qos
}

/** The streams of one KME. Owns those it keeps. */
export class Streams implements Disposable {
  readonly #input: StreamsInput
  readonly #keeper: StreamKeeper
  readonly #ends = new Map<string, End>()
  /** Ends that are being opened. */
  readonly #opening = new Set<string>()

  constructor(input: StreamsInput) {
    this.#input = input
    this.#keeper = new StreamKeeper(input)
  }

  /**
   * Answers one call of an application.
   *
   * @throws KmeRefusal `KME_REQUEST_INVALID` if it cannot be read: the protocol has no answer then
   */
  async answer(caller: SaeId | undefined, { service, body }: StreamFrame): Promise<StreamFrame> {
    const request = readStreamRequest(service, body)
    if (caller !== undefined && this.#input.limitRate(caller)) return tooMany(request)
    switch (request.kind) {
      case 'open':
        return { service: SERVICE.opened, body: await this.#open(caller, request) }
      case 'get':
        return { service: SERVICE.got, body: await this.#get(caller, request) }
      case 'close': {
        const status = caller === undefined ? NO_CONNECTION : await this.#close(caller, request)
        return { service: SERVICE.closed, body: closeAnswer(status) }
      }
    }
  }

  /** Answers the KME of another site about a stream kept here. @throws Refusal */
  async acceptQuestion(from: SiteId, octets: Uint8Array): Promise<Uint8Array> {
    return wordOctets(await this.#word(from, readQuestion(octets)))
  }

  /** The regular small work: what is over is cleared. */
  tend(): void {
    this.#keeper.tend()
  }

  [Symbol.dispose](): void {
    this.#keeper[Symbol.dispose]()
  }

  async #open(
    caller: SaeId | undefined,
    request: Extract<StreamRequest, { kind: 'open' }>,
  ): Promise<Uint8Array> {
    const refused = (status: StreamStatus): Uint8Array => openAnswer(status, request)
    const other = saeIn(request.destination)
    if (caller === undefined || saeIn(request.source) !== caller || other === undefined) {
      return refused(NO_CONNECTION)
    }
    if (!this.#input.mayShare(caller, other)) return refused(NO_CONNECTION)
    let peer
    try {
      peer = peerOf(this.#input.supply, caller, other)
    } catch (error) {
      if (error instanceof KmeRefusal) return refused(NO_CONNECTION)
      throw error
    }
    const stream = request.stream ?? this.#newName(peer)
    const name = endName(stream, caller)
    if (this.#ends.has(name) || this.#opening.has(name)) return refused(STREAM_STATUS.streamInUse)
    if (this.#ends.size + this.#opening.size >= ENDS_MAX) return refused(NO_CONNECTION)
    this.#opening.add(name)
    try {
      const asked = { kind: 'open', stream, caller, other, qos: request.qos } as const
      const { status, qos = request.qos } = await this.#ask(peer, asked, request.qos.timeoutMs)
      if (!IS_OPEN.has(status)) return openAnswer(status, { qos, stream: request.stream })
      this.#ends.set(name, { stream, caller, other, peer, qos })
      return openAnswer(status, { qos, stream })
    } finally {
      this.#opening.delete(name)
    }
  }

  async #get(
    caller: SaeId | undefined,
    { stream, index, metadataOctets }: Extract<StreamRequest, { kind: 'get' }>,
  ): Promise<Uint8Array> {
    const end = caller === undefined ? undefined : this.#ends.get(endName(stream, caller))
    if (end === undefined) return noKeyAnswer(NO_CONNECTION, { index, metadataOctets: 0 })
    const isPlain = end.qos.mimetype === ''
    const room = isPlain ? Infinity : metadataOctets
    const outcome = await this.#chunk(end, { index, metadataOctets: room })
    if (outcome.kind === 'none') return noKeyAnswer(outcome.status, { ...outcome, index })
    using octets = outcome.octets
    return keyAnswer(index, octets, isPlain ? new Uint8Array(0) : outcome.metadata)
  }

  async #close(caller: SaeId, { stream }: { readonly stream: Uuid }): Promise<StreamStatus> {
    const name = endName(stream, caller)
    const end = this.#ends.get(name)
    if (end === undefined) return NO_CONNECTION
    this.#ends.delete(name)
    const asked = { kind: 'close', stream, caller } as const
    const { status } = await this.#ask(end.peer, asked, end.qos.timeoutMs)
    // Where the keeper does not know of it any more, it is closed all the same.
    return status === NO_CONNECTION ? STREAM_STATUS.success : status
  }

  /** The chunk for an end, or the last reason why there is none when its Timeout is over. */
  async #chunk(
    end: End,
    wanted: { readonly index: number; readonly metadataOctets: number },
  ): Promise<Exclude<ChunkOutcome, { kind: 'key' }>> {
    const { clock } = this.#input
    const untilMs = clock.monotonicMs() + end.qos.timeoutMs
    for (;;) {
      const leftMs = untilMs - clock.monotonicMs()
      const outcome = await this.#try(end, wanted, Math.max(leftMs, ASK_MS_LEAST))
      if (outcome.kind === 'octets' || !MAY_CHANGE.has(outcome.status)) return outcome
      if (untilMs - clock.monotonicMs() < POLL_MS) return outcome
      await new Promise<void>((goOn) => clock.after(POLL_MS, goOn))
    }
  }

  async #try(
    end: End,
    wanted: { readonly index: number; readonly metadataOctets: number },
    leftMs: number,
  ): Promise<Exclude<ChunkOutcome, { kind: 'key' }>> {
    const { stream, caller, other, peer } = end
    const { supply } = this.#input
    try {
      if (this.#keeps(stream, peer)) {
        const outcome = await this.#keeper.get(stream, caller, wanted)
        assert(outcome.kind !== 'key', 'an application of the keeper gets octets')
        if (outcome.kind === 'none') this.#noteGone(end, outcome.status)
        return outcome
      }
      const asked = { kind: 'get', stream, caller, index: wanted.index } as const
      const { status, chunk } = await this.#ask(peer, asked, leftMs)
      if (chunk === undefined) {
        const why = status === STREAM_STATUS.success ? NO_CONNECTION : status
        this.#noteGone(end, why)
        return { kind: 'none', status: why, metadataOctets: 0 }
      }
      const { keyId, metadataOctets } = chunk
      if (metadataOctets > wanted.metadataOctets) {
        return { kind: 'none', status: STREAM_STATUS.metadataTooLong, metadataOctets }
      }
      const [key] = await fetchKeys(supply, { caller, master: other, keyIds: [keyId] })
      const { octets, provenance } = key
      return { kind: 'octets', octets, metadata: chunkMetadata(keyId, provenance) }
    } catch (error) {
      return { kind: 'none', status: statusOf(error), metadataOctets: 0 }
    }
  }

  /** A stream that its keeper does not know any more is not open here either. */
  #noteGone({ stream, caller }: End, status: StreamStatus): void {
    if (status === NO_CONNECTION) this.#ends.delete(endName(stream, caller))
  }

  /** Asks whoever keeps the stream; `timeout` where nobody answers in time. */
  async #ask(peer: SiteId, question: StreamQuestion, timeoutMs: number): Promise<StreamWord> {
    const { supply, clock } = this.#input
    if (this.#keeps(question.stream, peer)) return this.#word(supply.site, question)
    const { promise: late, resolve } = Promise.withResolvers<StreamWord>()
    const waitMs = timeoutMs === 0 ? ASK_MS : timeoutMs
    const cancel = clock.after(waitMs, () => resolve({ status: STREAM_STATUS.timeout }))
    try {
      const word = supply.peer.stream(peer, questionOctets(question)).then(readWord)
      word.catch(() => undefined) // It may fail after it was too late.
      return await Promise.race([word, late])
    } catch {
      return { status: STREAM_STATUS.timeout }
    } finally {
      cancel()
    }
  }

  /** What the keeper here says to an application of either site, `from` being that site. */
  async #word(from: SiteId, question: StreamQuestion): Promise<StreamWord> {
    const { supply } = this.#input
    const { stream, caller } = question
    if (supply.directory.siteOf(caller) !== from) return { status: NO_CONNECTION }
    switch (question.kind) {
      case 'open': {
        const { other, qos } = question
        const isOwn = from === supply.site
        const peer = isOwn ? supply.directory.siteOf(other) : from
        const isHere = isOwn || supply.directory.siteOf(other) === supply.site
        if (peer === undefined || !isHere || !this.#keeps(stream, peer)) {
          return { status: NO_CONNECTION }
        }
        const [own, far] = isOwn ? [caller, other] : [other, caller]
        return this.#keeper.open({ stream, caller, qos, own, other: far, peer })
      }
      case 'get': {
        const wanted = { index: question.index, metadataOctets: Infinity }
        try {
          const outcome = await this.#keeper.get(stream, caller, wanted)
          if (outcome.kind === 'none') return { status: outcome.status }
          assert(outcome.kind === 'key', 'octets are for applications of this site')
          const { keyId, metadataOctets } = outcome
          return { status: STREAM_STATUS.success, chunk: { keyId, metadataOctets } }
        } catch (error) {
          return { status: statusOf(error) }
        }
      }
      case 'close':
        return { status: this.#keeper.close(stream, caller) }
    }
  }

  /** A name of ours, so that this KME keeps the stream and its own half is used. */
  #newName(peer: SiteId): Uuid {
    const octets = uuidOctets(newUuid(this.#input.random))
    const name = uuidOf(octets)
    if (this.#keeps(name, peer)) return name
    octets[15] ^= 1
    return uuidOf(octets)
  }

  #keeps(stream: Uuid, peer: SiteId): boolean {
    const { site } = this.#input.supply
    return keeperOf(stream, [site, peer]) === site
  }
}

/**
 * The application a URI names: `<scheme>://<SAE ID>` with or without more behind it, as certificates
 * have it (`photonward:sae:<SAE ID>`), or the SAE ID itself.
 */
export function saeIn(uri: string): SaeId | undefined {
  const [, authority = uri] = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri) ?? []
  const name = authority.startsWith(SAE_URI) ? authority.slice(SAE_URI.length) : authority
  try {
    return saeId(name)
  } catch {
    return undefined
  }
}

/** Unlike HTTP, the protocol has no word for too many calls: it is told as one that took too long. */
function tooMany(request: StreamRequest): StreamFrame {
  const { timeout } = STREAM_STATUS
  switch (request.kind) {
    case 'open':
      return { service: SERVICE.opened, body: openAnswer(timeout, request) }
    case 'get':
      return { service: SERVICE.got, body: noKeyAnswer(timeout, { ...request, metadataOctets: 0 }) }
    case 'close':
      return { service: SERVICE.closed, body: closeAnswer(timeout) }
  }
}

const endName = (stream: Uuid, caller: SaeId): string => `${stream} ${caller}`

function statusOf(error: unknown): Exclude<StreamStatus, 0> {
  if (error instanceof AssertionFailure || !(error instanceof KmeRefusal)) throw error
  return STATUS_OF[error.code] ?? NO_CONNECTION
}

/** Whatever else is wrong, no key can be had over this connection now. */
const STATUS_OF: Readonly<Partial<Record<KmeRefusalCode, Exclude<StreamStatus, 0>>>> = {
  KME_KEYS_EXHAUSTED: STREAM_STATUS.insufficientKey,
  KME_KEY_NOT_FOUND: STREAM_STATUS.insufficientKey,
  KME_PEER_UNREACHABLE: STREAM_STATUS.timeout,
}
const NO_CONNECTION = STREAM_STATUS.noQkdConnection
const IS_OPEN: ReadonlySet<StreamStatus> = new Set([
  STREAM_STATUS.success,
  STREAM_STATUS.peerNotConnected,
])
/** What a little patience may help against. */
const MAY_CHANGE: ReadonlySet<StreamStatus> = new Set([
  STREAM_STATUS.insufficientKey,
  STREAM_STATUS.getKeyPeerNotConnected,
])
/** Time between looks at what is missing. */
const POLL_MS = 100
/** How long the other KME is asked where the stream has no Timeout, and the least of it otherwise. */
const ASK_MS = 3000
const ASK_MS_LEAST = 100
/** Ends of streams that are open at this KME. */
const ENDS_MAX = 2048
/** As in certificates of ours. */
const SAE_URI = 'photonward:sae:'
