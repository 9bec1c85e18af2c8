/**
 * Somebody between two sites who holds the keys of both: reads, changes and repeats every message
 * that the first sends to the second. Stands for a broken or lying peer; nobody else gets so far.
 *
 * @module
 */

import { fromCbor, siteId, toCbor, type Connection } from '#base'
import { freePorts } from '#cli'
import { JsonLog, openNetwork, SystemClock, type Credentials, type TlsNetwork } from '#gateway'
import { peerCredentials } from './credentials.ts'
import type { TestSite } from './sites.ts'
import { until } from './until.ts'

/** One question of a site to its peer, as it crossed. */
export interface Question {
  readonly id: number
  readonly method: string
  readonly payload: Uint8Array
}

/** What becomes of a message on its way: any number of messages. */
export type Meddling = (channel: string, octets: Uint8Array) => readonly Uint8Array[]

export const untouched: Meddling = (_, octets) => [octets]

export const questionIn = (octets: Uint8Array): Question =>
  fromCbor(octets, MESSAGE_MAX) as Question

export class Interceptor implements AsyncDisposable {
  /** With what the first site sends to the second. */
  meddling: Meddling = untouched
  /** With what the second sends back. */
  answering: Meddling = untouched
  /** Everything that the first site has asked the second. */
  readonly questions: Question[] = []
  readonly #clock = new SystemClock()
  readonly #near: TlsNetwork
  readonly #far: TlsNetwork
  readonly #to: string

  private constructor(near: TlsNetwork, far: TlsNetwork, to: string) {
    this.#near = near
    this.#far = far
    this.#to = to
    near.accept(
      () => true,
      (connection) => void this.#pass(connection).catch(() => connection.close()),
    )
  }

  /** Steps between two sites that do not run yet: the first finds the second here from then on. */
  static async between(first: TestSite, second: TestSite): Promise<Interceptor> {
    const [port] = await freePorts(1)
    const credentials = await peerCredentials(second, second.name)
    const between = await Interceptor.#open({
      first: { name: first.name, credentials: await peerCredentials(first, first.name) },
      second: { name: second.name, credentials, port: second.peerPort },
      port,
    })
    first.configure((value) => {
      for (const peer of value['peers'] as Record<string, unknown>[]) {
        if (peer['site'] === second.name) peer['port'] = port
      }
    })
    return between
  }

  /** Listens in the place of the second site. */
  static async #open(input: {
    readonly first: { readonly name: string; readonly credentials: Credentials }
    readonly second: { readonly name: string; readonly credentials: Credentials; port: number }
    readonly port: number
  }): Promise<Interceptor> {
    const { first, second, port } = input
    const clock = new SystemClock()
    const shared = { kind: 'site', clock, log: new JsonLog({ clock, sinks: [] }) } as const
    const near = await openNetwork({
      ...shared,
      credentials: second.credentials,
      listen: { host: '127.0.0.1', port },
      peers: (id) => (id === first.name ? { kind: 'site' } : undefined),
    })
    const far = await openNetwork({
      ...shared,
      credentials: first.credentials,
      peers: () => ({ kind: 'site', host: '127.0.0.1', port: second.port }),
    })
    return new Interceptor(near, far, second.name)
  }

  /** Asks the second site in the name of the first. @returns its answers, by the questions' order */
  async ask(questions: readonly Question[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const connection = await this.#far.dial(siteId(this.#to), 'peer')
    const answers = new Map<number, Readonly<Record<string, unknown>>>()
    connection.receive((octets) => {
      const answer = fromCbor(octets, MESSAGE_MAX) as Readonly<Record<string, unknown>>
      answers.set(answer['id'] as number, answer)
    })
    for (const [id, { method, payload }] of questions.entries()) {
      await connection.send(toCbor({ id, method, payload }))
    }
    await until('every question is answered', () => answers.size === questions.length)
    connection.close()
    return questions.map((_, id) => answers.get(id) ?? {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#near[Symbol.asyncDispose]()
    await this.#far[Symbol.asyncDispose]()
    this.#clock[Symbol.dispose]()
  }

  async #pass(near: Connection): Promise<void> {
    const { channel } = near
    const far = await this.#far.dial(siteId(this.#to), channel)
    void near.closed.then(() => far.close())
    void far.closed.then(() => near.close())
    far.receive(async (octets) => {
      for (const one of this.answering(channel, octets)) await near.send(one).catch(() => undefined)
    })
    near.receive(async (octets) => {
      if (channel === 'peer') this.questions.push(questionIn(octets.slice()))
      for (const one of this.meddling(channel, octets)) await far.send(one).catch(() => undefined)
    })
  }
}

const MESSAGE_MAX = 32 * 1024 * 1024
