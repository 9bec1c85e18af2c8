import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { textOf, utf8 } from '#base'
import { KmeClientRefusal } from '#site'
import { northAuthority } from './certificates.test.ts'
import type { Credentials } from './tls.ts'
import { vendorKmesAt } from './vendor-kme.ts'

const authority = await northAuthority()
const client = (await authority.leaf({ commonName: 'sae-1' })).credentials
const own = (await authority.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
const elsewhere = (await authority.leaf({ commonName: 'kme', dns: ['kme.acme'] })).credentials
const stranger = (await (await northAuthority()).leaf({ commonName: 'x', dns: ['localhost'] }))
  .credentials

/** A KME that does as it is told, and who asked it. */
async function serve(t: TestContext, answer: RequestListener, credentials: Credentials = own) {
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
  return { url: `https://localhost:${String((server.address() as AddressInfo).port)}`, asked }
}

/** A folder with the files of a link, and the connection they make. */
function connection(t: TestContext, url: string, more: { serverName?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'photonward-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const write = ({ cert, key, ca }: Credentials): void => {
    writeFileSync(join(folder, 'cert.pem'), cert)
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
    writeFileSync(join(folder, 'ca.pem'), ca)
  }
  write(client)
  const files = { certificate: 'cert.pem', key: join(folder, 'key.pem'), ca: 'ca.pem' }
  return { ask: vendorKmesAt(folder)({ kme: { url, ...files, ...more }, timeoutMs: 1000 }), write }
}

const get = { method: 'GET', path: '/api/v1/keys/a/status', body: undefined } as const
const ok: RequestListener = (_request, response) => void response.end('{}')
const refusedAs = (code: string, reason?: string) => (error: unknown) =>
  error instanceof KmeClientRefusal &&
  error.code === code &&
  (reason === undefined || error.facts['reason'] === reason)

test('a KME is asked with the certificate of the link, and its answer comes whole', async (t) => {
  const { url, asked } = await serve(t, (request, response) => {
    response.statusCode = 503
    request.pipe(response)
  })
  const { ask } = connection(t, url)
  const body = utf8('{"number":1}')
  const answer = await ask({ method: 'POST', path: '/api/v1/keys/a/enc_keys', body })
  assert.deepEqual([answer.status, textOf(answer.body)], [503, '{"number":1}'])
  assert.deepEqual(asked, ['POST /api/v1/keys/a/enc_keys'])
})

test('an answer that is too long or does not end is given up', async (t) => {
  const endless = await serve(t, (_request, response) => {
    const pour = (): void => {
      while (response.write(Buffer.alloc(65_536, 32)));
    }
    response.on('drain', pour)
    pour()
  })
  const tooLong = refusedAs('KME_CLIENT_ANSWER_TOO_LONG')
  await assert.rejects(connection(t, endless.url).ask(get), tooLong)
  const dripping = await serve(t, (_request, response) => void response.write('{'))
  const tooSlow = refusedAs('KME_CLIENT_UNANSWERED', 'ABORT_ERR')
  await assert.rejects(connection(t, dripping.url).ask(get), tooSlow)
  const cutOff = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{', () => response.destroy())
  })
  await assert.rejects(connection(t, cutOff.url).ask(get), refusedAs('KME_CLIENT_UNANSWERED'))
})

test('nobody is asked who cannot be trusted', async (t) => {
  const untrusted = await serve(t, ok, stranger)
  const code = 'KME_CLIENT_UNREACHED'
  await assert.rejects(connection(t, untrusted.url).ask(get), refusedAs(code))
  const misnamed = await serve(t, ok, elsewhere)
  const asking = connection(t, misnamed.url).ask(get)
  await assert.rejects(asking, refusedAs(code, 'ERR_TLS_CERT_ALTNAME_INVALID'))
  assert.deepEqual([...untrusted.asked, ...misnamed.asked], [])
  const named = connection(t, misnamed.url, { serverName: 'kme.acme' })
  assert.equal((await named.ask(get)).status, 200)
})

test('renewed files are read after a failure, without a restart', async (t) => {
  const { url } = await serve(t, ok)
  const { ask, write } = connection(t, url)
  write({ ...stranger, ca: client.ca })
  await assert.rejects(ask(get), refusedAs('KME_CLIENT_UNANSWERED'))
  write(client)
  assert.equal((await ask(get)).status, 200)
})

test('a missing file, and a KME that does not listen, are named', async (t) => {
  const folder = join(tmpdir(), 'photonward-none')
  const kme = { url: 'https://localhost:1', certificate: 'c', key: 'k', ca: 'a' }
  const ask = vendorKmesAt(folder)({ kme, timeoutMs: 1000 })
  await assert.rejects(ask(get), refusedAs('KME_CLIENT_UNREACHED', 'ENOENT'))
  const { ask: nobody } = connection(t, 'https://localhost:1')
  await assert.rejects(nobody(get), refusedAs('KME_CLIENT_UNREACHED', 'ECONNREFUSED'))
})
