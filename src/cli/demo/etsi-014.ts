/**
 * An application of a ward that asks for keys: ETSI GS QKD 014 over mutual TLS, as any other would.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'

export interface KeyAnswer {
  readonly status: number
  readonly body: {
    readonly keys?: readonly { readonly key_ID: string; readonly key: string }[]
    readonly stored_key_count?: number
    readonly message?: string
  }
  /** Key exchange group of the connection. */
  readonly group: string
}

/** Asks the KME on a port of this machine, with the certificate in a folder. */
export async function askKme(
  at: { readonly port: number; readonly certificates: string },
  path: string,
): Promise<KeyAnswer> {
  const file = (name: string): Buffer => readFileSync(join(at.certificates, name))
  const { promise, resolve, reject } = Promise.withResolvers<KeyAnswer>()
  const call = request(
    {
      host: '127.0.0.1',
      port: at.port,
      path: `/api/v1/keys/${path}`,
      cert: file('cert.pem'),
      key: file('key.pem'),
      ca: file('ca.pem'),
      minVersion: 'TLSv1.3',
      agent: false,
    },
    (answer) => {
      const { socket } = answer as unknown as { socket: TLSSocket }
      const info = socket.getEphemeralKeyInfo() as { name?: string } | null
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as KeyAnswer['body']
        resolve({ status: answer.statusCode ?? 0, body, group: info?.name ?? 'unknown' })
      })
    },
  )
  call.on('error', reject)
  call.end()
  return promise
}
