import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, HOUR_MS, utf8, type Clock } from '#base'
import { accountOf } from '#audit'
import { createFhir } from '#fhir'
import { isObject, type JsonObject } from '#health'
import type { Decision, DecisionFacts } from '../session.ts'
import {
  clientOf,
  issuesIn,
  newServer,
  patient,
  textIn,
  type Answered,
  type Ask,
} from '../fixture.test.ts'

type Asking = (line: string, ask?: Ask) => Promise<Answered>

const ASYNC = { headers: { prefer: 'respond-async' } }
const below = (url: string | undefined): string =>
  (url ?? '').slice('https://records.example/fhir'.length)
const flag = (id: string, about: string): JsonObject => ({
  ...{ resourceType: 'Flag', id, status: 'active', code: { text: 'allergic' } },
  subject: { reference: about },
})

async function filled(...args: Parameters<typeof newServer>) {
  const server = await newServer(...args)
  const { ask } = server
  await ask('PUT /Practitioner/doc', { body: { resourceType: 'Practitioner', id: 'doc' } })
  for (const id of ['a', 'b', 'c']) {
    await ask(`PUT /Patient/${id}`, { body: patient(id) })
    await ask(`PUT /Flag/${id}1`, { body: flag(`${id}1`, `Patient/${id}`) })
  }
  return server
}

/** Kicks off an export. */
async function begun(ask: Asking, path = '/$export'): Promise<string> {
  const answer = await ask(`GET ${path}`, ASYNC)
  assert.equal(answer.status, 202, answer.text)
  return below(answer.headers['content-location'])
}

/** Asks how far an export is until it is done. */
async function finished(ask: Asking, status: string): Promise<JsonObject> {
  for (let round = 0; round < 1000; round++) {
    const answer = await ask(`GET ${status}`)
    if (answer.status === 200) return answer.body ?? {}
    assert.equal(answer.status, 202, answer.text)
    assert.equal(answer.headers['retry-after'], '5')
    await new Promise((resume) => setImmediate(resume))
  }
  throw new Error('The export does not end')
}

/** Everything in the files of an export: `Type/id`, and to the letter. */
async function lines(ask: Asking, { output }: JsonObject): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const { url, count, type } of output as JsonObject[]) {
    const file = await ask(`GET ${below(url as string)}`, {
      headers: { accept: 'application/fhir+ndjson' },
    })
    assert.equal(file.headers['content-type'], 'application/fhir+ndjson')
    const all = file.text.split('\n').slice(0, -1)
    assert.equal(all.length, count)
    for (const line of all) {
      const one = JSON.parse(line) as JsonObject
      assert.equal(one['resourceType'], type)
      const name = `${textIn(one, 'resourceType')}/${textIn(one, 'id')}`
      assert(!found.has(name), `${name} comes once`)
      found.set(name, line)
    }
  }
  return found
}

const exported = async (ask: Asking, path?: string): Promise<ReadonlyMap<string, string>> =>
  await lines(ask, await finished(ask, await begun(ask, path)))

test('an export holds everything once and to the letter, and its manifest says when', async () => {
  const { ask, time } = await filled()
  const participant = ['a', 'b'].map((id) => {
    return { actor: { reference: `Patient/${id}` }, status: 'accepted' }
  })
  const both = { resourceType: 'Appointment', id: 'both', status: 'proposed', participant }
  assert.equal((await ask('PUT /Appointment/both', { body: both })).status, 201)
  await time.advance(1000)
  const manifest = await finished(ask, await begun(ask))
  assert.equal(manifest['requiresAccessToken'], true)
  assert.equal(manifest['request'], 'https://records.example/fhir/$export')
  const all = await lines(ask, manifest)
  assert.deepEqual([...all.keys()].toSorted(), [
    ...['Appointment/both', 'Flag/a1', 'Flag/b1', 'Flag/c1', 'Patient/a', 'Patient/b', 'Patient/c'],
    'Practitioner/doc',
  ])
  for (const [name, line] of all) assert.equal(line, (await ask(`GET /${name}`)).text)
  const later = `/$export?_since=${textIn(manifest, 'transactionTime')}`
  assert.deepEqual([...(await exported(ask, `${later}&_type=Patient`)).keys()], [])
})

test('an export of patients, of a group, of types and of a time holds just those', async () => {
  const { ask, time } = await filled()
  const member = ['a', 'c', 'nobody'].map((id) => ({ entity: { reference: `Patient/${id}` } }))
  const left = { entity: { reference: 'Patient/b' }, inactive: true }
  const group = { resourceType: 'Group', id: 'g', type: 'person', actual: true }
  await ask('PUT /Group/g', { body: { ...group, member: [...member, left] } })
  await time.advance(1000)
  const { headers } = await ask('PUT /Flag/c1', {
    body: { ...flag('c1', 'Patient/c'), status: 'inactive' },
  })
  assert.equal(headers['etag'], 'W/"2"')
  const names = async (path: string): Promise<string[]> =>
    [...(await exported(ask, path)).keys()].toSorted()
  const patients = ['Flag/a1', 'Flag/b1', 'Flag/c1', 'Patient/a', 'Patient/b', 'Patient/c']
  assert.deepEqual(
    (await names('/Patient/$export')).filter((name) => name !== 'Group/g'),
    patients,
  )
  const ofGroup = await names('/Group/g/$export?_type=Flag,Patient')
  assert.deepEqual(ofGroup, ['Flag/a1', 'Flag/c1', 'Patient/a', 'Patient/c'])
  assert.deepEqual(await names('/$export?_type=Practitioner'), ['Practitioner/doc'])
  const { meta } = (await ask('GET /Flag/c1')).body ?? {}
  assert(isObject(meta))
  assert.deepEqual(await names(`/$export?_since=${textIn(meta, 'lastUpdated')}`), ['Flag/c1'])
  assert.equal((await ask('GET /Group/nobody/$export', ASYNC)).status, 404)
})

test('what cannot be exported so is refused before anything begins', async () => {
  const { ask, disk } = await filled()
  assert.equal((await ask('GET /$export')).status, 400)
  for (const query of [
    '_type=Martian',
    '_outputFormat=csv',
    '_since=soon',
    '_typeFilter=Patient%3Factive%3Dtrue',
  ]) {
    const answer = await ask(`GET /$export?${query}`, ASYNC)
    assert.deepEqual([answer.status, issuesIn(answer).length], [400, 1], query)
  }
  assert.equal((await ask('POST /$export', ASYNC)).status, 405)
  assert.deepEqual(await disk.list('bulk'), [])
})

test('an export holds what its requester may see, and is nobody else’s', async () => {
  const { ask, fhir } = await filled(({ action, resource }) =>
    action === 'export' && JSON.stringify(resource ?? {}).includes('Patient/b')
      ? { permit: false, reason: 'not this one' }
      : { permit: true },
  )
  const status = await begun(ask)
  const manifest = await finished(ask, status)
  assert(!(await lines(ask, manifest)).has('Flag/b1'))
  const other = clientOf(fhir, 'somebody')
  const [{ url }] = manifest['output'] as JsonObject[]
  for (const line of [`GET ${status}`, `DELETE ${status}`, `GET ${below(url as string)}`]) {
    assert.equal((await other(line)).status, 404, line)
  }
  assert.equal(
    (await ask(`GET ${status.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`)).status,
    404,
  )
  assert.equal((await ask(`GET ${below(url as string).replace(/1$/, '99')}`)).status, 404)
})

test('whoever may export nothing begins none', async () => {
  const { ask } = await filled(({ action }) =>
    action === 'export' ? { permit: false, reason: 'no exports' } : { permit: true },
  )
  const answer = await ask('GET /$export', ASYNC)
  assert.deepEqual([answer.status, issuesIn(answer)[0]['diagnostics']], [403, 'no exports'])
})

test('at rest an export shows nothing, neither of records nor of its address', async () => {
  const { ask, disk, store } = await filled()
  const status = await begun(ask)
  await finished(ask, status)
  const rows = await store.read({ sql: 'select * from fhir_bulk', parameters: [] })
  assert.equal(rows.length, 1)
  assert(disk.files.size > 0)
  const ticket = status.split('/').at(-1) ?? ''
  const stored = [...disk.files.values(), ...rows.flatMap((row) => Object.values(row))]
  for (const value of stored) {
    const octets = value instanceof Uint8Array ? value : utf8(String(value))
    for (const text of ['Winter', 'allergic', 'Patient', ticket]) {
      assert(!Buffer.from(octets).includes(text), text)
    }
    assert(!Buffer.from(octets).includes(Buffer.from(ticket, 'hex')))
  }
})

test('an export that a full disk or the end of a daemon stopped goes on when it is asked about', async () => {
  const { ask, disk, options, fhir } = await filled()
  disk.octetsMax = [...disk.files.values()].reduce((sum, { length }) => sum + length, 0) + 400
  const small = createFhir({ ...options, exportFileOctets: 1 })
  const status = await begun(clientOf(small))
  for (let round = 0; round < 200; round++) {
    assert.equal((await clientOf(small)(`GET ${status}`)).status, 202)
    await new Promise((resume) => setImmediate(resume))
  }
  const written = (await disk.list('bulk')).length
  assert(written > 0, 'something was written before the disk was full')
  small[Symbol.dispose]()
  disk.octetsMax = Infinity
  fhir[Symbol.dispose]()
  const again = clientOf(createFhir(options))
  assert.equal((await lines(again, await finished(again, status))).size, 7)
  assert.equal((await ask(`GET ${status}`)).status, 200)
})

test('an export goes no further than its session, and on with the next, without a gap', async () => {
  const { options } = await filled()
  let passed = 0
  const clock = Object.create(options.clock, {
    now: { value: () => epochMs(options.clock.now() + passed) },
  }) as Clock
  let sessions = 0
  const fhir = createFhir({
    ...{ ...options, clock },
    authenticate: () => {
      sessions++
      const until = epochMs(clock.now() + 2000)
      const decide = ({ resource }: DecisionFacts): Decision => {
        if (resource !== undefined) passed += 600
        return clock.now() < until ? { permit: true } : { permit: false, reason: 'over' }
      }
      return { account: accountOf('pacs'), until, decide }
    },
  })
  const ask = clientOf(fhir)
  assert.equal((await lines(ask, await finished(ask, await begun(ask)))).size, 7)
  assert(sessions > 4, 'no session lasts for the whole of it')
})

test('what is ended or over is gone with its files', async () => {
  const { ask, disk, time, options } = await filled()
  const [first, second] = [await begun(ask), await begun(ask)]
  const manifest = await finished(ask, first)
  await finished(ask, second)
  assert.equal((await ask(`DELETE ${first}`)).status, 202)
  const [{ url }] = manifest['output'] as JsonObject[]
  for (const path of [first, below(url as string)]) {
    assert.equal((await ask(`GET ${path}`)).status, 404)
  }
  assert((await disk.list('bulk')).length > 0)
  await time.advance(25 * HOUR_MS)
  assert.equal((await ask(`GET ${second}`)).status, 404)
  assert.deepEqual(await disk.list('bulk'), [])
  const rows = await options.store.read({ sql: 'select * from fhir_bulk', parameters: [] })
  assert.equal(rows.length, 0)
})

test('a file that was changed at rest is refused', async () => {
  const { ask, disk } = await filled()
  const manifest = await finished(ask, await begun(ask))
  const [path] = await disk.list('bulk')
  await disk.overwrite(path, 3, Uint8Array.of(1, 2, 3))
  const statuses = []
  for (const { url } of manifest['output'] as JsonObject[]) {
    statuses.push((await ask(`GET ${below(url as string)}`)).status)
  }
  assert.equal(statuses.filter((status) => status === 500).length, 1)
})

test('a site keeps so many exports and no more', async () => {
  const { ask } = await filled()
  for (let count = 0; count < 32; count++) await finished(ask, await begun(ask))
  const answer = await ask('GET /$export', ASYNC)
  assert.deepEqual([answer.status, issuesIn(answer)[0]['code']], [429, 'throttled'])
})
