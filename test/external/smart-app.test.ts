/**
 * An app of today, over the OpenID client of npm: it finds out where people sign in, sends one there,
 * and reads as that person, within what was granted.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { standing } from '../support/sign-on-site.ts'

test('an app is granted one record, reads it, and goes on with a refresh token', async (t) => {
  const { base, bare, authorize, ada, patient, other } = await standing(t)
  const app = await authorize({
    scope: 'openid fhirUser launch/patient patient/*.read offline_access',
  })
  const signIn = await app.visitor.visit(app.url)
  assert.equal(signIn.status, 200, signIn.text)
  const choose = await app.visitor.submit(signIn, 'sign-in', ada)
  const found = await app.visitor.submit(choose, 'find', { text: 'Tester' })
  const consent = await app.visitor.submit(found, 'choose', { patient })
  assert.match(consent.text, /read everything of this patient/)
  const back = await app.visitor.submit(consent, 'allow')
  const tokens = await app.exchange(back.url)
  assert.equal(tokens['patient'], patient)
  assert.equal(tokens.scope, 'openid fhirUser launch/patient offline_access patient/*.rs')
  assert.match(JSON.stringify(tokens.claims()?.['fhirUser']), /\/fhir\/Practitioner\/d1"$/)
  const read = async (id: string, token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    return (await bare(`${base}/Patient/${id}`, { headers })).status
  }
  assert.equal(await read(patient, tokens.access_token), 200)
  assert.notEqual(await read(other, tokens.access_token), 200, 'another patient')
  const next = await app.refresh(String(tokens.refresh_token))
  assert.equal(await read(patient, next.access_token), 200)
})
