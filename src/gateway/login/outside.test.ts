/**
 * What is tried against signing in by a provider outside: each is the nearest thing to a right answer,
 * and proves nobody.
 *
 * @see OpenID Connect Core 1.0 §3.1.3.7; RFC 9700 §4
 * @module
 */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { epochMs, MINUTE_MS } from '#base'
import type { ProviderConfiguration } from '#site'
import { MemoryLog, SimulatedTime } from '#world/ports'
import { scratch } from '../scratch.test.ts'
import { CLIENT_SECRET, fakeProvider, type Lies } from './outside-provider.test.ts'
import { OutsideProviders } from './outside.ts'

const REDIRECT = 'http://localhost:9000/from/'

async function stand(t: TestContext, more: Partial<ProviderConfiguration> = {}) {
  const provider = await fakeProvider(t)
  const folder = scratch(t)
  writeFileSync(join(folder, 'secret'), `${CLIENT_SECRET}\n`)
  writeFileSync(join(folder, 'ca.pem'), provider.ca)
  const about: ProviderConfiguration = {
    ...{ name: 'harbour', issuer: provider.issuer, origins: [], clientId: 'bristol', claim: 'sub' },
    ...{ clientSecretFile: 'secret', caFile: 'ca.pem', ...more },
  }
  const clock = new SimulatedTime(epochMs(Date.now()))
  const log = new MemoryLog()
  const open = (providers: readonly ProviderConfiguration[]) =>
    new OutsideProviders({ providers, folder, clock: clock.view(), log })
  const outside = open([about, { ...about, name: 'quay' }])
  t.after(() => outside[Symbol.dispose]())
  const depart = (name = 'harbour', isAgain = false) =>
    outside.depart(name, { redirectUri: REDIRECT + name, about: 'x', source: 'here', isAgain })
  const signIn = async () => {
    const { url, secret } = await depart()
    return await outside.arrive({ secret, name: 'harbour', query: provider.back(url) })
  }
  return { provider, outside, depart, signIn, clock, log, open, about, folder }
}

const code = (expected: string) => (error: unknown) =>
  (error as { code?: string }).code === expected

test('a right answer names the person, once', async (t) => {
  const { provider, outside, depart } = await stand(t)
  const { url, secret } = await depart()
  assert.equal(outside.aboutOf(secret), 'x')
  const query = provider.back(url)
  const arrival = await outside.arrive({ secret, name: 'harbour', query })
  const { issuer } = provider
  assert.deepEqual(arrival, {
    ...{ issuer, subject: 'rose-4711', provider: 'harbour', needsFactor: false },
  })
  const again = outside.arrive({ secret, name: 'harbour', query })
  await assert.rejects(again, code('LOGIN_REFUSED'))
})

const now = (): number => Math.floor(Date.now() / 1000)
const LIES: Readonly<Record<string, () => Lies>> = {
  'a token of another issuer': () => ({ claims: { iss: 'https://localhost:1' } }),
  'a token for another client': () => ({ claims: { aud: 'cambridge' } }),
  'a token for several, meant for another': () => ({
    claims: { aud: ['bristol', 'cambridge'], azp: 'cambridge' },
  }),
  'a token of another sign-in': () => ({ claims: { nonce: 'n-0S6_WzA2Mj' } }),
  'a token without its nonce': () => ({ claims: { nonce: undefined } }),
  'a token that is over': () => ({ claims: { exp: now() - 60, iat: now() - 360 } }),
  'a token without an end': () => ({ claims: { exp: undefined } }),
  'a token of somebody asked too long ago': () => ({ claims: { auth_time: now() - 3600 } }),
  'a token that does not say when somebody was asked': () => ({ claims: { auth_time: undefined } }),
  'a token without a signature': () => ({ signedBy: 'nobody' }),
  'a token under the public key as a secret': () => ({ signedBy: 'secret' }),
  'a token of another key under a known name': () => ({ signedBy: 'other' }),
  'a token that brings its key along': () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return { signedBy: 'other', header: { jwk: publicKey.export({ format: 'jwk' }) } }
  },
  'a token that says it is of another algorithm': () => ({ header: { alg: 'RS256' } }),
  'a token of a key that is not in the set': () => ({ header: { kid: 'another' } }),
  'a token with a critical extension nobody knows': () => ({ header: { crit: ['x'], x: 1 } }),
  'a token of nobody': () => ({ claims: { sub: undefined } }),
  'a name that is a number': () => ({ claims: { sub: 4711 } }),
  'a name that is too long': () => ({ claims: { sub: 'r'.repeat(256) } }),
  'a name with a line in it': () => ({ claims: { sub: 'rose\nada' } }),
  'an answer without an identity token': () => ({
    token: (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{"access_token":"x","token_type":"bearer"}')
    },
  }),
}

test('what is nearly right proves nobody', async (t) => {
  const { provider, signIn } = await stand(t)
  for (const [what, lies] of Object.entries(LIES)) {
    provider.lies = lies()
    await assert.rejects(signIn(), code('PROVIDER_REFUSED'), what)
  }
  provider.lies = {}
  assert.equal((await signIn()).subject, 'rose-4711')
})

test('an answer counts for the browser, the sign-in and the provider it was asked of', async (t) => {
  const { provider, outside, depart, clock } = await stand(t)
  const arrive = async (more: Record<string, string | undefined>, isElsewhere = false) => {
    const { url, secret } = await depart()
    const name = isElsewhere ? 'quay' : 'harbour'
    return outside.arrive({ secret, name, query: provider.back(url, more) })
  }
  await assert.rejects(arrive({ state: 'another' }), code('PROVIDER_REFUSED'))
  await assert.rejects(arrive({ state: undefined }), code('PROVIDER_REFUSED'))
  await assert.rejects(arrive({ iss: 'https://evil.example' }), code('PROVIDER_REFUSED'))
  await assert.rejects(arrive({ iss: undefined }), code('PROVIDER_REFUSED'))
  await assert.rejects(arrive({ error: 'access_denied' }), code('PROVIDER_REFUSED'))
  await assert.rejects(arrive({}, true), code('LOGIN_REFUSED'), 'at the address of another')
  const [mine, other] = [await depart(), await depart()]
  const query = provider.back(mine.url)
  const crossed = outside.arrive({ secret: other.secret, name: 'harbour', query })
  await assert.rejects(crossed, code('PROVIDER_REFUSED'), 'of another browser')
  const none = outside.arrive({ secret: '', name: 'harbour', query })
  await assert.rejects(none, code('LOGIN_REFUSED'), 'of no browser')
  await clock.advance(10 * MINUTE_MS)
  const late = outside.arrive({ secret: mine.secret, name: 'harbour', query })
  await assert.rejects(late, code('LOGIN_REFUSED'), 'after ten minutes')
})

test('keys that the provider changes count from then on, and the old ones no more', async (t) => {
  const { provider, outside, depart, signIn } = await stand(t)
  await signIn()
  provider.changeKeys()
  assert.equal((await signIn()).subject, 'rose-4711')
  const { url, secret } = await depart()
  provider.lies = { signedBy: 'other' }
  const query = provider.back(url)
  await assert.rejects(outside.arrive({ secret, name: 'harbour', query }), code('PROVIDER_REFUSED'))
})

test('nobody is sent to, or asks, an address that the configuration does not name', async (t) => {
  const { provider, depart, signIn, log } = await stand(t)
  const elsewhere = 'https://169.254.169.254/x'
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
    provider.lies = { discovery: { [name]: elsewhere } }
    await assert.rejects(depart(), code('PROVIDER_REFUSED'), name)
    provider.lies = { discovery: { [name]: provider.issuer.replace('https', 'http') } }
    await assert.rejects(depart(), code('PROVIDER_REFUSED'), `${name} without TLS`)
  }
  provider.lies = { discovery: { issuer: 'https://localhost:1' } }
  await assert.rejects(depart(), code('PROVIDER_REFUSED'), 'a document of another issuer')
  provider.lies = { token: (response) => response.writeHead(302, { location: elsewhere }).end() }
  await assert.rejects(signIn(), code('PROVIDER_UNREACHABLE'), 'a redirection')
  provider.lies = {}
  await signIn()
  assert(!JSON.stringify(log.lines).includes('rose'), 'the log names nobody')
})

test('a provider that does not answer as one is away, and says so', async (t) => {
  const { provider, open, about, signIn } = await stand(t)
  const long: Lies['jwks'] = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('x'.repeat(300_000))
  }
  provider.lies = { token: long }
  await assert.rejects(signIn(), code('PROVIDER_UNREACHABLE'), 'more than it may')
  provider.lies = { jwks: long }
  await assert.rejects(signIn(), code('PROVIDER_UNREACHABLE'), 'keys without an end')
  provider.lies = { token: (response) => response.destroy() }
  await assert.rejects(signIn(), code('PROVIDER_UNREACHABLE'), 'cut off')
  using gone = open([{ ...about, issuer: 'https://localhost:1' }])
  const wish = { redirectUri: `${REDIRECT}harbour`, about: 'x', source: 'here' }
  await assert.rejects(gone.depart('harbour', wish), code('PROVIDER_UNREACHABLE'))
  using strange = open([{ ...about, caFile: 'secret' }])
  await assert.rejects(strange.depart('harbour', wish), code('PROVIDER_UNREACHABLE'), 'its TLS')
})

test('a second factor there counts as the configuration says, from when it was asked for', async (t) => {
  const secondFactor = { acr: ['urn:aal3'], amr: ['pwd', 'hwk'] }
  const { provider, signIn, depart } = await stand(t, { secondFactor })
  const shown = async (claims: Record<string, unknown>) => {
    provider.lies = { claims }
    const { secondFactorAt, needsFactor } = await signIn()
    assert(needsFactor)
    return secondFactorAt !== undefined
  }
  assert(await shown({ acr: 'urn:aal3' }))
  assert(await shown({ amr: ['hwk', 'pwd', 'geo'] }))
  for (const claims of [
    {},
    { acr: 'urn:aal2' },
    { acr: ['urn:aal3'] },
    { amr: ['pwd'] },
    { amr: 'pwd hwk' },
  ]) {
    assert.equal(await shown(claims), false, JSON.stringify(claims))
  }
  const askedAt = now() - 100
  provider.lies = { claims: { acr: 'urn:aal3', auth_time: askedAt } }
  assert.equal((await signIn()).secondFactorAt, askedAt * 1000)
  const { url } = await depart('harbour', true)
  const asked = ['prompt', 'max_age', 'acr_values'].map((name) => url.searchParams.get(name))
  assert.deepEqual(asked, ['login', '0', 'urn:aal3'])
})

test('a configuration that could not work is refused at the start', async (t) => {
  const { open, about, folder, outside } = await stand(t)
  const { clientSecretFile, ...bare } = about
  assert.equal(clientSecretFile, 'secret')
  assert.throws(() => open([bare]), code('CONFIG_INVALID'))
  assert.throws(() => open([{ ...about, clientKeyFile: 'key.pem' }]), code('CONFIG_INVALID'))
  assert.throws(() => open([about, about]), code('CONFIG_INVALID'))
  assert.throws(() => open([{ ...about, caFile: 'none.pem' }]), code('PERMISSION_DENIED'))
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(join(folder, 'key.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
  assert.throws(() => open([{ ...bare, clientKeyFile: 'key.pem' }]), code('CREDENTIALS_INVALID'))
  assert.throws(() => open([{ ...bare, clientKeyFile: 'ca.pem' }]), code('CREDENTIALS_INVALID'))
  const wish = { redirectUri: REDIRECT, about: 'x', source: 'here' }
  await assert.rejects(outside.depart('nobody', wish), code('PROVIDER_UNKNOWN'))
})

test('one source begins so often in a minute', async (t) => {
  const { open, about } = await stand(t)
  using outside = open([{ ...about, issuer: 'https://localhost:1' }])
  const begin = async (source: string): Promise<unknown> => {
    const wish = { redirectUri: REDIRECT, about: 'x', source }
    try {
      return await outside.depart('harbour', wish)
    } catch (error) {
      return (error as Error).message
    }
  }
  for (let at = 0; at < 60; at++) assert.match(String(await begin('here')), /does not answer/)
  assert.match(String(await begin('here')), /Too many/)
  assert.match(String(await begin('elsewhere')), /does not answer/)
})
