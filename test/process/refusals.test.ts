/**
 * Bad input at the doors of a running site: records, the admin socket, ETSI GS QKD 014, and the
 * command line. Each is refused with one clear line and a stable code, nothing has changed
 * afterwards, nothing of the input is shown or logged, and the site goes on serving.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { ask, type RawAnswer } from '../support/admin.ts'
import { photonward } from '../support/processes.ts'
import { cohort, entriesOf } from '../support/records.ts'
import { assertSilent, changesNothing } from '../support/standing.ts'
import { startTwoSites, type TestSite } from '../support/two-sites.ts'

/** Stands in whatever is refused, and must not be seen anywhere. */
const SECRET = 'Mountweazel-Featherstonehaugh'
const MIB = 1024 * 1024
const HUGE_OCTETS = 100 * MIB
const NOBODY = '00000000-0000-4000-8000-000000000000'

interface Bad {
  readonly what: string
  readonly body: string | Uint8Array
  readonly status: number
  readonly code: string
}

const [, another] = cohort(99, 1)
const family = [{ family: SECRET }]
const patient = { resourceType: 'Patient', id: 'p', name: family }

/** A whole good bundle of a patient, and one resource in it that is not valid. */
function goodAndBad(): string {
  const bad = { resourceType: 'Observation', id: 'bad', status: SECRET, code: { text: SECRET } }
  const fullUrl = 'urn:uuid:7f9cbd0a-9f1b-4a4e-8f53-000000000001'
  const request = { method: 'POST', url: 'Observation' }
  const entry = [...entriesOf(another), { fullUrl, resource: bad, request }]
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry })
}

const INVALID = 'HEALTH_RESOURCE_INVALID'
const BAD_RECORDS: readonly Bad[] = [
  { what: 'nothing at all', body: '', status: 400, code: 'HEALTH_JSON_INVALID' },
  {
    what: 'a bundle that is cut off',
    body: Buffer.from(another).subarray(0, 500),
    status: 400,
    code: 'HEALTH_JSON_INVALID',
  },
  { what: 'no object', body: `["${SECRET}"]`, status: 400, code: 'HEALTH_JSON_INVALID' },
  {
    what: 'octets that are not UTF-8',
    body: Buffer.concat([Buffer.from(`{"${SECRET}":"`), Buffer.of(0xff, 0x22, 0x7d)]),
    status: 400,
    code: 'HEALTH_JSON_TEXT_INVALID',
  },
  {
    what: 'a member that stands twice',
    body: `{"resourceType":"Patient","id":"${SECRET}","id":"b"}`,
    status: 422,
    code: 'HEALTH_JSON_KEY_REPEATED',
  },
  { what: 'a pit', body: '['.repeat(100_000), status: 422, code: 'HEALTH_JSON_TOO_DEEP' },
  {
    what: 'a type that FHIR does not know',
    body: JSON.stringify({ resourceType: SECRET }),
    status: 400,
    code: INVALID,
  },
  {
    what: 'a code that the value set does not have',
    body: JSON.stringify({ ...patient, gender: SECRET }),
    status: 400,
    code: INVALID,
  },
  { what: 'a bundle with one invalid resource', body: goodAndBad(), status: 400, code: INVALID },
  {
    what: 'a patient who may be real, in the demo profile',
    body: JSON.stringify({ ...patient, gender: 'other' }),
    status: 403,
    code: 'VAULT_NOT_SYNTHETIC',
  },
]

test('whatever is wrong is refused at the door, and nothing changes', async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge } = sites
  const both = [bristol, cambridge]
  const [organisations, bundle] = cohort(5, 1)
  await bristol.import(organisations)
  const { patients } = await bristol.import(bundle)
  const file = join(sites.folder, 'bad.json')

  for (const { what, body, status, code } of BAD_RECORDS) {
    await t.test(`records: ${what}`, () =>
      changesNothing(both, async () => {
        assertRefusal(await tell(bristol, 'POST', '/v1/records', body), status, code)
      }),
    )
  }

  await t.test('records: the command line says the same, in one line', () =>
    changesNothing(both, async () => {
      writeFileSync(file, goodAndBad())
      const { status, stdout, stderr } = await atBristol('record', 'import', file)
      assert.deepEqual([status, stdout], [2, ''])
      const lines = stderr.trim().split('\n')
      const last = lines.at(-1) ?? ''
      assert.match(
        last,
        /^refused At entry\[\d+\]\.resource\.status: .* \[HEALTH_RESOURCE_INVALID\]$/,
      )
      assert(!stderr.includes(SECRET))
    }),
  )

  await t.test('records: 100 MB, announced or not, in little memory', async (t: TestContext) => {
    const before = memoryOf(bristol)
    await changesNothing(both, async () => {
      for (const announced of [true, false]) {
        const answer = await pour(bristol, announced)
        assertRefusal(answer, 413, 'BODY_TOO_LARGE')
      }
      const grown = (memoryOf(bristol) - before) / MIB
      t.diagnostic(`the daemon grew by ${grown.toFixed(0)} MiB at most`)
      assert(grown < 160, `${grown} MiB`)
    })
  })

  await t.test('admin: unknown paths, methods and parameters, long headers', () =>
    changesNothing(both, async () => {
      for (const [method, path, status, code] of BAD_REQUESTS) {
        assertRefusal(await tell(bristol, method, path), status, code)
      }
      assertRefusal(await longHeader(bristol), 431, 'REQUEST_INVALID')
    }),
  )

  await t.test('admin: transfers that cannot be', () =>
    changesNothing(both, async () => {
      const wish = { patient: patients[0], to: 'cambridge' }
      for (const [body, status, code] of [
        [SECRET, 400, 'REQUEST_INVALID'],
        [{ ...wish, to: undefined }, 400, 'SHAPE_INVALID'],
        [{ ...wish, mode: 'classical' }, 400, 'SHAPE_INVALID'],
        [{ ...wish, surplus: SECRET }, 400, 'SHAPE_INVALID'],
        [{ ...wish, to: 'nowhere' }, 400, 'TRANSFER_INVALID'],
        [{ ...wish, to: 'bristol' }, 400, 'TRANSFER_INVALID'],
        [{ ...wish, patient: NOBODY }, 404, 'RECORD_NOT_FOUND'],
        [SECRET.repeat(MIB / 16), 413, 'BODY_TOO_LARGE'],
      ] as const) {
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        assertRefusal(await tell(bristol, 'POST', '/v1/transfers', text), status, code)
      }
    }),
  )

  await t.test('keys: what ETSI GS QKD 014 does not allow', () =>
    changesNothing(both, async () => {
      const { ward } = bristol
      for (const [method, path, body, status] of [
        ['GET', 'nobody.ward/enc_keys', undefined, 400],
        ['GET', 'cambridge.ward/enc_keys?number=x', undefined, 400],
        ['GET', 'cambridge.ward/enc_keys?number=999999', undefined, 400],
        ['GET', 'cambridge.ward/enc_keys?size=7', undefined, 400],
        ['GET', `cambridge.ward/dec_keys?key_ID=${NOBODY}`, undefined, 400],
        ['GET', 'cambridge.ward/dec_keys?key_ID=x', undefined, 400],
        ['POST', 'cambridge.ward/enc_keys', { [SECRET]: 1 }, 400],
        ['POST', 'cambridge.ward/enc_keys', { additional_slave_SAE_IDs: [SECRET] }, 400],
        ['GET', 'cambridge.ward/nothing', undefined, 404],
        ['GET', '../../v1/status', undefined, 404],
      ] as const) {
        const answer = await ward.ask(method, path, body)
        assert.equal(answer.status, status, `${path}: ${answer.body}`)
        const { message } = JSON.parse(answer.body) as { message: string }
        assertOneLine(message)
      }
    }),
  )

  await t.test('keys: a body above 1 MiB', () =>
    changesNothing(both, async () => {
      const answer = await bristol.ward.ask('POST', 'cambridge.ward/enc_keys', {
        x: 'x'.repeat(2 * MIB),
      })
      assert.equal(answer.status, 413)
    }),
  )

  await t.test('command line: what is not there is named, with an exit status for scripts', () =>
    changesNothing(both, async () => {
      for (const [args, status, code] of [
        [['record', 'import', join(sites.folder, 'absent.json')], 2, 'FILE_UNREADABLE'],
        [['record', 'send', patients[0], '--to', 'nowhere'], 2, 'TRANSFER_INVALID'],
        [['record', 'send', NOBODY, '--to', 'cambridge'], 3, 'RECORD_NOT_FOUND'],
        [['record', 'show', NOBODY], 3, 'VAULT_NOT_FOUND'],
        [['transfer', 'show', NOBODY], 3, 'TRANSFER_UNKNOWN'],
        [['audit', 'prove', '99999999'], 3, 'AUDIT_NOT_FOUND'],
        [['serve'], 69, 'SITE_IN_USE'],
      ] as const) {
        const ended = await atBristol(...args)
        assert.equal(ended.status, status, args.join(' '))
        assert.equal(ended.stdout, '')
        const [line, ...more] = ended.stderr.trim().split('\n')
        assert.match(line, new RegExp(`^refused .+ \\[${code}\\]$`))
        assert(
          more.every((hint) => hint.startsWith('next: ')),
          ended.stderr,
        )
      }
    }),
  )

  await t.test(
    'afterwards both sites serve as before, and have not said what they refused',
    async () => {
      for (const site of both) assertSilent(site, [SECRET])
      const keys = await bristol.ward.encKeys('cambridge.ward', 1)
      assert.equal(keys?.length, 1)
      const { transfer } = await bristol.admin.call(
        'send',
        {},
        { patient: patients[0], to: 'cambridge' },
      )
      assert.equal((await bristol.finished(transfer)).state, 'delivered')
      for (const site of both) assert.deepEqual((await site.verify()).faults, [])
    },
  )

  function atBristol(...args: readonly string[]) {
    return photonward(['--site', bristol.folder, ...args])
  }
})

const BAD_REQUESTS: readonly (readonly [string, string, number, string])[] = [
  ['GET', `/v1/${SECRET}`, 404, 'ROUTE_UNKNOWN'],
  ['DELETE', '/v1/status', 404, 'ROUTE_UNKNOWN'],
  ['BREW', '/v1/status', 400, 'REQUEST_INVALID'],
  ['GET', '/%00/../../etc/passwd', 404, 'ROUTE_UNKNOWN'],
  ['GET', `/v1/status?surplus=${SECRET}`, 400, 'SHAPE_INVALID'],
  ['GET', '/v1/records?limit=2&limit=3', 400, 'REQUEST_INVALID'],
  ['GET', '/v1/records?limit=-7', 400, 'QUERY_INVALID'],
  ['GET', `/v1/records/${SECRET}`, 400, 'SHAPE_INVALID'],
  ['GET', `/v1/records/${NOBODY}`, 404, 'VAULT_NOT_FOUND'],
]

const tell = (
  { admin }: TestSite,
  method: string,
  path: string,
  body?: string | Uint8Array,
): Promise<RawAnswer> => ask(admin.socketPath, { method, path, body })

function assertRefusal({ status, body }: RawAnswer, wanted: number, code: string): void {
  const { error } = JSON.parse(body) as { error: { code: string; message: string } }
  assert.deepEqual([status, error.code], [wanted, code], body)
  assertOneLine(error.message)
  assert(!body.includes(SECRET), 'the answer does not repeat the input')
}

/** A sentence for a person, and nothing of a program. */
function assertOneLine(message: string): void {
  assert.match(message, /^[A-Za-z"][^\n]{9,600}[^.]$/)
  assert.doesNotMatch(message, /\bat .*\.[jt]s:\d|undefined|\[object|node_modules/)
}

/** Sends 100 MB to the import, with its length or in chunks. */
function pour({ admin }: TestSite, announced: boolean): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const headers = announced ? { 'content-length': String(HUGE_OCTETS) } : {}
  const options = { socketPath: admin.socketPath, method: 'POST', path: '/v1/records', headers }
  const call = request(options, (answer) => {
    let body = ''
    answer.setEncoding('utf8').on('data', (text: string) => (body += text))
    answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body }))
  })
  // The daemon need not read to the end what it has refused.
  call.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
  })
  const chunk = Buffer.alloc(MIB, `{"${SECRET}":`)
  Readable.from(Array.from({ length: HUGE_OCTETS / MIB }, () => chunk)).pipe(call)
  return promise
}

function longHeader({ admin }: TestSite): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const headers = { 'x-long': SECRET.repeat(4000) }
  const call = request({ socketPath: admin.socketPath, path: '/v1/status', headers }, (answer) => {
    let body = ''
    answer.setEncoding('utf8').on('data', (text: string) => (body += text))
    answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body }))
  })
  call.once('error', reject)
  call.end()
  return promise
}

/** Most memory that a daemon has held so far, in octets. */
function memoryOf({ daemon }: TestSite): number {
  const status = readFileSync(`/proc/${String(daemon.pid)}/status`, 'utf8')
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return Number(kilobytes) * 1024
}
