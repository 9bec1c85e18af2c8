/**
 * One hospital whose people sign in for apps: a clinician with one patient, another patient, a patient
 * with an own account, and an app of people.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import * as openid from 'openid-client'
import { fetchAs, makeFhirSite, type FhirSite } from './fhir-site.ts'
import { Visitor } from './visitor.ts'

const WARD = 'bristol.ward'
const PASSWORD = 'correct horse battery'
const REDIRECT = 'https://app.example/back'

/**
 * A running site, its people by what they type, and its patients by their identifiers.
 *
 * @param host   as the site is called
 */
export async function standing(t: TestContext, host = '127.0.0.1') {
  const made = await makeFhirSite(t, { clients: { [WARD]: 'write' } })
  const { site, credentials } = made
  const base = made.base.replace('127.0.0.1', host)
  site.configure((value) => Object.assign(value['fhir'] as object, { tokens: true, base }))
  await site.daemon.start()
  const { admin } = site
  const ward = credentials(WARD)
  const bare = fetchAs(t, { ca: ward.ca })
  const records = await recordsOf(t, made)
  const add = async (login: string, wish: { kind: 'person' | 'patient'; references: string[] }) => {
    const { person } = await admin.call('addPerson', {}, { login, name: login, ...wish })
    await admin.call('setPassword', { person }, { password: PASSWORD })
    return person
  }
  const person = await add('ada', { kind: 'person', references: ['Practitioner/d1'] })
  const attending = { add: ['attending'], remove: [], clear: [], unclear: [] }
  await admin.call('changeRoles', { person }, attending)
  await add('pat', { kind: 'patient', references: [`Patient/${records.patient}`] })
  const app = {
    ...({ client: 'growth', kind: 'public' } as const),
    ...{ name: 'Growth <chart>', redirectUris: [REDIRECT] },
    scope:
      'openid fhirUser profile launch launch/patient offline_access online_access patient/*.rs user/Patient.r',
    launchUrl: 'https://app.example/launch',
  }
  await admin.call('addApp', {}, app)
  const origin = new URL(base).origin
  return {
    ...{ site, admin, app, base, origin, bare, person, ca: ward.ca },
    ...records,
    ada: { login: 'ada', password: PASSWORD },
    pat: { login: 'pat', password: PASSWORD },
    newVisitor: () => new Visitor(bare, origin),
    authorize: (
      wish: Readonly<Record<string, string>>,
      client = 'growth',
      proof: openid.ClientAuth = openid.None(),
    ) => authorize({ base, origin, bare }, { client, wish, proof }),
  }
}

/** Two patients, one of whom the clinician treats. */
async function recordsOf(t: TestContext, { base, credentials }: FhirSite) {
  const ask = fetchAs(t, credentials(WARD))
  const create = async (resource: object & { readonly resourceType: string }) => {
    const headers = { 'content-type': 'application/fhir+json' }
    const init = { method: 'POST', headers, body: JSON.stringify(resource) }
    const answer = await ask(`${base}/${resource.resourceType}`, init)
    assert.equal(answer.status, 201, await answer.clone().text())
    return ((await answer.json()) as { id: string }).id
  }
  const born = (family: string) =>
    ({
      resourceType: 'Patient',
      birthDate: '1980-02-03',
      name: [{ family, given: ['Una'] }],
    }) as const
  const [patient, other] = [await create(born('Tester')), await create(born('Tester-Other'))]
  const period = { start: new Date(Date.now() - 86_400_000).toISOString() }
  await create({
    ...{ resourceType: 'CareTeam', status: 'active', period },
    subject: { reference: `Patient/${patient}` },
    participant: [{ member: { reference: 'Practitioner/d1' } }],
  } as { readonly resourceType: string })
  return { patient, other }
}

/** An authorization request of the app, made by `openid-client`, and what the app does after. */
async function authorize(
  { base, origin, bare }: { readonly base: string; origin: string; bare: typeof fetch },
  about: {
    readonly client: string
    readonly wish: Readonly<Record<string, string>>
    readonly proof: openid.ClientAuth
  },
) {
  const { client, wish, proof } = about
  const server = new URL(`${origin}/auth`)
  const options = { [openid.customFetch]: bare as openid.CustomFetch }
  const config = await openid.discovery(server, client, undefined, proof, options)
  const verifier = openid.randomPKCECodeVerifier()
  const [state, nonce] = [openid.randomState(), openid.randomNonce()]
  const isOpenId = wish['scope'].split(' ').includes('openid')
  const url = openid.buildAuthorizationUrl(config, {
    ...{ redirect_uri: REDIRECT, aud: base, state, code_challenge_method: 'S256' },
    ...(isOpenId ? { nonce } : {}),
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    ...wish,
  })
  const visitor = new Visitor(bare, origin)
  const expected = { pkceCodeVerifier: verifier, expectedState: state }
  return {
    ...{ config, url, visitor },
    /** Signs in and allows, and comes back; without a patient to choose. */
    allow: async (by: Readonly<Record<string, string>>) => {
      const consent = await visitor.submit(await visitor.visit(url), 'sign-in', by)
      return (await visitor.submit(consent, 'allow')).url
    },
    exchange: (back: URL, more: Partial<openid.AuthorizationCodeGrantChecks> = {}) =>
      openid.authorizationCodeGrant(config, back, {
        ...expected,
        ...(isOpenId ? { expectedNonce: nonce } : {}),
        ...more,
      }),
    refresh: (token: string, more: Record<string, string> = {}) =>
      openid.refreshTokenGrant(config, token, more),
  }
}
