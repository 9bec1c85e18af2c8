/**
 * People of one hospital sign in by the provider of another one: for apps, at the console, with the
 * second factor of the one or the other, and when the provider is gone.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as openid from 'openid-client'
import { newCode, PROVIDER, wentTo, withOutside } from '../support/outside-site.ts'
import { photonward } from '../support/processes.ts'
import { NeedleSearch } from '../support/needles.ts'
import { readable } from '../support/readable.ts'

const USE = { 'x-photonward': 'use' }

test('people sign in by a provider outside, as whom this site has bound them to', async (t) => {
  const site = await withOutside(t)
  const { admin, origin, outside, atProvider, newVisitor } = site
  const { ada } = outside
  const person = await site.add('rose', 'registration')
  /** An app sends somebody here, who goes on to the provider, and comes back from there. */
  const viaProvider = async (by: Readonly<Record<string, string>> = ada) => {
    const app = await appAt(site)
    const visitor = newVisitor()
    const page = await visitor.visit(app.url)
    assert.match(page.text, /Sign in with Harbour Hospital/)
    const away = wentTo(await visitor.submit(page, `outside ${PROVIDER}`), outside.origin)
    return { app, visitor, away, back: await atProvider(away, by) }
  }
  const says = (text: string) => new RegExp(text)

  await t.test('nobody is let in who is bound to nobody', async () => {
    const { visitor, back } = await viaProvider()
    const page = await visitor.visit(back)
    assert.equal(page.status, 403)
    assert.match(page.text, says(`bound to this name at the provider: ${outside.person}`))
  })

  const bind = ['--site', site.site.folder, '--json', 'person', 'bind', 'rose']
  const bound = await photonward([...bind, '--provider', PROVIDER, '--subject', outside.person])
  assert.equal(bound.status, 0, bound.stderr)
  const other = await site.add('ruth', 'nurse')
  const wish = { provider: PROVIDER, subject: outside.person }
  await assert.rejects(admin.call('bindPerson', { person: other }, wish), {
    code: 'ACCESS_PERSON_EXISTS',
  })
  await assert.rejects(
    admin.call('bindPerson', { person: other }, { ...wish, provider: 'nowhere' }),
    { code: 'ACCESS_PERSON_INVALID' },
  )

  await t.test('a second factor of this site does where none of theirs was shown', async () => {
    const { app, visitor, back } = await viaProvider()
    const page = await visitor.visit(back)
    assert.match(page.text, /Your second factor/)
    const wrong = await visitor.submit(page, 'show-factor', { code: '000000' })
    assert.equal(wrong.status, 403)
    const consent = await visitor.submit(wrong, 'show-factor', {
      code: await newCode(admin, person),
    })
    assert.match(consent.text, /You are signed in as <strong>rose/)
    const tokens = await app.exchange((await visitor.submit(consent, 'allow')).url)
    assert.deepEqual([tokens.claims()?.sub, tokens.claims()?.['amr']], [person, ['otp', 'mfa']])
    const headers = { authorization: `Bearer ${tokens.access_token}` }
    assert.equal((await site.bare(`${site.base}/Patient?_count=1`, { headers })).status, 200)
  })

  const theirs = () => newCode(outside.admin, outside.person)
  await t.test(
    'theirs does, where the configuration says which; what was begun elsewhere does not',
    async () => {
      const { app, visitor, back } = await viaProvider({ ...ada, code: await theirs() })
      const stranger = await newVisitor().visit(back)
      assert.deepEqual([stranger.status, stranger.url.origin], [400, origin])
      const consent = await visitor.visit(back)
      assert.match(consent.text, /You are signed in as <strong>rose/)
      const tokens = await app.exchange((await visitor.submit(consent, 'allow')).url)
      assert.deepEqual([tokens.claims()?.sub, tokens.claims()?.['amr']], [person, ['mfa']])
      assert.equal((await visitor.visit(back)).status, 400, 'what was brought back once is void')
    },
  )

  await t.test('at the console the roles are those of this site', async () => {
    const browser = consoleAt(site.console)
    const again = { provider: PROVIDER, isAgain: true }
    const step = new URL((await browser.ok<{ url: string }>('/outside', again)).url)
    assert.equal(step.searchParams.get('prompt'), 'login')
    const { url } = await browser.ok<{ url: string }>('/outside', { provider: PROVIDER })
    const back = await atProvider(new URL(url), { ...ada, code: await theirs() })
    const strange = await consoleAt(site.console).get(back)
    assert.equal(strange.headers.get('location'), '/login?from=outside')
    assert.equal(strange.headers.getSetCookie().length, 1, 'nothing but the end of the way out')
    await browser.get(back)
    await browser.ok('/sign-in/from', {})
    const session = (await (await browser.get('/api/v1/session')).json()) as {
      person: { login: string; roles: string[] }
      secondFactorAt: number | null
    }
    assert.deepEqual([session.person.login, session.person.roles], ['rose', ['registration']])
    assert(session.secondFactorAt !== null)
    await admin.call('unbindPerson', { person, provider: PROVIDER }, null)
    assert.equal((await browser.get('/api/v1/session')).status, 401)
    await admin.call('bindPerson', { person }, wish)
  })

  await t.test('whoever is suspended here is refused, whatever they say there', async () => {
    await admin.call('setPersonState', { person }, { state: 'suspended' })
    const { visitor, back } = await viaProvider({ ...ada, code: await theirs() })
    const page = await visitor.visit(back)
    assert.deepEqual([page.status, /Name, password or code/.test(page.text)], [403, true])
    await admin.call('setPersonState', { person }, { state: 'active' })
  })

  await t.test('where the provider is gone, people sign in here', async () => {
    await outside.site.daemon.kill('SIGKILL')
    const app = await appAt(site)
    const visitor = newVisitor()
    const page = await visitor.visit(app.url)
    const away = await visitor.submit(page, `outside ${PROVIDER}`)
    assert.equal(away.status, 503)
    assert.match(away.text, /The provider does not answer: sign in with your name and password/)
    await admin.call('setPassword', { person }, { password: site.password })
    const typed = { login: 'rose', password: site.password, code: await newCode(admin, person) }
    const consent = await visitor.submit(away, 'sign-in', typed)
    assert.match(consent.text, /You are signed in as <strong>rose/)
    const refused = await consoleAt(site.console).post('/outside', { provider: PROVIDER })
    assert.equal(refused.status, 503)
  })
  assert.deepEqual(readable(site.site, new NeedleSearch([outside.person])), [])
})

/** An authorization request of the app. */
async function appAt({ origin, bare, base }: Awaited<ReturnType<typeof withOutside>>) {
  const options = { [openid.customFetch]: bare as openid.CustomFetch }
  const server = new URL(`${origin}/auth`)
  const config = await openid.discovery(server, 'growth', undefined, openid.None(), options)
  const pkceCodeVerifier = openid.randomPKCECodeVerifier()
  const url = openid.buildAuthorizationUrl(config, {
    ...{ redirect_uri: 'https://app.example/back', aud: base, scope: 'openid user/Patient.rs' },
    ...{ state: 's', code_challenge_method: 'S256', prompt: 'login' },
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
  })
  const checks = { pkceCodeVerifier, expectedState: 's' }
  return { url, exchange: (back: URL) => openid.authorizationCodeGrant(config, back, checks) }
}

/** A browser at the console. */
function consoleAt(origin: string) {
  const cookies = new Map<string, string>()
  const ask = async (path: string | URL, init: RequestInit): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...USE, cookie }
    const answer = await fetch(new URL(path, origin), { ...init, headers, redirect: 'manual' })
    for (const text of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  }
  const post = (path: string, body: unknown) =>
    ask(path, { method: 'POST', body: JSON.stringify(body) })
  return {
    post,
    get: (path: string | URL) => ask(path, {}),
    ok: async <T>(path: string, body: unknown): Promise<T> => {
      const answer = await post(path, body)
      assert.equal(answer.status, 200, await answer.clone().text())
      return (await answer.json()) as T
    },
  }
}
