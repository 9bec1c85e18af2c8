import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { createServer as createPlainServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { CheckView } from '#contract'
import { SiteConfigurationShape } from '#site'
import { newBucket, writeAccessKey } from './bucket.test.ts'
import { northAuthority } from './certificates.test.ts'
import { readConfiguration } from './config.ts'
import { outsideChecks } from './doctor-outside.ts'
import { scratch } from './scratch.test.ts'

const authority = await northAuthority()
const client = (await authority.leaf({ commonName: 'sae.east' })).credentials
const own = (await authority.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

async function kmeThat(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer({ ...own, requestCert: true, rejectUnauthorized: true }, answer)
  const port = await listening(t, server)
  t.after(() => server.closeAllConnections())
  return `https://localhost:${port}`
}

async function looked(t: TestContext, more: object): Promise<readonly CheckView[]> {
  const folder = scratch(t)
  writeFileSync(join(folder, 'cert.pem'), client.cert)
  writeFileSync(join(folder, 'key.pem'), client.key)
  writeFileSync(join(folder, 'ca.pem'), client.ca)
  const at = { host: '127.0.0.1', port: 0 }
  const site = {
    ...{ site: 'east', federation: 'photonward', kme: 'kme.east', logOrigin: 'x/east' },
    ...{ peerListener: at, northListener: at, ...more },
  }
  const file = join(folder, 'photonward.json')
  const configuration = readConfiguration(JSON.stringify(site), SiteConfigurationShape, file)
  return Array.fromAsync(outsideChecks({ folder, configuration, passphrase: undefined }))
}

const link = (url: string, more: object = {}): object => ({
  kmeLinks: [
    {
      ...{ link: 'east-west', peer: 'west', sae: 'sae.east', peerSae: 'sae.west', timeoutMs: 2000 },
      kme: { url, certificate: 'cert.pem', key: 'key.pem', ca: 'ca.pem', ...more },
    },
  ],
})

test('a site that needs nobody else has nothing to be looked at', async (t) => {
  assert.deepEqual(await looked(t, {}), [])
})

test('the KME of a link is asked for its status, and what it says is told', async (t) => {
  const cases = [
    [200, { stored_key_count: 7 }, 'ok', /7 keys are stored/],
    [200, {}, 'ok', /an unknown number/],
    [200, { min_key_size: 512, max_key_size: 512 }, 'fail', /512 to 512 bits, and 256/],
    [401, {}, 'warn', /KME_CLIENT_DENIED/],
    [200, [], 'warn', /KME_CLIENT_ANSWER_INVALID/],
  ] as const
  for (const [status, body, state, says] of cases) {
    const asked: string[] = []
    const url = await kmeThat(t, (request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
      response.writeHead(status).end(JSON.stringify(body))
    })
    const [found, ...more] = await looked(t, link(url))
    assert.deepEqual([found.check, found.state, more.length], ['KME of east-west', state, 0])
    assert.match(found.says, says)
    assert.deepEqual(asked, ['GET /api/v1/keys/sae.west/status'])
  }
})

test('a KME that is not there, and a file that is not, are named', async (t) => {
  const [gone] = await looked(t, link('https://localhost:1'))
  assert.equal(gone.state, 'warn')
  assert.match(gone.says, /KME_CLIENT_UNREACHED, ECONNREFUSED/)
  assert.match(gone.next ?? '', /url, certificate, key/)
  const [missing] = await looked(t, link('https://localhost:1', { key: 'none.pem' }))
  assert.match(missing.says, /none\.pem.*ENOENT/)
})

test('partners are known by files that can be read, and are knocked at', async (t) => {
  const port = await listening(t, createPlainServer())
  const partner = (url: string): object => ({
    partners: [{ name: 'acme', url, authority: 'ca.pem', certificates: ['cert.pem'], saes: ['a'] }],
    etsi020Identity: { key: 'key.pem', certificate: 'cert.pem' },
  })
  const [reached] = await looked(t, partner(`https://localhost:${port}`))
  assert.deepEqual([reached.check, reached.state], ['partner acme', 'ok'])
  const [away] = await looked(t, partner('https://localhost:1'))
  assert.deepEqual([away.check, away.state], ['partner acme', 'warn'])
  const without = { ...partner('https://localhost:1'), etsi020Identity: undefined }
  const [unsaid] = await looked(t, without)
  assert.deepEqual([unsaid.check, unsaid.state], ['partners', 'fail'])
})

test('a database that nobody serves fails', async (t) => {
  const port = await listening(t, createPlainServer())
  const at = (where: object): object => ({ store: { kind: 'postgres', ...where } })
  const [reached] = await looked(t, at({ host: '127.0.0.1', port }))
  assert.deepEqual([reached.check, reached.state], ['database', 'ok'])
  const [away] = await looked(t, at({ host: '/nonexistent', port: 5432 }))
  assert.deepEqual([away.check, away.state], ['database', 'fail'])
  assert.match(away.says, /\/nonexistent\/\.s\.PGSQL\.5432/)
})

test('an object storage is listed, and one that keeps what is removed is warned of', async (t) => {
  const bucket = await newBucket(t)
  const folder = scratch(t)
  const credentialsFile = writeAccessKey(folder, bucket)
  const at = (more: object = {}): object => ({
    blobs: { s3: { endpoint: bucket.endpoint, bucket: 'records', credentialsFile, ...more } },
  })
  const [reached] = await looked(t, at())
  assert.deepEqual([reached.check, reached.state], ['object storage', 'ok'])
  const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
  const list = '<ListBucketResult></ListBucketResult>'
  for (const text of [list, enabled]) bucket.faults.push((response) => response.end(text))
  const [keeping] = await looked(t, at())
  assert.deepEqual([keeping.state, keeping.next], ['warn', 'suspend versioning of the bucket'])
  const [absent] = await looked(t, at({ bucket: 'another' }))
  assert.equal(absent.state, 'fail')
  assert.match(absent.says, /NoSuchBucket/)
  const [unread] = await looked(t, at({ credentialsFile: 'none.json' }))
  assert.equal(unread.state, 'fail')
  assert.match(unread.says, /none\.json.*ENOENT/)
})
