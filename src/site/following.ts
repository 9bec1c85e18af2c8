/**
 * A daemon that follows: it meets applications and passes what they ask on to the one that leads.
 *
 * And, at the leading daemon, what answers it. Both ends are the same site and prove it to each other
 * by the same certificates as towards other sites; no other site can speak on this channel.
 *
 * A request whose answer is lost on the way is answered 503: what it took is burned, as when a daemon
 * dies over it, and never given to anyone else.
 *
 * @module
 */

import {
  logFacts,
  type Clock,
  type HttpHandler,
  type HttpResponse,
  type Log,
  type Network,
  type SiteId,
} from '#base'
import type { StreamCall, StreamFrame } from '#kme'
import {
  answerOctets,
  callOctets,
  frameOctets,
  readAnswer,
  readCall,
  readFrame,
  readRequest,
  requestOctets,
} from './passing-on.ts'
import { Peers } from './peers.ts'

/** What both ends stand on. */
export interface FollowingInput {
  readonly site: SiteId
  readonly network: Network
  readonly clock: Clock
  readonly log: Log
}

/** What the leading daemon answers those that follow. */
export interface Answering {
  /** GS QKD 014 and SKIP. */
  readonly north: HttpHandler
  /** GS QKD 004. */
  readonly streams: (call: StreamCall) => Promise<StreamFrame>
}

/** The leading daemon's end of the channel. */
export class Followers {
  readonly #peers: Peers

  constructor(input: FollowingInput, { north, streams }: Answering) {
    this.#peers = channelOf(input)
    this.#peers.serve(NORTH, async (_from, octets) =>
      answerOctets(await north(readRequest(octets))),
    )
    this.#peers.serve(STREAMS, async (_from, octets) =>
      frameOctets(await streams(readCall(octets))),
    )
  }

  start(): void {
    this.#peers.start()
  }

  stop(): void {
    this.#peers.stop()
  }
}

/** The following daemon's end: answers applications through the one that leads. */
export class Follower {
  readonly #input: FollowingInput
  readonly #peers: Peers

  constructor(input: FollowingInput) {
    this.#input = input
    this.#peers = channelOf(input)
  }

  /** GS QKD 014 and SKIP, for the north listener. */
  readonly north: HttpHandler = async (request) => {
    try {
      return readAnswer(await this.#ask(NORTH, requestOctets(request)))
    } catch (error) {
      this.#input.log.write('warning', 'lead.no-answer', logFacts(error))
      return NO_LEAD
    }
  }

  /** GS QKD 004, for its listener. Rejects if no answer came: the connection is of no use then. */
  readonly streams = async (call: StreamCall): Promise<StreamFrame> =>
    readFrame(await this.#ask(STREAMS, callOctets(call)))

  stop(): void {
    this.#peers.stop()
  }

  #ask(method: string, octets: Uint8Array): Promise<Uint8Array> {
    return this.#peers.request(this.#input.site, method, octets, ANSWER_MS_MAX)
  }
}

const channelOf = ({ site, network, clock, log }: FollowingInput): Peers =>
  new Peers({ network, clock, log, peers: [site], channel: 'daemons' })

const NORTH = 'north'
const STREAMS = 'streams'
/** Longer than a key takes that has to be activated at a distant site. */
const ANSWER_MS_MAX = 15_000

const NO_LEAD: HttpResponse = {
  status: 503,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'retry-after': '1' },
  body: JSON.stringify({ message: 'The leading daemon of this KME does not answer; try again' }),
}
