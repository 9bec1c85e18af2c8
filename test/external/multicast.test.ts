/**
 * ETSI GS QKD 014 with additional slaves as foreign programs speak it, against the daemons of three
 * sites: curl and Python's requests, with certificates as `pki issue-sae` writes them.
 *
 * Bristol is in the middle, with a fibre to each of the others.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeSites, type Sites } from '../support/sites.ts'
import { until } from '../support/until.ts'
import { pythonClaims } from './claims.ts'
import { curl, type CurlAnswer, type CurlOptions } from './curl.ts'
import { curlTool, keysIn, NOT_FOUND, refusal, type Served, type Status } from './stage.ts'
import { pathOf, pythonWithRequests, skipOf } from './tools.ts'

const NAMES = ['bristol', 'cambridge', 'london'] as const
type Name = (typeof NAMES)[number]
const SAES = { 'cambridge.lab': 'cambridge', 'london.lab': 'london' } as const
const python = pythonWithRequests()
const withCurl = { skip: skipOf(curlTool) }
const withPython = { skip: skipOf(python) }
const skip = withCurl.skip === undefined ? undefined : withPython.skip

test('foreign programs share keys among three sites', { timeout: 240_000, skip }, async (t) => {
  const fibres = [
    ['bristol', 'cambridge'],
    ['bristol', 'london'],
  ] as const
  const all = await makeSites(t, { names: NAMES, fibres, saes: SAES })
  await all.start()
  await all.sites.bristol.hasKeys(150)
  await t.test('python3-requests: a client written from the standard', withPython, async (t) => {
    const at = (sae: string, site: Name): string[] => {
      const url = `https://localhost:${String(all.sites[site].northPort)}`
      return ['--sae', sae, url, join(all.folder, sae)]
    }
    await pythonClaims(t, {
      ...{ python, program: 'foreign_multicast.py', claims: 9 },
      args: [
        ...at('bristol.ward', 'bristol'),
        ...at('cambridge.ward', 'cambridge'),
        ...at('cambridge.lab', 'cambridge'),
        ...at('london.ward', 'london'),
        ...at('london.lab', 'london'),
      ],
    })
  })
  await t.test('curl', withCurl, (t) => curlTests(t, all))
})

async function curlTests(t: TestContext, { folder, sites }: Sites<Name>): Promise<void> {
  const as = (sae: string, site: Name): CurlOptions => ({
    ...{ program: pathOf(curlTool), folder: join(folder, sae), port: sites[site].northPort },
  })
  const master = as('bristol.ward', 'bristol')
  const slaves = [as('cambridge.ward', 'cambridge'), as('london.ward', 'london')] as const
  const encKeys = 'cambridge.ward/enc_keys'
  const decKeys = 'bristol.ward/dec_keys'
  const forAll = { additional_slave_SAE_IDs: ['london.ward'] }

  await t.test('every call in every form, with keys that two sites fetch', async () => {
    for (const [slave, own] of [
      ['cambridge.ward', 'kme.cambridge'],
      ['london.ward', 'kme.london'],
    ]) {
      const answer = await curl(master, `${slave}/status`)
      const status = JSON.parse(answer.body) as Status & Record<string, unknown>
      assert.deepEqual([status.slave_SAE_ID, status['target_KME_ID']], [slave, own])
      assert.equal(status['max_SAE_ID_count'], 8)
    }
    // Forms of enc_keys: GET bare and with parameters, POST without a body, from the line, from a file.
    const single = [
      keysIn(await curl(master, encKeys)),
      keysIn(await curl(master, `${encKeys}?number=2&size=512`)),
      keysIn(await curl(master, encKeys, ['--request', 'POST'])),
      keysIn(await curl(master, encKeys, json({}))),
    ]
    assert.deepEqual(
      single.map((keys) => keys.map(octets)),
      [[32], [64, 64], [32], [32]],
    )
    for (const keys of single) await fetchedOnce(slaves[0], keys)
    writeFileSync(join(master.folder, 'wanted.json'), JSON.stringify({ ...forAll, number: 3 }))
    const file = ['--header', 'Content-Type: application/json', '--data', '@wanted.json']
    const shared = keysIn(await curl(master, encKeys, file))
    assert.equal(shared.length, 3)
    for (const slave of slaves) await fetchedOnce(slave, shared)
  })

  await t.test('every refusal is JSON, and costs no key of those that wait', async () => {
    const waiting = keysIn(await curl(master, encKeys, json(forAll)))
    const [{ key_ID: id }] = waiting
    const put = ['--request', 'PUT']
    const cases: readonly (readonly [number, Promise<CurlAnswer>])[] = [
      [400, curl(master, encKeys, json({ additional_slave_SAE_IDs: ['nobody'] }))],
      [400, curl(master, encKeys, json({ ...forAll, size: 257 }))],
      [400, curl(master, `${encKeys}?additional_slave_SAE_IDs=london.ward`)],
      [400, curl(slaves[1], `${decKeys}?key_ID=${id}&key_ID=${id}`)],
      [401, curl(as('london.lab', 'london'), `${decKeys}?key_ID=${id}`)],
      [401, curl(as('cambridge.ward', 'london'), 'bristol.ward/status')],
      [404, curl(master, 'cambridge.ward/every_key')],
      [405, curl(slaves[1], decKeys, put)],
      [413, curl(master, encKeys, json({ extension_optional: [{ x: 'y'.repeat(70_000) }] }))],
      [415, curl(master, encKeys, ['--data', 'number=1'])],
    ]
    for (const [status, answer] of cases) refusal(await answer, status)
    for (const slave of slaves) await fetchedOnce(slave, waiting)
  })

  await t.test('a further KME that is away makes no key, and comes back to new ones', async () => {
    await sites.london.daemon.kill()
    const refused = await curl(master, encKeys, json(forAll))
    refusal(refused, 503)
    assert.match(refused.headers['retry-after'], /^[1-9]\d*$/)
    const alone = keysIn(await curl(master, encKeys))
    await fetchedOnce(slaves[0], alone)
    await sites.london.daemon.start()
    const again = await until('keys for all again', async () => {
      const answer = await curl(master, encKeys, json(forAll))
      return answer.status === 200 && keysIn(answer)
    })
    for (const slave of slaves) await fetchedOnce(slave, again)
  })

  /** The first by GET, all by POST where there are more, and none of them again. */
  async function fetchedOnce(slave: CurlOptions, keys: readonly Served[]): Promise<void> {
    const ids = keys.map(({ key_ID }) => ({ key_ID }))
    const one = `${decKeys}?key_ID=${ids[0].key_ID}`
    const fetch = () =>
      keys.length === 1 ? curl(slave, one) : curl(slave, decKeys, json({ key_IDs: ids }))
    assert.deepEqual(keysIn(await fetch()), keys)
    assert.equal(refusal(await fetch(), 400), NOT_FOUND)
    assert.equal(refusal(await curl(slave, one), 400), NOT_FOUND)
  }
}

const json = (body: object): string[] => [
  ...['--header', 'Content-Type: application/json'],
  ...['--data', JSON.stringify(body)],
]
const octets = ({ key }: Served): number => Buffer.from(key, 'base64').length
