/**
 * What is tried against the way in for apps: codes and tokens that come twice, addresses that are not
 * those of the app, forms of other origins, rights beyond what was granted.
 *
 * @see RFC 9700 (best current practice for the security of OAuth 2.0)
 * @module
 */

import assert from 'node:assert/strict'
import { request } from 'node:https'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import * as openid from 'openid-client'
import { standing } from '../support/sign-on-site.ts'
import { until } from '../support/until.ts'

const OFFLINE = { scope: 'openid user/Patient.r offline_access' }
const denied = (error: string) => (thrown: unknown) =>
  thrown instanceof openid.ResponseBodyError && thrown.error === error

test('what is tried against signing in for apps gains nothing', async (t) => {
  const site = await standing(t)
  const { base, bare, origin, authorize, ada, patient, admin, person } = site
  const read = async (token: string, id = patient) => {
    const headers = { authorization: `Bearer ${token}` }
    return (await bare(`${base}/Patient/${id}`, { headers })).status
  }
  const errorOf = (url: URL) => url.searchParams.get('error')

  await t.test('a code that comes twice ends what the first one gave', async () => {
    const app = await authorize(OFFLINE)
    const back = await app.allow(ada)
    const tokens = await app.exchange(back)
    assert.equal(await read(tokens.access_token), 200)
    await assert.rejects(app.exchange(back), denied('invalid_grant'))
    assert.equal(await read(tokens.access_token), 401)
    await assert.rejects(app.refresh(String(tokens.refresh_token)), denied('invalid_grant'))
  })

  await t.test('a refresh token that comes twice ends the grant', async () => {
    const app = await authorize(OFFLINE)
    const first = await app.exchange(await app.allow(ada))
    const second = await app.refresh(String(first.refresh_token))
    assert.equal(await read(second.access_token), 200)
    await assert.rejects(app.refresh(String(first.refresh_token)), denied('invalid_grant'))
    assert.equal(await read(second.access_token), 401)
    await assert.rejects(app.refresh(String(second.refresh_token)), denied('invalid_grant'))
  })

  await t.test('what the app gives back is void', async () => {
    const app = await authorize(OFFLINE)
    const tokens = await app.exchange(await app.allow(ada))
    await openid.tokenRevocation(app.config, String(tokens.refresh_token))
    assert.equal(await read(tokens.access_token), 401)
    await assert.rejects(app.refresh(String(tokens.refresh_token)), denied('invalid_grant'))
  })

  await t.test('without PKCE, or with a weaker form of it, nobody is asked', async () => {
    for (const wish of [{ code_challenge: '' }, { code_challenge_method: 'plain' }]) {
      const app = await authorize({ ...OFFLINE, ...wish })
      const { url } = await app.visitor.visit(app.url)
      assert.equal(errorOf(url), 'invalid_request', JSON.stringify(wish))
      assert.equal(url.searchParams.get('iss'), `${origin}/auth`)
    }
    const app = await authorize(OFFLINE)
    const pkceCodeVerifier = openid.randomPKCECodeVerifier()
    const stolen = app.exchange(await app.allow(ada), { pkceCodeVerifier })
    await assert.rejects(stolen, denied('invalid_grant'))
  })

  await t.test('nobody is sent to an address that is not the registered one', async () => {
    for (const redirect_uri of [
      'https://app.example/back/',
      'https://app.example/back?x=1',
      'https://app.example/back#x',
      'https://app.example/BACK',
      'https://app.example:8443/back',
      'http://app.example/back',
      'https://app.example.evil.example/back',
      'https://app.example@evil.example/back',
      'https://evil.example/back',
      'https://app.example/x/../back',
      'javascript:alert(1)',
      '//evil.example',
    ]) {
      const app = await authorize({ ...OFFLINE, redirect_uri })
      const page = await app.visitor.visit(app.url)
      assert.deepEqual([page.url.origin, page.status], [origin, 400], redirect_uri)
    }
    const app = await authorize(OFFLINE)
    app.url.searchParams.set('client_id', 'nobody')
    assert.equal((await app.visitor.visit(app.url)).url.origin, origin)
  })

  await t.test('an answer names its issuer, and one of another is not taken', async () => {
    const app = await authorize(OFFLINE)
    const back = await app.allow(ada)
    assert.equal(back.searchParams.get('iss'), `${origin}/auth`)
    back.searchParams.set('iss', 'https://cambridge.example/auth')
    await assert.rejects(app.exchange(back))
  })

  await t.test('a token for another site is not to be had here', async () => {
    const app = await authorize({ ...OFFLINE, aud: 'https://cambridge.example/fhir' })
    assert.equal(errorOf((await app.visitor.visit(app.url)).url), 'invalid_request')
    const other = await authorize({ ...OFFLINE, resource: 'https://cambridge.example/fhir' })
    assert.equal(errorOf((await other.visitor.visit(other.url)).url), 'invalid_target')
  })

  await t.test('scopes beyond what is registered are not granted, now or later', async () => {
    const wide = 'openid user/*.cruds system/*.rs patient/*.cruds offline_access made/up'
    const app = await authorize({ scope: wide })
    const tokens = await app.exchange(await app.allow(ada))
    assert.equal(tokens.scope, 'openid offline_access patient/*.rs user/Patient.r')
    const more = app.refresh(String(tokens.refresh_token), { scope: 'user/*.cruds' })
    await assert.rejects(more, denied('invalid_scope'))
  })

  await t.test('a form counts from our own page alone', async () => {
    const app = await authorize(OFFLINE)
    const consent = await app.visitor.submit(await app.visitor.visit(app.url), 'sign-in', ada)
    for (const headers of [{}, { origin: 'https://evil.example' }, { origin: 'null' }]) {
      const answer = await app.visitor.submit(consent, 'allow', {}, headers)
      assert.equal(answer.status, 403, JSON.stringify(headers))
    }
    const forged = await app.visitor.submit(consent, 'allow', { form: 'f'.repeat(64) })
    assert.equal(forged.status, 400)
    const another = await site.newVisitor().submit(consent, 'allow')
    assert.equal(another.status, 400, 'a browser in which nobody signs in')
    const back = await app.visitor.submit(consent, 'deny')
    assert.equal(errorOf(back.url), 'access_denied')
    const gone = await app.visitor.submit(consent, 'allow')
    assert.equal(gone.status, 400, 'a sign-in that is over')
  })

  await t.test('what apps and addresses say does not become part of a page', async () => {
    const app = await authorize({ ...OFFLINE, login_hint: '"><script>alert(1)</script>' })
    const page = await app.visitor.visit(app.url)
    assert.match(page.text, /Growth &lt;chart&gt;/)
    assert.doesNotMatch(page.text, /<script(?! src="\/auth\/passkey\.js" defer>)/)
    const policy = page.headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; .*form-action 'self' https:\/\/app\.example$/)
    assert.doesNotMatch(policy, /unsafe|script-src (?!https:\/\/[^ ]*\/auth\/passkey\.js;)/)
    assert.equal(page.headers.get('cache-control'), 'no-store')
  })

  await t.test('whoever is suspended has nothing from then on', async () => {
    const app = await authorize(OFFLINE)
    const tokens = await app.exchange(await app.allow(ada))
    const half = await authorize(OFFLINE)
    const consent = await half.visitor.submit(await half.visitor.visit(half.url), 'sign-in', ada)
    await admin.call('setPersonState', { person }, { state: 'suspended' })
    assert.equal(await read(tokens.access_token), 401)
    await assert.rejects(app.refresh(String(tokens.refresh_token)), denied('invalid_grant'))
    assert.equal((await half.visitor.submit(consent, 'allow')).status, 400)
    await admin.call('setPersonState', { person }, { state: 'active' })
    await assert.rejects(app.refresh(String(tokens.refresh_token)), denied('invalid_grant'))
  })

  await t.test(
    'addresses are those of the configuration, whatever host a request names',
    async () => {
      const told = await discoveryAs(site.ca, origin, 'evil.example')
      assert.doesNotMatch(told, /evil/)
      const { response_modes_supported: modes } = JSON.parse(told) as Record<string, unknown>
      assert.deepEqual(modes, ['query'])
      const app = await authorize({ ...OFFLINE, response_mode: 'fragment' })
      assert.equal((await app.visitor.visit(app.url)).status, 400)
    },
  )

  await t.test('an app that is taken away holds nothing', async () => {
    const app = await authorize(OFFLINE)
    const tokens = await app.exchange(await app.allow(ada))
    await admin.call('removeApp', { client: 'growth' }, null)
    assert.equal(await read(tokens.access_token), 401)
    await assert.rejects(app.refresh(String(tokens.refresh_token)), denied('invalid_client'))
    // Times are told in whole seconds.
    const second = Math.floor(Date.now() / 1000)
    await until('the next second', () => Math.floor(Date.now() / 1000) > second)
    await admin.call('addApp', {}, site.app)
    assert.equal(await read(tokens.access_token), 401, 'another app of this name')
    await assert.rejects(app.refresh(String(tokens.refresh_token)), denied('invalid_grant'))
  })
})

/** The discovery document that a site gives to whoever calls it by another name. */
async function discoveryAs(ca: string | Buffer, origin: string, host: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const url = `${origin}/auth/.well-known/openid-configuration`
  const call = request(url, { ca, servername: 'localhost', headers: { host } }, (answer) => {
    text(answer).then(resolve, reject)
  })
  call.once('error', reject)
  call.end()
  return await promise
}
