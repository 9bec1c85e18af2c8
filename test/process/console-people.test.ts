/**
 * People at the console of a real daemon: how they sign in, what their session may ask, and FHIR on
 * the console's own origin.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { freePorts } from '#cli'
import { totpCode } from '#access'
import { makeFhirSite } from '../support/fhir-site.ts'
import { secretOf } from '../support/totp.ts'

const PASSWORD = 'correct horse battery'
const USE = { 'x-photonward': 'use' }

interface Asked {
  readonly cookie?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: string
  readonly body?: string
}

async function startConsole(t: TestContext, profile: 'demo' | 'production') {
  const { site } = await makeFhirSite(t, { clients: { 'bristol.ward': 'write' }, profile })
  const [port] = await freePorts(1)
  site.configure((value) => (value['consoleListener'] = { host: '127.0.0.1', port }))
  await site.daemon.start()
  const { admin } = site
  const origin = `http://127.0.0.1:${port}`
  const ask = (path: string, { cookie, headers, ...init }: Asked = {}) =>
    fetch(origin + path, { ...init, headers: { ...USE, ...(cookie && { cookie }), ...headers } })
  const post = (path: string, body: unknown, cookie?: string) =>
    ask(path, { method: 'POST', body: JSON.stringify(body), ...(cookie && { cookie }) })
  const add = async (login: string, role: string, references: string[] = []) => {
    const wish = { kind: 'person', login, name: login, references } as const
    const { person } = await admin.call('addPerson', {}, wish)
    await admin.call('setPassword', { person }, { password: PASSWORD })
    const change = { add: [role], remove: [], clear: [], unclear: [] }
    await admin.call('changeRoles', { person }, change)
    return person
  }
  const signIn = async (login: string, code = '') => {
    const answer = await post('/sign-in', { login, password: PASSWORD, code })
    assert.equal(answer.status, 200, await answer.text())
    return cookieIn(answer)
  }
  return { site, admin, origin, ask, post, add, signIn }
}

const cookieIn = (answer: Response): string =>
  (answer.headers.getSetCookie().at(0) ?? '').split(';')[0]

const codeOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { error: { code: string } }).error.code

test('people sign in, ask what their roles allow, and are out when they are suspended', async (t) => {
  const { admin, ask, post, add, signIn } = await startConsole(t, 'production')
  const operator = await add('opal', 'qkd-operator')
  const denied = await post('/sign-in', { login: 'opal', password: 'wrong', code: '' })
  assert.deepEqual([denied.status, await codeOf(denied)], [403, 'ACCESS_SIGN_IN_DENIED'])
  const cookie = await signIn('opal')
  const session = (await (await ask('/api/v1/session', { cookie })).json()) as {
    kind: string
    person: { person: string; roles: string[] }
  }
  assert.deepEqual(
    [session.kind, session.person.person, session.person.roles],
    ['person', operator, ['qkd-operator']],
  )
  assert.equal((await ask('/api/v1/links', { cookie })).status, 200)
  for (const path of ['/api/v1/audit', '/api/v1/people', '/api/v1/records', '/api/v1/apps']) {
    const answer = await ask(path, { cookie })
    assert.deepEqual([answer.status, await codeOf(answer)], [403, 'ROUTE_FORBIDDEN'], path)
  }
  const forged = await ask('/api/v1/links', { cookie, headers: { 'x-photonward': '' } })
  assert.equal(forged.status, 400, 'without the header that only this origin sends')
  const foreign = { origin: 'http://evil.example' }
  const body = JSON.stringify({ login: 'opal', password: PASSWORD, code: '' })
  const crossed = await ask('/sign-in', { method: 'POST', body, headers: foreign })
  assert.equal(crossed.status, 400)

  await admin.call('setPersonState', { person: operator }, { state: 'suspended' })
  const out = await ask('/api/v1/links', { cookie })
  assert.deepEqual([out.status, await codeOf(out)], [401, 'LOGIN_NEEDED'])
  await admin.call('setPersonState', { person: operator }, { state: 'active' })
  assert.equal((await ask('/api/v1/links', { cookie })).status, 401, 'that session is over')
  const other = await signIn('opal')
  await admin.call('setPassword', { person: operator }, { password: `${PASSWORD} 2` })
  assert.equal((await ask('/api/v1/links', { cookie: other })).status, 401)
})

test('records are FHIR on the console’s origin, decided for whoever is signed in', async (t) => {
  const { admin, ask, post, add, signIn } = await startConsole(t, 'production')
  await add('reg', 'registration', ['Practitioner/reg'])
  await add('bill', 'billing', ['Practitioner/bill'])
  const cookie = await signIn('reg')
  const FHIR = { 'content-type': 'application/fhir+json' }
  const patient = JSON.stringify({ resourceType: 'Patient', name: [{ family: 'Winter' }] })
  const create = { method: 'POST', headers: FHIR, body: patient }
  const made = await ask('/fhir/Patient', { ...create, cookie })
  assert.equal(made.status, 201, await made.clone().text())
  const { id } = (await made.json()) as { id: string }
  const read = await ask(`/fhir/Patient/${id}`, { cookie })
  assert.equal(read.status, 200)
  assert.match(read.headers.get('content-type') ?? '', /^application\/fhir\+json/)
  const observation = JSON.stringify({
    ...{ resourceType: 'Observation', status: 'final', code: { text: 'x' } },
    subject: { reference: `Patient/${id}` },
  })
  const refused = await ask('/fhir/Observation', { ...create, body: observation, cookie })
  assert.equal(refused.status, 403, 'registration writes no observations')
  const bare = await ask(`/fhir/Patient/${id}`)
  assert.equal(bare.status, 401)
  const forged = await ask('/fhir/Patient', { ...create, cookie, headers: { 'x-photonward': '' } })
  assert.equal(forged.status, 400)

  const { url } = await admin.call('consoleLink', {}, null)
  const entered = await post('/login', { ticket: url.split('#')[1] })
  const operator = await ask(`/fhir/Patient/${id}`, { cookie: cookieIn(entered) })
  assert.equal(operator.status, 403, 'the operator reads no records')
  await assert.rejects(admin.call('consoleLink', {}, { as: 'reg' }), {
    code: 'ACCESS_SIGN_IN_DENIED',
  })
})

test('a second factor that is shown anew counts from then, under another cookie', async (t) => {
  const { admin, ask, post, add, signIn } = await startConsole(t, 'demo')
  const person = await add('ada', 'user-administrator')
  const cookie = await signIn('ada')
  const { uri } = await admin.call('addTotp', { person }, null)
  const factorAt = async (cookie: string) =>
    ((await (await ask('/api/v1/session', { cookie })).json()) as { secondFactorAt: number | null })
      .secondFactorAt
  assert.equal(await factorAt(cookie), null)
  const wrong = await post('/second-factor', { code: '000000' }, cookie)
  assert.deepEqual([wrong.status, await codeOf(wrong)], [403, 'ACCESS_SIGN_IN_DENIED'])
  const code = totpCode(secretOf(uri), Math.floor(Date.now() / 30_000))
  const shown = await post('/second-factor', { code }, cookie)
  assert.equal(shown.status, 200, await shown.text())
  const renewed = cookieIn(shown)
  assert.equal((await ask('/api/v1/people', { cookie })).status, 401, 'the old cookie is void')
  assert((await factorAt(renewed)) !== null)
  assert.equal((await ask('/api/v1/people', { cookie: renewed })).status, 200)
  const again = await post('/sign-in', { login: 'ada', password: PASSWORD, code: '' })
  assert.equal(again.status, 403, 'from then on a code is needed')

  const { url } = await admin.call('consoleLink', {}, { as: 'ada' })
  const demo = cookieIn(await post('/login', { ticket: url.split('#')[1] }))
  assert.equal((await ask('/api/v1/people', { cookie: demo })).status, 200)
})
