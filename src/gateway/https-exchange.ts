/**
 * One question and its answer over HTTPS, with a limit on time and size. To this machine itself it may
 * be HTTP: whoever writes the URL sees to that.
 *
 * Redirections are not followed. What was read is cleared, but for the copy that is given out.
 *
 * @module
 */

import {
  request as requestPlain,
  type Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http'
import { request } from 'node:https'
import { systemCode } from './system.ts'

export interface HttpsQuestion {
  /** Its certificates and connections. */
  readonly agent: Agent
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
  /** From the first packet to the last octet: who drips holds nobody up. */
  readonly timeoutMs: number
  /** Until the connection stands; left out, no limit of its own. */
  readonly connectMs?: number
  /** Of the body of the answer. */
  readonly octetsMax: number
}

export interface HttpsAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

/** No connection stood, so that no octet of the question can have come to anybody. */
export class NotReached extends Error {
  override readonly name = 'NotReached'
  /** What the operating system or TLS says. */
  readonly code: string | undefined

  constructor(cause: Error) {
    super('No connection came about', { cause })
    this.code = systemCode(cause)
  }
}

/** The body of an answer is longer than its asker takes. */
export class AnswerTooLong extends Error {
  override readonly name = 'AnswerTooLong'
}

/** Asks. @returns the answer, whatever its status; rejects with `AnswerTooLong`, `NotReached` or what the socket says */
export function exchangeHttps(question: HttpsQuestion): Promise<HttpsAnswer> {
  const { agent, method, url, body, timeoutMs, connectMs, octetsMax } = question
  const { promise, resolve, reject } = Promise.withResolvers<HttpsAnswer>()
  const length = body === undefined ? {} : { 'content-length': body.length }
  const headers = { ...question.headers, ...length }
  const signal = AbortSignal.timeout(timeoutMs)
  const isPlain = url.startsWith('http:')
  const ask = isPlain ? requestPlain : request
  const call = ask(url, { method, agent, headers, signal }, (answer) => {
    gather(answer, octetsMax).then(resolve, (error: unknown) => {
      reject(error)
      call.destroy()
    })
  })
  // A connection that was kept may have taken it; a new one takes nothing before it is secured.
  let isReached = false
  const late = (): void => void call.destroy(new Error('No connection in time'))
  const timer = connectMs === undefined ? undefined : setTimeout(late, connectMs)
  const reached = (): void => {
    isReached = true
    clearTimeout(timer)
  }
  call.once('socket', (socket) => {
    if (call.reusedSocket) reached()
    else socket.once(isPlain ? 'connect' : 'secureConnect', reached)
  })
  call.once('error', (error) => reject(isReached ? error : new NotReached(error)))
  call.once('close', () => clearTimeout(timer))
  call.end(body)
  return promise
}

/** The whole of an answer. */
function gather(answer: IncomingMessage, octetsMax: number): Promise<HttpsAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpsAnswer>()
  const chunks: Buffer[] = []
  let size = 0
  const clear = (): void => chunks.splice(0).forEach((chunk) => chunk.fill(0))
  const fail = (error: Error): void => {
    clear()
    reject(error)
  }
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length
    chunks.push(chunk)
    if (size > octetsMax) fail(new AnswerTooLong(`Expected at most ${octetsMax} octets`))
  })
  answer.once('error', fail)
  answer.once('close', () => fail(new Error('Cut off')))
  answer.once('end', () => {
    const whole = new Uint8Array(size)
    let at = 0
    for (const chunk of chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    clear()
    resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: whole })
  })
  return promise
}
