/**
 * Clients that ask one request after another on a connection that stays open.
 *
 * One costs little, so that what is measured beside it is the server: it speaks just enough HTTP/1.1
 * for our own answers, which have a length. The other is Node's own, which takes several times as much
 * processor time: on one machine that is taken away from the server.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Agent, get as httpsGet } from 'node:https'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'

/** One connection to an HTTPS server, for one request after another. */
export interface Client extends Disposable {
  /** The body of the answer to a GET. Rejects unless it is 200. */
  get(path: string): Promise<string>
}

/** Node's own client: what most applications have, and what published figures were had with. */
export class NodeClient implements Client {
  readonly #agent: Agent

  /** Connects at the first request. */
  constructor(options: ConnectionOptions) {
    this.#agent = new Agent({ ...options, keepAlive: true, maxSockets: 1 })
  }

  get(path: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const { host, port } = this.#agent.options
    const call = httpsGet({ host, port, path, agent: this.#agent }, (answer) => {
      let text = ''
      answer.setEncoding('latin1')
      answer.on('data', (part: string) => (text += part))
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(text)
        else reject(new Error(text.slice(0, EXCERPT_MAX)))
      })
      answer.on('error', reject)
    })
    call.on('error', reject)
    return promise
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

/** A client that costs a fifth of that. */
export class LoadClient implements Client {
  readonly #socket: TLSSocket
  /** What has come of the present answer, unless it came in one piece. */
  #text = ''
  #pending: PromiseWithResolvers<string> | undefined

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('The server closed the connection')))
  }

  /** Resolves once the handshake is over. */
  static async open(options: ConnectionOptions): Promise<LoadClient> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const socket = connect(options, () => resolve(undefined))
    socket.once('error', reject)
    await promise
    return new LoadClient(socket)
  }

  get(path: string): Promise<string> {
    this.#pending = Promise.withResolvers()
    this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 'latin1')
    return this.#pending.promise
  }

  /** The body of the answer to a POST. Rejects unless it is 200 or 201. */
  post(path: string, type: string, body: Uint8Array): Promise<string> {
    this.#pending = Promise.withResolvers()
    const about = `content-type: ${type}\r\ncontent-length: ${String(body.length)}\r\n`
    const head = Buffer.from(`POST ${path} HTTP/1.1\r\nhost: localhost\r\n${about}\r\n`)
    this.#socket.write(Buffer.concat([head, body]))
    return this.#pending.promise
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #take(part: string): void {
    const text = this.#text === '' ? part : this.#text + part
    const head = text.indexOf('\r\n\r\n')
    const length = head < 0 ? undefined : LENGTH.exec(text)?.[1]
    if (length === undefined || text.length < head + 4 + Number(length)) {
      this.#text = text
      return
    }
    const pending = this.#pending
    this.#text = ''
    this.#pending = undefined
    if (/^HTTP\/1\.1 20[01] /.test(text)) pending?.resolve(text.slice(head + 4))
    else pending?.reject(new Error(text.slice(0, EXCERPT_MAX)))
  }

  #fail(error: Error): void {
    this.#pending?.reject(error)
    this.#pending = undefined
  }
}

/** The certificate of an application, its key, and the authorities it trusts. */
export function pemsIn(folder: string): { key: Buffer; cert: Buffer; ca: Buffer } {
  const read = (name: string): Buffer => readFileSync(join(folder, name))
  return { key: read('key.pem'), cert: read('cert.pem'), ca: read('ca.pem') }
}

const LENGTH = /\r\ncontent-length: (\d+)\r\n/i
const EXCERPT_MAX = 400
