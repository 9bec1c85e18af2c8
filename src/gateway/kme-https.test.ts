/** The connection of the published client against KMEs that behave in every way. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { KmeClientRefusal } from '#kme/client'
import { northAuthority } from './certificates.test.ts'
import { KmeConnection, kmeOverHttps, type KmeHttpsOptions } from './kme-client.ts'

const authority = await northAuthority()
const client = (await authority.leaf({ commonName: 'sae-1' })).credentials
const own = (await authority.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
const stranger = (await (await northAuthority()).leaf({ commonName: 'x', dns: ['localhost'] }))
  .credentials

async function serve(t: TestContext, answer: RequestListener, credentials = own) {
  const asked: string[] = []
  const server = createServer(
    { ...credentials, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
      answer(request, response)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `https://localhost:${String((server.address() as AddressInfo).port)}`
  return { url, asked, server }
}

function connection(t: TestContext, url: string, more: Partial<KmeHttpsOptions> = {}) {
  const { cert, key, ca } = client
  const https = kmeOverHttps({ ...{ url, cert, key, ca, timeoutMs: 2000 }, ...more })
  t.after(() => https[Symbol.dispose]())
  return https.ask
}

const get = { method: 'GET', path: '/api/v1/keys/a/status', body: undefined } as const
const refusedAs = (code: string, reason?: string) => (error: unknown) =>
  error instanceof KmeClientRefusal &&
  error.code === code &&
  (reason === undefined || error.facts['reason'] === reason)

test('a path before that of the standard is kept, and no media type is asked for', async (t) => {
  const { url, asked } = await serve(t, (_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('{"key_size":256}')
  })
  using kme = new KmeConnection({ url: `${url}/east//`, ...client })
  assert.equal((await kme.getStatus('a')).keySizeBits, 256)
  assert.deepEqual(asked, ['GET /east/api/v1/keys/a/status'])
})

test('Retry-After in seconds is passed on; a date or nonsense is not', async (t) => {
  for (const [said, seconds] of [
    ['7', 7],
    ['0', 0],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-3', undefined],
  ] as const) {
    const { url } = await serve(t, (_request, response) => {
      response.writeHead(503, { 'retry-after': said }).end()
    })
    const answer = await connection(t, url)(get)
    assert.deepEqual([answer.status, answer.retryAfterS], [503, seconds])
  }
})

test('a request is unreached only if the KME cannot have had it', async (t) => {
  await assert.rejects(
    connection(t, 'https://localhost:1')(get),
    refusedAs('KME_CLIENT_UNREACHED', 'ECONNREFUSED'),
  )
  const untrusted = await serve(t, (_request, response) => void response.end(), stranger)
  await assert.rejects(connection(t, untrusted.url)(get), refusedAs('KME_CLIENT_UNREACHED'))
  assert.deepEqual(untrusted.asked, [])
  const silent = await serve(t, () => undefined)
  const slow = connection(t, silent.url, { timeoutMs: 300 })
  await assert.rejects(slow(get), refusedAs('KME_CLIENT_UNANSWERED', 'ABORT_ERR'))
  // On a connection that stood already: the KME reads the request, and dies.
  let seen = 0
  const dying = await serve(t, (_request, response) => {
    if (seen++ === 0) response.end('{}')
    else response.destroy()
  })
  const ask = connection(t, dying.url)
  assert.equal((await ask(get)).status, 200)
  await assert.rejects(ask(get), refusedAs('KME_CLIENT_UNANSWERED'))
})

test('a certificate that the KME does not take may have been seen too late to be sure', async (t) => {
  const { url, asked } = await serve(t, (_request, response) => void response.end('{}'))
  const { cert, key } = stranger
  const code = refusedAs('KME_CLIENT_UNANSWERED')
  await assert.rejects(connection(t, url, { cert, key })(get), code)
  assert.deepEqual(asked, [])
})

test('no redirection is followed', async (t) => {
  const other = await serve(t, (_request, response) => void response.end('{}'))
  const { url } = await serve(t, (_request, response) => {
    response.writeHead(307, { location: `${other.url}/api/v1/keys/a/status` }).end()
  })
  assert.equal((await connection(t, url)(get)).status, 307)
  assert.deepEqual(other.asked, [])
})

test('a connection asks again once a KME that was away is there', async (t) => {
  const { url, server, asked } = await serve(t, (_request, response) => {
    response.end('{"keys":[{"key_ID":"a","key":"AAECAwQFBgcICQoLDA0ODw=="}]}')
  })
  let refused = 0
  // The first connections are ended before they are secured, as by a KME that is starting.
  server.prependListener('connection', (socket: Socket) => {
    if (refused++ < 2) socket.destroy()
  })
  using kme = new KmeConnection({ url, ...client })
  const [key] = await kme.encKeys('a', { sizeBits: 128 })
  assert.deepEqual([key.id, key.octets.length, asked.length, refused], ['a', 16, 1, 3])
})
