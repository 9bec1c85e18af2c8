/**
 * A stranger at the door between sites: one TLS handshake and one greeting, however wrong.
 *
 * @module
 */

import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { fromCbor, toCbor } from '#base'

/** What came of it: what the other end answered, or how the connection ended. */
export type Outcome =
  | { readonly kind: 'answered'; readonly answer: Readonly<Record<string, unknown>> }
  | { readonly kind: 'ended'; readonly how: string }

/**
 * Connects, greets, and waits for the first word of the other end: in TLS 1.3 a client may believe
 * itself connected before the other end has looked at its certificate.
 */
export function knock(
  port: number,
  options: ConnectionOptions,
  channel = 'peer',
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  let how = 'closed without a word'
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: '',
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['photonward/1'],
    minVersion: 'TLSv1.3',
    ...options,
  })
  const timer = setTimeout(() => socket.destroy(new Error('timeout')), LIMIT_MS)
  socket.once('secureConnect', () => {
    const hello = toCbor({ kind: 'hello', channel, octetsMax: 65_536, group: null })
    const head = Buffer.alloc(4)
    head.writeUInt32BE((CONTROL | hello.length) >>> 0)
    socket.write(Buffer.concat([head, hello]))
  })
  socket.once('data', (chunk: Buffer) => {
    const answer = fromCbor(new Uint8Array(chunk.subarray(4)), LIMIT_OCTETS)
    resolve({ kind: 'answered', answer: answer as Readonly<Record<string, unknown>> })
    socket.destroy()
  })
  socket.once('error', (error: Error & { code?: string }) => (how = error.code ?? error.message))
  socket.once('close', () => {
    clearTimeout(timer)
    resolve({ kind: 'ended', how })
  })
  return promise
}

/** The highest bit of a frame's length marks a word of the connection itself. */
const CONTROL = 0x8000_0000
const LIMIT_MS = 20_000
const LIMIT_OCTETS = 65_536
