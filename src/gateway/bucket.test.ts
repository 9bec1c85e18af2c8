/**
 * One bucket of S3 for tests: in memory, with signatures verified by a calculation of its own, and with
 * whatever faults a test wants.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

/** An answer instead of the right one. */
export type Fault = (response: ServerResponse, request: IncomingMessage) => void

export interface Bucket {
  readonly endpoint: string
  readonly objects: Map<string, Buffer>
  /** Method, path and query of each request, in order. */
  readonly asked: string[]
  /** Taken first by the next requests. */
  readonly faults: Fault[]
  /** Names in one page of a list. */
  pageKeys: number
  secret: string
  sessionToken: string | undefined
}

export const ACCESS_KEY = 'AKIAPHOTONWARD'

/** A fault: an answer with this status and code. */
export const failing =
  (status: number, code: string): Fault =>
  (response) => {
    response.writeHead(status).end(`<Error><Code>${code}</Code><Message>n</Message></Error>`)
  }

/** Serves the bucket `records`, over TLS where credentials are given. */
export async function newBucket(
  t: TestContext,
  tls?: { readonly key: string; readonly cert: string },
): Promise<Bucket> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.once('end', () => serve(bucket, { request, body: Buffer.concat(parts), response }))
  }
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const bucket: Bucket = {
    endpoint: `${tls === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${port}`,
    ...{ objects: new Map(), asked: [], faults: [], pageKeys: 1000 },
    ...{ secret: 'not-a-real-secret', sessionToken: undefined },
  }
  return bucket
}

/** Writes an access key that the bucket takes. @returns its file */
export function writeAccessKey(
  folder: string,
  { secret, sessionToken }: Pick<Bucket, 'secret' | 'sessionToken'>,
): string {
  const file = join(folder, 's3.json')
  const text = JSON.stringify({ accessKeyId: ACCESS_KEY, secretAccessKey: secret, sessionToken })
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

interface Exchange {
  readonly request: IncomingMessage
  readonly body: Buffer
  readonly response: ServerResponse
}

function serve(bucket: Bucket, { request, body, response }: Exchange): void {
  const { method = '', url = '' } = request
  bucket.asked.push(`${method} ${url}`)
  const fault = bucket.faults.shift()
  if (fault !== undefined) {
    fault(response, request)
    return
  }
  const { pathname, searchParams } = new URL(url, 'http://s3')
  const signature = signatureOf(bucket, request, body)
  if (signature === undefined || signature !== signatureIn(request)) {
    failing(403, 'SignatureDoesNotMatch')(response, request)
    return
  }
  const [, name, ...rest] = pathname.split('/')
  const key = rest.join('/')
  if (name !== 'records') failing(404, 'NoSuchBucket')(response, request)
  else if (key === '') response.end(listOf(bucket, searchParams))
  else if (method === 'PUT') response.end(void bucket.objects.set(key, body))
  else if (method === 'DELETE') {
    bucket.objects.delete(key)
    response.writeHead(204).end()
  } else {
    const found = bucket.objects.get(key)
    if (found === undefined) failing(404, 'NoSuchKey')(response, request)
    else response.end(found)
  }
}

function listOf({ objects, pageKeys }: Bucket, query: URLSearchParams): string {
  if (query.has('versioning')) return '<VersioningConfiguration xmlns="x"/>'
  assert.equal(query.get('list-type'), '2')
  const after = query.get('start-after') ?? ''
  const prefix = query.get('prefix') ?? ''
  const all = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted()
  const page = all.slice(0, Math.min(pageKeys, Number(query.get('max-keys'))))
  const contents = page.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`)
  const isMore = String(page.length < all.length)
  return `<ListBucketResult><IsTruncated>${isMore}</IsTruncated>${contents.join('')}</ListBucketResult>`
}

const signatureIn = ({ headers }: IncomingMessage): string | undefined =>
  /Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '')?.[1]

/** As AWS Signature Version 4 asks for it; undefined where what it covers is not what came. */
function signatureOf(bucket: Bucket, request: IncomingMessage, body: Buffer): string | undefined {
  const { headers, method = '', url = '' } = request
  const found = /Credential=([^,]*), SignedHeaders=([^,]*),/.exec(headers.authorization ?? '')
  if (found === null) return undefined
  const [, credential, signed] = found
  const [accessKey, date, region, service] = credential.split('/')
  const hash = createHash('sha256').update(body).digest('hex')
  const needed = ['host', 'x-amz-content-sha256', 'x-amz-date']
  const isWhole =
    accessKey === ACCESS_KEY &&
    headers['x-amz-content-sha256'] === hash &&
    headers['x-amz-security-token'] === bucket.sessionToken &&
    needed.every((name) => signed.split(';').includes(name))
  if (!isWhole) return undefined
  const [path, query = ''] = url.split('?')
  const lines = signed.split(';').map((name) => `${name}:${String(headers[name])}\n`)
  const sorted = query.split('&').toSorted().join('&')
  const canonical = [method, path, sorted, lines.join(''), signed, hash].join('\n')
  const digest = createHash('sha256').update(canonical).digest('hex')
  const scope = `${date}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, digest].join('\n')
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text).digest()
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(
    hmac,
    `AWS4${bucket.secret}`,
  )
  return hmac(key, toSign).toString('hex')
}

test('the bucket of tests refuses whoever does not sign', async (t) => {
  const bucket = await newBucket(t)
  assert.equal((await fetch(`${bucket.endpoint}/records/a`)).status, 403)
})
