/**
 * Large containers in the folder and in an object storage: the same for whoever reads and writes, and
 * nobody is held up while the storage is away.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openSiteDisk, JsonLog, SystemClock } from '#gateway'
import type { Disk } from '#base'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'
import { BUCKET, s3Server, writeAccessKey, type S3Server } from '../support/s3-server.ts'
import { newFolder } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const KINDS = ['folder', 'object storage'] as const

const settingsOf = ({ endpoint }: Pick<S3Server, 'endpoint'>, prefix = '') => ({
  s3: { endpoint, bucket: BUCKET, prefix, region: 'us-east-1', credentialsFile: 's3.json' },
})

async function diskOf(t: TestContext, kind: (typeof KINDS)[number]): Promise<Disk> {
  const folder = newFolder(t)
  const clock = new SystemClock()
  t.after(() => clock[Symbol.dispose]())
  const ports = { clock, log: new JsonLog({ clock, sinks: [] }) }
  if (kind === 'folder') return openSiteDisk(folder, { site: 'bristol' }, ports)
  writeAccessKey(folder)
  return openSiteDisk(folder, { site: 'bristol', blobs: settingsOf(await s3Server(t)) }, ports)
}

const name = (at: number): string => {
  const hash = (at * 2_654_435_761).toString(16).padStart(64, '0').slice(-64)
  return `blobs/${hash.slice(-2)}/${hash}`
}
const pagesOf = async (disk: Disk): Promise<string[]> => {
  const found: string[] = []
  for await (const page of disk.pages('blobs')) found.push(...page)
  return found.toSorted()
}

for (const kind of KINDS) {
  test(`containers are put, replaced, read, listed and removed in the ${kind}`, async (t) => {
    const disk = await diskOf(t, kind)
    const large = new Uint8Array(3_000_001).map((_, at) => at % 251)
    assert.equal(await disk.read(name(0)), undefined)
    assert.deepEqual(await pagesOf(disk), [])
    await disk.write(name(0), Uint8Array.of(1, 2, 3))
    await disk.write(name(0), large)
    await disk.write(name(1), new Uint8Array(0))
    await disk.write('tombs/one', Uint8Array.of(9))
    assert.deepEqual(new Uint8Array((await disk.read(name(0))) ?? []), large)
    assert.equal((await disk.read(name(1)))?.length, 0)
    assert.deepEqual(await pagesOf(disk), [name(0), name(1)].toSorted())
    const [, folder] = name(0).split('/')
    assert.deepEqual(await disk.list(`blobs/${folder}`), [name(0)])
    assert.deepEqual(await disk.list('tombs'), ['tombs/one'])
    await disk.remove(name(0))
    await disk.remove(name(0))
    assert.equal(await disk.read(name(0)), undefined)
    assert.deepEqual(await pagesOf(disk), [name(1)])
  })
}

test('two sites in one bucket do not see each other, nor what else lies there', async (t) => {
  const server = await s3Server(t)
  const folder = newFolder(t)
  writeAccessKey(folder)
  using clock = new SystemClock()
  const ports = { clock, log: new JsonLog({ clock, sinks: [] }) }
  const at = (site: string, prefix = '') =>
    openSiteDisk(folder, { site, blobs: settingsOf(server, prefix) }, ports)
  const [bristol, cambridge, apart] = [at('bristol'), at('cambridge'), at('bristol', 'trust/a/')]
  await bristol.write(name(1), Uint8Array.of(1))
  await cambridge.write(name(1), Uint8Array.of(2))
  // As somebody else would put it there: no path of a disk is called so.
  await bristol.write('blobs/.of-another', Uint8Array.of(0))
  await apart.write(name(2), Uint8Array.of(3))
  assert.deepEqual(await pagesOf(bristol), [name(1)])
  assert.deepEqual(await pagesOf(apart), [name(2)])
  await cambridge.remove(name(1))
  assert.deepEqual([...((await bristol.read(name(1))) ?? [])], [1])
})

test('a wrong access key, a bucket that is not there and a stopped server are refused alike', async (t) => {
  const server = await s3Server(t)
  const folder = newFolder(t)
  using clock = new SystemClock()
  const ports = { clock, log: new JsonLog({ clock, sinks: [] }) }
  const blobs = settingsOf(server)
  writeAccessKey(folder)
  const other = { s3: { ...blobs.s3, bucket: 'another' } }
  const elsewhere = openSiteDisk(folder, { site: 'bristol', blobs: other }, ports)
  const refused = (reason: string) => (error: { code: string; facts: Record<string, unknown> }) =>
    error.code === 'BLOBS_UNREACHED' && error.facts['reason'] === reason
  // Not taken for a container that is missing.
  await assert.rejects(elsewhere.read(name(1)), refused('NoSuchBucket'))
  const disk = openSiteDisk(folder, { site: 'bristol', blobs }, ports)
  writeAccessKey(folder, 'somebody')
  await assert.rejects(disk.write(name(1), Uint8Array.of(1)), refused('InvalidAccessKeyId'))
  writeAccessKey(folder)
  await disk.write(name(1), Uint8Array.of(1))
  await server.stop()
  await assert.rejects(disk.read(name(1)), { code: 'BLOBS_UNREACHED' })
})

const FHIR = { 'content-type': 'application/fhir+json' }
const WARD = 'bristol.ward'

for (const kind of KINDS) {
  test(`a large resource is written, changed, verified and erased with the ${kind}`, async (t) => {
    const { site, base, credentials } = await makeFhirSite(t, { clients: { [WARD]: 'write' } })
    const settings = kind === 'folder' ? {} : { blobs: settingsOf(await s3Server(t)) }
    writeAccessKey(site.folder)
    site.configure((value) => Object.assign(value, settings))
    using clock = new SystemClock()
    const log = new JsonLog({ clock, sinks: [] })
    const disk = openSiteDisk(site.folder, { site: 'bristol', ...settings }, { clock, log })
    await site.daemon.start()
    const { ask, list } = asking(t, { base, credentials })
    await ask('PUT', { resourceType: 'Patient', id: 'p' })
    await ask('PUT', list('long', 40_000))
    await ask('PUT', list('long', 50_000))
    await site.daemon.kill()
    const own = await pagesOf(disk)
    assert.equal(own.length, 2)
    await disk.write(name(1), Uint8Array.of(1))
    await site.daemon.start()
    await until('what belongs to nothing is removed', async () => {
      return (await pagesOf(disk)).length === 2
    })
    assert.deepEqual(await pagesOf(disk), own)
    const [first, second] = [
      await ask('GET', list('long'), '/_history/1'),
      await ask('GET', list('long')),
    ]
    assert.deepEqual([first.status, second.status], [200, 200])
    assert.deepEqual([first.marks, second.marks], [40_000, 50_000])
    const found = await site.verify()
    assert.deepEqual([found.faults, found.done.kind], [[], 'done'])
    assert.equal(existsSync(join(site.folder, 'blobs')), kind === 'folder')
    const [{ patient }] = await site.admin.call('patients', {}, null)
    await site.admin.call('erase', { patient }, { cause: 'wish' })
    assert.deepEqual(await pagesOf(disk), [])
    assert.equal((await ask('GET', list('long'))).status, 410)
    assert.deepEqual((await site.verify()).faults, [])
  })
}

test('while the object storage is away large resources are 503 and small ones are served', async (t) => {
  const { site, base, credentials } = await makeFhirSite(t, { clients: { [WARD]: 'write' } })
  const server = await s3Server(t)
  writeAccessKey(site.folder)
  site.configure((value) => (value['blobs'] = settingsOf(server)))
  await site.daemon.start()
  const { ask, list } = asking(t, { base, credentials })
  assert.equal((await ask('PUT', list('long', 40_000))).status, 201)
  await site.daemon.kill()
  await server.stop()
  // It starts without its storage.
  await site.daemon.start()
  for (const method of ['GET', 'PUT'] as const) {
    const { status, text } = await ask(method, list(method === 'GET' ? 'long' : 'new', 40_000))
    assert.equal(status, 503)
    assert.match(text, /OperationOutcome.*FHIR_UNAVAILABLE/s)
  }
  assert.equal((await ask('PUT', list('short', 10))).status, 201)
  assert.equal((await ask('GET', list('short'))).status, 200)
  await server.start()
  await until('large resources are read again', async () => {
    return (await ask('GET', list('long'))).marks === 40_000
  })
  assert.equal((await ask('PUT', list('new', 40_000))).status, 201)
  const log = readFileSync(join(site.folder, 'log', 'daemon.log'), 'utf8')
  for (const event of ['blobs.unreached', 'blobs.reached']) assert(log.includes(event), event)
  assert(!log.includes('S3RVER'), 'the access key is in no log')
})

/** Asks for lists of a note that is as long as is said. */
function asking(
  t: TestContext,
  served: Pick<Awaited<ReturnType<typeof makeFhirSite>>, 'base' | 'credentials'>,
) {
  const fetched = fetchAs(t, served.credentials(WARD))
  const list = (id: string, marks = 0) => ({
    ...{ resourceType: 'List', id, status: 'current', mode: 'working' },
    ...{ subject: { reference: 'Patient/p' }, note: [{ text: 'ü'.repeat(marks + 1) }] },
  })
  const ask = async (
    method: 'GET' | 'PUT',
    body: { readonly resourceType: string; readonly id: string },
    past = '',
  ) => {
    const init = method === 'PUT' ? { method, headers: FHIR, body: JSON.stringify(body) } : {}
    const answer = await fetched(`${served.base}/${body.resourceType}/${body.id}${past}`, init)
    const text = await answer.text()
    return { status: answer.status, text, marks: text.split('ü').length - 2 }
  }
  return { ask, list }
}
