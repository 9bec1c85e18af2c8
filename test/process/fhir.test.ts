/**
 * The FHIR server of a real daemon: what is sent comes back to the letter, what was acknowledged
 * survives a kill, and what is meant to break it is refused.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { issuesOf, isObject, readJson, type JsonObject } from '#health'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'
import { killUnderCharts } from '../support/killed-charts.ts'

const shared = resolve(import.meta.dirname, '../../../shared/data/fhir')
const WARD = 'bristol.ward'
const FHIR = { 'content-type': 'application/fhir+json' }

/** A JSON text as this server writes it: without white space, with numbers as spelled. */
const canonical = (value: JsonObject): string => JSON.stringify(value)

/** All resources of the published examples and of Synthea, as they stand in their files. */
function sharedResources(): JsonObject[] {
  return globSync('**/*.json', { cwd: shared }).flatMap((file) => {
    const read = readJson(readFileSync(resolve(shared, file))) as JsonObject
    const isSynthea = file.startsWith('synthea')
    // Some examples have no id.
    const { resourceType, id = 'example', ...rest } = read
    if (!isSynthea) return [{ resourceType, id, ...rest }]
    return (read['entry'] as JsonObject[]).map(({ resource }) => resource as JsonObject)
  })
}

/** What a resource says beside version and time, which are the server's. */
function withoutServer(resource: JsonObject): string {
  const { meta, ...rest } = resource
  const kept = isObject(meta) ? Object.entries(meta) : []
  const own = kept.filter(([name]) => name !== 'versionId' && name !== 'lastUpdated')
  return canonical({ ...rest, meta: Object.fromEntries(own) })
}

test(
  'every published resource comes back as it was sent, to the letter',
  { skip: existsSync(shared) ? false : 'no shared data' },
  async (t) => {
    const { site, base, credentials } = await makeFhirSite(t, { clients: { [WARD]: 'write' } })
    await site.daemon.start()
    const ask = fetchAs(t, credentials(WARD))
    const batch = async (entry: readonly JsonObject[]): Promise<readonly JsonObject[]> => {
      const body = canonical({ resourceType: 'Bundle', type: 'batch', entry: [...entry] })
      const answer = await ask(base, { method: 'POST', headers: FHIR, body })
      assert.equal(answer.status, 200)
      const bundle = readJson(new Uint8Array(await answer.arrayBuffer())) as JsonObject
      return bundle['entry'] as JsonObject[]
    }
    const statusOf = ({ response }: JsonObject) => (response as JsonObject)['status'] as string
    let [sent, refused] = [0, 0]
    for (const resources of apart(sharedResources())) {
      const put = resources.map((resource) => {
        return { resource, request: { method: 'PUT', url: nameOf(resource) } }
      })
      const stored = (await batch(put)).map(statusOf)
      const read = await batch(
        put.map(({ request: { url } }) => ({ request: { method: 'GET', url } })),
      )
      for (const [at, resource] of resources.entries()) {
        // The endpoint of the published subscription is on no list of this site.
        if (issuesOf(resource).length > 0 || resource['resourceType'] === 'Subscription') {
          assert.match(stored[at], /^4(03|22)/)
          refused++
          continue
        }
        assert.match(stored[at], /^20[01]/, nameOf(resource))
        assert.equal(withoutServer(read[at]['resource'] as JsonObject), withoutServer(resource))
        sent++
      }
    }
    assert(sent > 1000 && refused < 10, `${String(sent)} sent, ${String(refused)} refused`)
  },
)

const nameOf = ({ resourceType, id }: JsonObject): string =>
  `${resourceType as string}/${id as string}`

/** Resources in parts of at most 200, none twice in one. */
function apart(resources: readonly JsonObject[]): JsonObject[][] {
  const parts: Map<string, JsonObject>[] = []
  for (const resource of resources) {
    const last = parts.at(-1)
    if (last === undefined || last.size === 200 || last.has(nameOf(resource))) parts.push(new Map())
    parts.at(-1)?.set(nameOf(resource), resource)
  }
  return parts.map((part) => [...part.values()])
}

test('a kill under load loses no acknowledged write and leaves no half transaction', async (t) => {
  const served = await makeFhirSite(t, { clients: { [WARD]: 'write' } })
  const ask = fetchAs(t, served.credentials(WARD))
  await killUnderCharts(served, ask)
  assert.deepEqual((await served.site.verify()).faults, [])
})

test('bombs are refused early, and the server goes on', async (t) => {
  const { site, base, credentials } = await makeFhirSite(t, { clients: { [WARD]: 'write' } })
  await site.daemon.start()
  const ask = fetchAs(t, credentials(WARD))
  const post = async (body: string, at = '') =>
    (await ask(`${base}${at}`, { method: 'POST', headers: FHIR, body })).status
  assert.equal(await post(`{"resourceType":"Bundle","x":"${'a'.repeat(100_000_000)}"}`), 413)
  const deep = 1_000_000
  assert.equal(await post('['.repeat(deep) + ']'.repeat(deep), '/Patient'), 400)
  assert.equal(await post(`{"a":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}}`, '/Patient'), 400)
  const many = `{"resourceType":"Patient","name":[${'{"text":"a"},'.repeat(100_000)}{"text":"a"}]}`
  assert.equal(await post(many, '/Patient'), 422)
  for (const key of ['__proto__', 'constructor', 'toString']) {
    assert.equal(
      await post(`{"resourceType":"Patient","${key}":{"polluted":true}}`, '/Patient'),
      400,
    )
  }
  const number = `{"resourceType":"Observation","valueInteger":${'9'.repeat(1000)}}`
  assert.equal(await post(number, '/Observation'), 400)
  const quotes = "'; drop table vault_object; --"
  const searched = await ask(`${base}/Patient?family=${encodeURIComponent(quotes)}`)
  assert.deepEqual(
    [searched.status, ((await searched.json()) as { total: number }).total],
    [200, 0],
  )
  const entries = Array.from(
    { length: 10_001 },
    () => '{"request":{"method":"GET","url":"Patient/p"}}',
  )
  const large = `{"resourceType":"Bundle","type":"batch","entry":[${entries.join(',')}]}`
  assert.equal(await post(large), 413)
  assert.equal(await post('{"resourceType":"Patient"}', '/Patient'), 201)
})
