/**
 * An HTTPS endpoint of a hospital's own, which subscriptions tell; it notes each knock.
 *
 * @module
 */

import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import * as x509 from '@peculiar/x509'
import { freePorts } from '#cli'
import { newFolder } from './sites.ts'

/** One request, as it came. */
export interface Knock {
  readonly at: number
  readonly line: string
  readonly authorization: string | undefined
  /** Octets of its body. */
  readonly octets: number
}

export interface Endpoint {
  readonly base: string
  /** PEM file of what to trust. */
  readonly authority: string
  readonly knocks: readonly Knock[]
  /** The status of the next answers. */
  answer(status: number): void
  open(): Promise<void>
  close(): Promise<void>
}

/** An endpoint on a port of its own; closed until it is opened. */
export async function newEndpoint(t: TestContext): Promise<Endpoint> {
  const [port] = await freePorts(1)
  const { key, cert } = await selfSigned()
  const authority = join(newFolder(t), 'endpoint.pem')
  writeFileSync(authority, cert)
  const knocks: Knock[] = []
  let status = 204
  let server: Server | undefined
  const close = async (): Promise<void> => {
    const closing = server
    server = undefined
    if (closing === undefined) return
    const gone = once(closing, 'close')
    closing.close()
    closing.closeAllConnections()
    await gone
  }
  const open = async (): Promise<void> => {
    server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (request, response) => {
      let octets = 0
      request.on('data', (part: Buffer) => (octets += part.length))
      request.on('end', () => {
        const { method = '', url = '', headers } = request
        const { authorization } = headers
        knocks.push({ at: performance.now(), line: `${method} ${url}`, authorization, octets })
        response.writeHead(status).end()
      })
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  t.after(close)
  const answer = (next: number): void => void (status = next)
  return { base: `https://127.0.0.1:${String(port)}`, authority, knocks, answer, open, close }
}

async function selfSigned(): Promise<{ readonly key: string; readonly cert: string }> {
  x509.cryptoProvider.set(webcrypto)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber: '01', name: 'CN=Endpoint of a test', signingAlgorithm: algorithm, keys },
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  })
  const octets = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = x509.PemConverter.encode(octets, 'PRIVATE KEY')
  return { key, cert: cert.toString('pem') }
}

const DAY_MS = 86_400_000
