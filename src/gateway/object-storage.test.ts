import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { epochMs, type Clock } from '#base'
import { SiteConfigurationShape } from '#site'
import { MemoryLog } from '#world/ports'
import { failing, newBucket, writeAccessKey, type Bucket } from './bucket.test.ts'
import { northAuthority } from './certificates.test.ts'
import { readConfiguration } from './config.ts'
import { exchangeHttps, NotReached } from './https-exchange.ts'
import { ObjectStorage } from './object-storage.ts'
import { scratch } from './scratch.test.ts'

/** Time that passes only while somebody waits. */
class Waits implements Clock {
  ms = 0
  now = () => epochMs(Date.now())
  monotonicMs = () => this.ms
  after(delayMs: number, task: () => void) {
    this.ms += delayMs
    const timer = setImmediate(task)
    return () => clearImmediate(timer)
  }
}

function opened(t: TestContext, bucket: Bucket, caFile?: string) {
  const credentialsFile = writeAccessKey(scratch(t), bucket)
  const clock = new Waits()
  const log = new MemoryLog()
  const { endpoint } = bucket
  const address = { endpoint, bucket: 'records', region: 'eu-west-2', credentialsFile, caFile }
  return { storage: new ObjectStorage(address, { clock, log }), clock, log, address }
}

const AWAY = { code: 'BLOBS_UNREACHED' }
const octets = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)
const allKeys = async (storage: ObjectStorage, prefix: string) =>
  Array.fromAsync(storage.keys(prefix))

test('every request is signed, over what it carries', async (t) => {
  const bucket = await newBucket(t)
  bucket.sessionToken = 'a token / with + marks='
  const { storage } = opened(t, bucket)
  await storage.write('site/blobs/aa/aabb', octets(1, 2, 3))
  assert.deepEqual([...((await storage.read('site/blobs/aa/aabb')) ?? [])], [1, 2, 3])
  assert.deepEqual(await allKeys(storage, 'site/'), [['site/blobs/aa/aabb']])
  await storage.remove('site/blobs/aa/aabb')
  assert.equal(await storage.read('site/blobs/aa/aabb'), undefined)
  assert.deepEqual(
    bucket.asked.map((one) => one.replace(/\?.*/, '')),
    ['PUT', 'GET', 'GET', 'DELETE', 'HEAD', 'GET'].map((method, at) =>
      at === 2 ? `${method} /records` : `${method} /records/site/blobs/aa/aabb`,
    ),
  )
})

test('a list is read to its end, page by page, and one out of order is refused', async (t) => {
  const bucket = await newBucket(t)
  bucket.pageKeys = 2
  const { storage } = opened(t, bucket)
  for (const key of ['s/a', 's/b', 's/c', 's/d', 's/e', 'r/z', 't/a']) {
    bucket.objects.set(key, Buffer.alloc(1))
  }
  assert.deepEqual(await allKeys(storage, 's/'), [['s/a', 's/b'], ['s/c', 's/d'], ['s/e']])
  assert.deepEqual(await allKeys(storage, 'none/'), [[]])
  const again = '<ListBucketResult><IsTruncated>true</IsTruncated><Key>s/b</Key></ListBucketResult>'
  for (let times = 0; times < 2; times++) bucket.faults.push((response) => response.end(again))
  await assert.rejects(allKeys(storage, 's/'), AWAY)
  bucket.faults.push((response) => response.end('<html>a portal</html>'))
  await assert.rejects(allKeys(storage, 's/'), AWAY)
})

test('what is busy is asked again, what refuses is not', async (t) => {
  const bucket = await newBucket(t)
  const { storage, log } = opened(t, bucket)
  bucket.faults.push(failing(503, 'SlowDown'), failing(429, 'SlowDown'))
  await storage.write('a', octets(1))
  assert.equal(bucket.asked.length, 3)
  bucket.faults.push(failing(403, 'AccessDenied'))
  await assert.rejects(storage.read('a'), {
    ...AWAY,
    facts: { status: 403, reason: 'AccessDenied' },
  })
  assert.equal(bucket.asked.length, 4)
  assert.deepEqual(log.lines.at(-1), {
    ...{ level: 'warning', event: 'blobs.refused' },
    facts: { status: 403, reason: 'AccessDenied' },
  })
  assert.equal((await storage.read('a'))?.length, 1)
})

test('after an outage nobody is held up, and the storage is found again', async (t) => {
  const bucket = await newBucket(t)
  const { storage, clock, log } = opened(t, bucket)
  const cut = (): void => {
    for (let times = 0; times < 20; times++) bucket.faults.push((response) => response.destroy())
  }
  cut()
  await assert.rejects(storage.write('a', octets(1)), AWAY)
  assert(clock.ms <= 2000 && bucket.asked.length > 2 && bucket.asked.length < 8)
  const { length } = bucket.asked
  await assert.rejects(storage.read('a'), AWAY)
  assert.equal(bucket.asked.length, length, 'not even asked')
  clock.ms += 3000
  await assert.rejects(storage.read('a'), AWAY)
  bucket.faults.length = 0
  clock.ms += 3000
  assert.equal(await storage.read('a'), undefined)
  const events = log.lines.map(({ event }) => event)
  assert.deepEqual(events, ['blobs.unreached', 'blobs.reached'])
})

test('a missing object is told from a missing bucket', async (t) => {
  const bucket = await newBucket(t)
  const { storage } = opened(t, bucket)
  assert.equal(await storage.read('a'), undefined)
  for (const code of ['NoSuchBucket', 'x']) {
    bucket.faults.push(failing(404, code))
    await assert.rejects(storage.read('a'), AWAY)
    bucket.faults.push(failing(404, code))
    await assert.rejects(storage.remove('a'), AWAY)
  }
})

test('what was removed is asked for, and a bucket that keeps it is told of', async (t) => {
  const bucket = await newBucket(t)
  const { storage, log } = opened(t, bucket)
  await storage.write('a', octets(1))
  bucket.faults.push((response) => response.writeHead(204).end())
  await assert.rejects(storage.remove('a'), AWAY)
  assert.equal(await storage.keepsFormer(), false)
  const enabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
  bucket.faults.push((response) => response.end(enabled))
  assert.equal(await storage.keepsFormer(), true)
  bucket.faults.push(failing(403, 'AccessDenied'))
  assert.equal(await storage.keepsFormer(), undefined)
  bucket.objects.clear()
  bucket.faults.push((response) => response.writeHead(204, { 'x-amz-delete-marker': 'true' }).end())
  await storage.remove('a')
  assert.equal(log.lines.at(-1)?.event, 'blobs.former-kept')
})

test('an answer that is too long is cut off', async (t) => {
  const bucket = await newBucket(t)
  const { storage } = opened(t, bucket)
  bucket.faults.push((response) => response.end(Buffer.alloc(5 * 1024 * 1024)))
  await assert.rejects(storage.reach(), { ...AWAY, message: 'The object is too large' })
  assert.equal(bucket.asked.length, 1)
})

test('the server must show a certificate of its authority, for its name', async (t) => {
  const authority = await northAuthority()
  const own = (await authority.leaf({ commonName: 's3', dns: ['localhost'] })).credentials
  const other = (await authority.leaf({ commonName: 's3', dns: ['elsewhere'] })).credentials
  const caFile = join(scratch(t), 'ca.pem')
  writeFileSync(caFile, own.ca)
  const bucket = await newBucket(t, own)
  await opened(t, bucket, caFile).storage.write('a', octets(1))
  assert.equal(bucket.asked.length, 1)
  await assert.rejects(opened(t, bucket).storage.read('a'), AWAY)
  const misnamed = await newBucket(t, other)
  await assert.rejects(opened(t, misnamed, caFile).storage.read('a'), {
    ...AWAY,
    facts: { system: 'ERR_TLS_CERT_ALTNAME_INVALID' },
  })
  assert.deepEqual([bucket.asked.length, misnamed.asked.length], [1, 0])
  assert.throws(() => opened(t, bucket, '/nonexistent'), { code: 'PERMISSION_DENIED' })
})

test('who takes connections and says nothing is given up', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const url = `https://127.0.0.1:${port}/`
  const agent = new Agent()
  t.after(() => agent.destroy())
  const limits = { timeoutMs: 60_000, connectMs: 20, octetsMax: 1 }
  const question = { agent, method: 'GET', url, headers: {}, body: undefined, ...limits }
  await assert.rejects(exchangeHttps(question), NotReached)
})

test('an access key is read from a file that is ours alone, each time anew, and never told', async (t) => {
  const bucket = await newBucket(t)
  const { storage, address, log, clock } = opened(t, bucket)
  const { credentialsFile: file } = address
  const reopen = () => new ObjectStorage(address, { clock, log })
  await storage.write('a', octets(1))
  bucket.secret = 'another-secret'
  await assert.rejects(storage.read('a'), {
    ...AWAY,
    facts: { status: 403, reason: 'SignatureDoesNotMatch' },
  })
  writeFileSync(
    file,
    JSON.stringify({ accessKeyId: 'AKIAPHOTONWARD', secretAccessKey: bucket.secret }),
  )
  assert.equal((await storage.read('a'))?.length, 1)
  chmodSync(file, 0o640)
  assert.throws(reopen, { code: 'PERMISSION_TOO_OPEN' })
  await assert.rejects(storage.read('a'), AWAY)
  chmodSync(file, 0o600)
  for (const text of [
    '',
    '{"accessKeyId":"another-secret"}',
    'another-secret',
    'x'.repeat(20_000),
  ]) {
    writeFileSync(file, text)
    assert.throws(reopen, (error: Error & { code: string }) => {
      assert.equal(error.cause, undefined)
      return error.code === 'CREDENTIALS_INVALID' && !error.message.includes('another-secret')
    })
  }
  assert.throws(
    () => new ObjectStorage({ ...address, credentialsFile: `${file}x` }, { clock, log }),
    {
      code: 'PERMISSION_DENIED',
    },
  )
  assert(!JSON.stringify(log.lines).includes('secret'))
})

test('a configuration names TLS, or HTTP to this machine alone', () => {
  const at = { host: '127.0.0.1', port: 0 }
  const site = {
    ...{ site: 'east', federation: 'photonward', kme: 'kme.east', logOrigin: 'x/east' },
    ...{ peerListener: at, northListener: at },
  }
  const read = (more: object) => {
    const s3 = { bucket: 'records', credentialsFile: 's3.json', ...more }
    const text = JSON.stringify({ ...site, blobs: { s3 } })
    return readConfiguration(text, SiteConfigurationShape, '/srv/east/photonward.json')
  }
  const endpoint = 'https://s3.eu-west-2.amazonaws.com'
  for (const good of [
    endpoint,
    'https://[fd00::1]:9000',
    'http://127.0.0.1:9000',
    'http://[::1]',
  ]) {
    assert.equal(read({ endpoint: good }).blobs?.s3.endpoint, good)
  }
  for (const bad of ['http://s3.example', 'http://127.0.0.1.example', `${endpoint}/path`, 's3']) {
    assert.throws(() => read({ endpoint: bad }), { code: 'CONFIG_INVALID' }, bad)
  }
  for (const more of [
    { bucket: 'A' },
    { bucket: '../x' },
    { prefix: '/' },
    { prefix: 'a' },
    { prefix: '../' },
  ]) {
    assert.throws(() => read({ endpoint, ...more }), { code: 'CONFIG_INVALID' })
  }
  assert.equal(read({ endpoint, prefix: 'trust/records/' }).blobs?.s3.prefix, 'trust/records/')
})
