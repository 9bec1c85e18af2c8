/**
 * Apps of today, over the OpenID client of npm: they find out where people sign in, send one there,
 * and read as that person, within what was granted.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { generateKeyPairSync, type webcrypto } from 'node:crypto'
import { test } from 'node:test'
import * as openid from 'openid-client'
import { totpCode } from '#access'
import { standing } from '../support/sign-on-site.ts'
import { secretOf } from '../support/totp.ts'

test('apps are granted what a person has, for one patient', async (t) => {
  const site = await standing(t)
  const { base, bare, authorize, admin, ada, pat, person, patient, other } = site
  const read = async (id: string, { access_token: token }: { readonly access_token: string }) => {
    const headers = { authorization: `Bearer ${token}` }
    return (await bare(`${base}/Patient/${id}`, { headers })).status
  }

  await t.test(
    'a clinician chooses among patients that are open, and the app goes on',
    async () => {
      const scope = 'openid fhirUser launch/patient patient/*.read offline_access'
      const app = await authorize({ scope })
      const choose = await app.visitor.submit(await app.visitor.visit(app.url), 'sign-in', ada)
      const found = await app.visitor.submit(choose, 'find', { text: 'Tester' })
      assert(found.text.includes(patient) && !found.text.includes(other), 'only an own patient')
      const closed = await app.visitor.submit(found, 'choose', { patient: other })
      assert.match(closed.text, /This record is not open to you/)
      const forced = await app.visitor.submit(found, 'choose', { patient: '../Practitioner/d1' })
      assert.match(forced.text, /This record is not open to you/)
      const consent = await app.visitor.submit(found, 'choose', { patient })
      assert.match(consent.text, /read everything of this patient/)
      assert.match(consent.text, /go on for two weeks while you are away/)
      const tokens = await app.exchange((await app.visitor.submit(consent, 'allow')).url)
      assert.equal(tokens['patient'], patient)
      assert.equal(tokens.scope, 'openid fhirUser launch/patient offline_access patient/*.rs')
      assert.equal(tokens.claims()?.['fhirUser'], `${base}/Practitioner/d1`)
      assert.equal(await read(patient, tokens), 200)
      assert.notEqual(await read(other, tokens), 200)
      const next = await app.refresh(String(tokens.refresh_token))
      assert.equal(next['patient'], patient)
      assert.equal(await read(patient, next), 200)
    },
  )

  await t.test('a patient’s own account is for that patient', async () => {
    const app = await authorize({ scope: 'openid launch/patient patient/*.rs' })
    const tokens = await app.exchange(await app.allow(pat))
    assert.deepEqual([tokens['patient'], tokens.refresh_token], [patient, undefined])
    assert.equal(await read(patient, tokens), 200)
    assert.notEqual(await read(other, tokens), 200)
  })

  await t.test('an app that is launched for a patient is for that one, once', async () => {
    const about = { patient, person: 'ada' }
    const { url } = await admin.call('launchApp', { client: 'growth' }, about)
    const launched = new URL(url).searchParams
    assert.equal(launched.get('iss'), base)
    const wish = { scope: 'launch patient/*.rs', launch: String(launched.get('launch')) }
    const byAnother = await authorize(wish)
    const refused = await byAnother.visitor.submit(
      await byAnother.visitor.visit(byAnother.url),
      'sign-in',
      pat,
    )
    assert.deepEqual([refused.status, /not yours/.test(refused.text)], [400, true])
    const app = await authorize(wish)
    const tokens = await app.exchange(await app.allow(ada))
    assert.deepEqual([tokens['patient'], await read(patient, tokens)], [patient, 200])
    const again = await authorize(wish)
    const over = await again.visitor.submit(await again.visitor.visit(again.url), 'sign-in', ada)
    assert.equal(over.status, 400)
    const denied = async (client: string, code: string, who = 'ada') =>
      await assert.rejects(admin.call('launchApp', { client }, { patient, person: who }), { code })
    await denied('nobody', 'ACCESS_APP_UNKNOWN')
    await denied('growth', 'ACCESS_PERSON_UNKNOWN', 'nobody')
  })

  await t.test('an app with keys proves itself at each exchange', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384' }
    const redirectUris = ['https://app.example/back']
    const added = { client: 'clinic', name: 'Clinic', kind: 'confidential', redirectUris } as const
    const jwks = JSON.stringify({ keys: [jwk] })
    await admin.call('addApp', {}, { ...added, scope: 'openid user/Patient.rs', jwks })
    const bareApp = await authorize({ scope: 'openid user/Patient.r' }, 'clinic')
    await assert.rejects(bareApp.exchange(await bareApp.allow(ada)), { error: 'invalid_client' })
    const der = pair.privateKey.export({ format: 'der', type: 'pkcs8' })
    const algorithm = { name: 'ECDSA', namedCurve: 'P-384' }
    const key: webcrypto.CryptoKey = await crypto.subtle.importKey('pkcs8', der, algorithm, false, [
      'sign',
    ])
    const proof = openid.PrivateKeyJwt({ key, kid: 'k1' })
    const app = await authorize({ scope: 'openid user/Patient.r' }, 'clinic', proof)
    const tokens = await app.exchange(await app.allow(ada))
    assert.equal(await read(patient, tokens), 200)
  })

  await t.test('a second factor at sign-in is known to the token', async () => {
    const { uri } = await admin.call('addTotp', { person }, null)
    const codeAt = (step: number) => totpCode(secretOf(uri), Math.floor(Date.now() / 30_000) + step)
    const app = await authorize({ scope: 'openid user/Patient.r online_access' })
    const tokens = await app.exchange(await app.allow({ ...ada, code: codeAt(0) }))
    assert.deepEqual(tokens.claims()?.['amr'], ['pwd', 'otp', 'mfa'])
    const claims = Buffer.from(tokens.access_token.split('.')[1], 'base64url').toString()
    const { mfa_at, iat } = JSON.parse(claims) as { mfa_at: number; iat: number }
    assert(Math.abs(iat - mfa_at) < 60)
    assert.equal(await read(patient, await app.refresh(String(tokens.refresh_token))), 200)
    const without = await authorize({ scope: 'openid user/Patient.r' })
    const signIn = await without.visitor.visit(without.url)
    const denied = await without.visitor.submit(signIn, 'sign-in', ada)
    assert.deepEqual([denied.status, /are not right/.test(denied.text)], [403, true])
  })
})
