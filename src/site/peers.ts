/**
 * Requests between sites: one question, one answer, over the authenticated Network port.
 *
 * Delivery is at least once in effect: whoever gets no answer asks again, so every handler must
 * give the same answer to the same question and do its work once. Peers are authenticated by the
 * connection; what must convince a third party later is signed inside the payload.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  logFacts,
  noteOf,
  Octets,
  PortRefusal,
  Refusal,
  Text,
  toCbor,
  Type,
  Whole,
  type Cancel,
  type Clock,
  type Connection,
  type Log,
  type Network,
  type SiteId,
} from '#base'

/** Answers one kind of question from a peer. */
export type PeerHandler = (from: SiteId, payload: Uint8Array) => Promise<Uint8Array>

export type PeerRefusalCode = 'PEER_TIMEOUT' | 'PEER_BUSY' | 'PEER_METHOD_UNKNOWN'

/** This site's side of a failed request; the peer may or may not have acted. */
export class PeerRefusal extends Refusal<PeerRefusalCode> {
  override readonly name = 'PeerRefusal'
}

/** The peer refused: it did nothing, and says why. */
export class RemoteRefusal extends Refusal {
  override readonly name = 'RemoteRefusal'
}

interface Waiting {
  readonly resolve: (payload: Uint8Array) => void
  readonly reject: (error: unknown) => void
  readonly cancel: Cancel
}

interface InHand {
  questions: number
  octets: number
  /** Connections of the peer that wait to be read on. */
  readonly waiting: (() => void)[]
}

interface Outgoing {
  readonly connection: Connection
  readonly waiting: Map<number, Waiting>
}

/** Asks and answers for one site. */
export class Peers {
  readonly #network: Network
  readonly #clock: Clock
  readonly #log: Log
  readonly #handlers = new Map<string, PeerHandler>()
  readonly #outgoing = new Map<SiteId, Promise<Outgoing>>()
  readonly #connected = new Set<SiteId>()
  readonly #known: ReadonlySet<SiteId>
  readonly #channel: string
  /** Questions of each peer that are being answered; while there are too many no more are read. */
  readonly #inHand = new Map<SiteId, InHand>()
  #nextId = 0
  #stopped = false
  #stopAccepting: Cancel | undefined

  /** @param input.channel   what its connections are for; `peer` unless said */
  constructor(input: {
    network: Network
    clock: Clock
    log: Log
    peers: readonly SiteId[]
    channel?: string
  }) {
    this.#network = input.network
    this.#clock = input.clock
    this.#log = input.log
    this.#known = new Set(input.peers)
    this.#channel = input.channel ?? CHANNEL
  }

  /** Declares who answers `method`. Once each, before `start`. */
  serve(method: string, handler: PeerHandler): void {
    this.#handlers.set(method, handler)
  }

  start(): void {
    this.#stopAccepting = this.#network.accept(
      (channel) => channel === this.#channel,
      (connection) => connection.receive((message) => this.#answer(connection, message)),
    )
  }

  stop(): void {
    this.#stopped = true
    this.#stopAccepting?.()
    for (const opening of this.#outgoing.values()) {
      void opening.then(({ connection }) => connection.close()).catch(() => undefined)
    }
  }

  /** Whether the last request to this peer found it. */
  isConnected(peer: SiteId): boolean {
    return this.#connected.has(peer)
  }

  /**
   * Asks a peer.
   *
   * Rejects with `RemoteRefusal` if the peer refused; with `PeerRefusal` `PEER_TIMEOUT` or a
   * `PortRefusal` if no answer came: then the peer may have acted.
   */
  async request(
    peer: SiteId,
    method: string,
    payload: Uint8Array,
    timeoutMs = TIMEOUT_MS,
  ): Promise<Uint8Array> {
    const outgoing = await this.#reach(peer)
    if (outgoing.waiting.size >= WAITING_MAX) {
      throw new PeerRefusal('PEER_BUSY', 'Too many requests to this peer are waiting')
    }
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const cancel = this.#clock.after(timeoutMs, () => {
      outgoing.waiting.delete(id)
      reject(
        new PeerRefusal('PEER_TIMEOUT', 'The peer did not answer in time', { facts: { peer } }),
      )
    })
    outgoing.waiting.set(id, { resolve, reject, cancel })
    const send = outgoing.connection.send(toCbor({ id, method, payload }))
    send.catch((error: unknown) => this.#fail(outgoing, id, error))
    return promise
  }

  /** Resolves once a connection to the peer stands. Rejects with a `PortRefusal`. */
  async reach(peer: SiteId): Promise<void> {
    await this.#reach(peer)
  }

  #reach(peer: SiteId): Promise<Outgoing> {
    if (this.#stopped || !this.#known.has(peer)) {
      const why = this.#stopped ? 'This site is stopping' : 'No such peer is configured'
      return Promise.reject(new PortRefusal('NETWORK_UNKNOWN_PEER', why, { facts: { peer } }))
    }
    const present = this.#outgoing.get(peer)
    if (present !== undefined) return present
    const opening = this.#dial(peer)
    this.#outgoing.set(peer, opening)
    opening.catch(() => {
      this.#outgoing.delete(peer)
      this.#connected.delete(peer)
    })
    return opening
  }

  async #dial(peer: SiteId): Promise<Outgoing> {
    const connection = await this.#network.dial(peer, this.#channel)
    const outgoing: Outgoing = { connection, waiting: new Map() }
    connection.receive((message) => this.#take(outgoing, message))
    this.#connected.add(peer)
    void connection.closed.then(() => {
      this.#outgoing.delete(peer)
      this.#connected.delete(peer)
      const gone = new PortRefusal('NETWORK_CLOSED', 'The connection ended before an answer came')
      for (const id of outgoing.waiting.keys()) this.#fail(outgoing, id, gone)
    })
    return outgoing
  }

  #take(outgoing: Outgoing, message: Uint8Array): void {
    let answer
    try {
      answer = openAnswer(message)
    } catch (cause) {
      this.#log.write('warning', 'peer.answer-invalid', { peer: outgoing.connection.peer })
      for (const id of outgoing.waiting.keys()) this.#fail(outgoing, id, cause)
      outgoing.connection.close()
      return
    }
    const waiting = outgoing.waiting.get(answer.id)
    if (waiting === undefined) return // A duplicate, or too late.
    outgoing.waiting.delete(answer.id)
    waiting.cancel()
    if (answer.payload !== undefined) waiting.resolve(answer.payload)
    else waiting.reject(remoteRefusal(answer.refused))
  }

  #fail(outgoing: Outgoing, id: number, error: unknown): void {
    const waiting = outgoing.waiting.get(id)
    if (waiting === undefined) return
    outgoing.waiting.delete(id)
    waiting.cancel()
    waiting.reject(error)
  }

  /**
   * Answers without making later questions of the same peer wait for a slow one, unless very many
   * are in hand: then its connection waits, and the peer with it.
   */
  #answer(connection: Connection, message: Uint8Array): Promise<void> | undefined {
    let question
    try {
      question = openQuestion(message)
    } catch {
      this.#log.write('warning', 'peer.question-invalid', { peer: connection.peer })
      connection.close()
      return undefined
    }
    const load = this.#loadOf(connection.peer)
    load.questions++
    load.octets += message.length
    const { id, method, payload } = question
    void this.#handle(connection.peer, method, payload)
      .then((answer) => connection.send(toCbor({ id, payload: answer })))
      .catch((error: unknown) => {
        const { code, message: text } = noteOf(error)
        if (code === 'INTERNAL')
          this.#log.write('error', 'peer.handler-failed', { method, ...logFacts(error) })
        return connection.send(toCbor({ id, refused: { code, message: text } }))
      })
      .catch(() => undefined) // The connection is gone; the peer will ask again.
      .finally(() => {
        load.questions--
        load.octets -= message.length
        for (const goOn of load.waiting.splice(0)) goOn()
      })
    if (load.questions < IN_HAND_MAX && load.octets < IN_HAND_OCTETS_MAX) return undefined
    return new Promise((goOn) => void load.waiting.push(goOn))
  }

  #loadOf(peer: SiteId): InHand {
    const load = this.#inHand.get(peer) ?? { questions: 0, octets: 0, waiting: [] }
    this.#inHand.set(peer, load)
    return load
  }

  async #handle(from: SiteId, method: string, payload: Uint8Array): Promise<Uint8Array> {
    const handler = this.#handlers.get(method)
    if (handler === undefined || !this.#known.has(from)) {
      throw new PeerRefusal('PEER_METHOD_UNKNOWN', 'This site does not answer that')
    }
    return handler(from, payload)
  }
}

function remoteRefusal(note: { code: string; message: string } | undefined): RemoteRefusal {
  const { code, message } = note ?? { code: 'INTERNAL', message: 'The peer gave no reason' }
  return new RemoteRefusal(code, message)
}

const CHANNEL = 'peer'
const TIMEOUT_MS = 10_000
const WAITING_MAX = 4096
/** Questions of one peer that are answered at once, and their octets. */
const IN_HAND_MAX = 64
const IN_HAND_OCTETS_MAX = 64 * 1024 * 1024
const MESSAGE_MAX = 16 * 1024 * 1024

const openQuestion = cborDoor(
  Exactly({ id: Whole(0), method: Text(64, 1), payload: Octets(0, MESSAGE_MAX) }),
  'question of a peer',
  MESSAGE_MAX,
)
const openAnswer = cborDoor(
  Exactly({
    id: Whole(0),
    payload: Type.Optional(Octets(0, MESSAGE_MAX)),
    refused: Type.Optional(Exactly({ code: Text(64), message: Text(512) })),
  }),
  'answer of a peer',
  MESSAGE_MAX,
)
