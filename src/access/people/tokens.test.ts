import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { CompactSign } from 'jose'
import { DAY_MS, epochMs, siteId, utf8 } from '#base'
import { issueAccessToken, type TokenGrant } from '../access-token.ts'
import type { TokenSigner } from '../signed-tokens.ts'
import { Apps, type NewApp } from './apps.ts'
import { Authorizations, GRANT } from './authorizations.ts'
import { newPeople, SITE, staff } from './fixture.test.ts'
import { TokenKeys } from './token-keys.ts'
import { Tokens } from './tokens.ts'

const ISSUER = 'https://bristol.example/auth'
const AUDIENCE = 'https://bristol.example/fhir'
const TOKEN_URL = 'https://bristol.example/auth/token'
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const INVALID = { code: 'ACCESS_TOKEN_INVALID' }

const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const jwksOf = (key: KeyObject, more: object = {}) =>
  JSON.stringify({ keys: [{ ...key.export({ format: 'jwk' }), kid: 'k1', ...more }] })

const backend: NewApp = {
  ...{ client: 'his', name: 'Hospital system', kind: 'backend', redirectUris: [] },
  ...{ scope: 'system/Patient.rs system/Observation.cruds', jwks: jwksOf(p384.publicKey) },
}
const portal: NewApp = {
  ...{ client: 'portal', name: 'Portal', kind: 'public', scope: 'openid user/*.rs' },
  redirectUris: ['https://portal.example/back'],
}

async function newTokens() {
  const site = await newPeople()
  const about = { ...site.rows, clock: site.clock, audit: site.audit }
  const [apps, keys] = [new Apps(about), new TokenKeys(about)]
  await apps.add(backend, 'operator')
  await apps.add(portal, 'operator')
  const authorizations = new Authorizations({ ...site.rows, ...site })
  const tokens = new Tokens({
    ...{ ...about, people: site.people, once: site.once, apps, keys, authorizations },
    ...{ issuer: ISSUER, audience: AUDIENCE, tokenUrl: TOKEN_URL },
  })
  const seconds = () => Math.floor(site.clock.now() / 1000)
  const assertion = (claims: object = {}, header: object = {}, key = p384.privateKey) => {
    const own = { iss: 'his', sub: 'his', aud: TOKEN_URL, exp: seconds() + 60, jti: randomUUID() }
    return new CompactSign(utf8(JSON.stringify({ ...own, ...claims })))
      .setProtectedHeader({ alg: 'ES384', kid: 'k1', typ: 'JWT', ...header })
      .sign(key)
  }
  const ask = async (more: Readonly<Record<string, string>>) =>
    await tokens.grant(
      new URLSearchParams({
        ...{ grant_type: 'client_credentials', client_assertion_type: JWT_BEARER },
        ...more,
      }),
    )
  /** What a person has granted to an app, for a day. */
  const granted = async (person: string, client: string) => {
    const grant = randomUUID()
    const endsAt = epochMs(site.clock.now() + DAY_MS)
    await authorizations.keep(GRANT, grant, { payload: '{}', endsAt, person, client })
    return grant
  }
  return { ...site, apps, keys, tokens, authorizations, granted, assertion, ask, about }
}

test('a backend service gets what it asked for and registered, once for each assertion', async () => {
  const { assertion, ask, tokens } = await newTokens()
  const client_assertion = await assertion()
  const scope = 'system/Observation.rs system/Patient.cruds system/Encounter.r'
  const answer = await ask({ client_assertion, scope })
  assert(answer.kind === 'granted')
  assert.deepEqual(answer.scope.split(' ').toSorted(), [
    'system/Observation.rs',
    'system/Patient.rs',
  ])
  const bearer = await tokens.bearerOf(answer.accessToken)
  assert.deepEqual(
    [bearer.principal.id, bearer.principal.roles, bearer.who, bearer.token.scopes?.length],
    ['his', ['service'], { client: 'his' }, 2],
  )
  const again = await ask({ client_assertion, scope })
  assert.equal(again.kind === 'refused' && again.error, 'invalid_client')
})

test('an assertion that is nearly right gives no token', async () => {
  const { assertion, ask, apps } = await newTokens()
  const scope = 'system/Patient.rs'
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
  const nearly = {
    'another key': await assertion({}, {}, other),
    'another token URL': await assertion({ aud: 'https://cambridge.example/auth/token' }),
    'another subject': await assertion({ sub: 'portal' }),
    nobody: await assertion({ iss: 'nobody', sub: 'nobody' }),
    'a public app': await assertion({ iss: 'portal', sub: 'portal' }),
    expired: await assertion({ exp: 1 }),
    'too long': await assertion({ exp: 4_102_444_800 }),
    'a key it brings': await assertion({}, { jwk: p384.publicKey.export({ format: 'jwk' }) }),
    'no token': 'a.b.c',
  }
  for (const [what, client_assertion] of Object.entries(nearly)) {
    const answer = await ask({ client_assertion, scope })
    assert.equal(answer.kind === 'refused' && answer.error, 'invalid_client', what)
  }
  const good = async () => ({ client_assertion: await assertion() })
  for (const [more, error] of [
    [{ ...(await good()), scope: 'system/Encounter.r' }, 'invalid_scope'],
    [{ ...(await good()), scope: '' }, 'invalid_scope'],
    [{ ...(await good()), scope: 'user/Patient.rs' }, 'invalid_scope'],
    [{ ...(await good()), scope: '"' }, 'invalid_scope'],
    [{ ...(await good()), scope, grant_type: 'password' }, 'unsupported_grant_type'],
    [{ ...(await good()), scope, client_assertion_type: 'x' }, 'invalid_client'],
    [{ scope }, 'invalid_client'],
  ] as const) {
    const answer = await ask(more)
    assert.equal(answer.kind === 'refused' && answer.error, error, JSON.stringify(more))
  }
  await apps.remove('his', 'operator')
  assert.equal((await ask({ ...(await good()), scope })).kind, 'refused')
})

test('a token that is not exactly ours, for here and now, is nobody’s', async () => {
  const { tokens, keys, clock, people, granted, authorizations, ...site } = await newTokens()
  const ada = await staff({ people }, 'ada', { add: ['nurse'] })
  const [signer] = await keys.all()
  const grant: TokenGrant = {
    ...{ issuer: ISSUER, audience: AUDIENCE, site: SITE, client: 'portal', subject: ada.id },
    ...{ tokenId: 't1', scope: 'user/*.rs', at: clock.now(), lifetimeMs: 300_000 },
    grant: await granted(ada.id, 'portal'),
  }
  const bob = await staff({ people }, 'bob', { add: ['nurse'] })
  const issue = (more: Partial<TokenGrant>, by: TokenSigner = signer) =>
    issueAccessToken({ ...grant, ...more }, by)
  const good = await issue({})
  const [header, claims, signature] = good.split('.')
  const tampered = Buffer.from(claims, 'base64url').toString().replace(ada.id, 'his')
  const withHeader = (more: object, sign = signature) => {
    const own = JSON.parse(Buffer.from(header, 'base64url').toString()) as object
    const text = Buffer.from(JSON.stringify({ ...own, ...more })).toString('base64url')
    return `${text}.${claims}.${sign}`
  }
  const pem = signer.publicKey.export({ format: 'pem', type: 'spki' })
  const hs256 = withHeader({ alg: 'HS256' }).split('.').slice(0, 2).join('.')
  const mac = createHmac('sha256', pem).update(hs256).digest('base64url')
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const refusedTokens = {
    'alg none': withHeader({ alg: 'none' }, ''),
    'HS256 under the public key': `${hs256}.${mac}`,
    'a key id that leads elsewhere': withHeader({ kid: '../../etc/passwd' }),
    'a key id of SQL': withHeader({ kid: "x' OR '1'='1" }),
    'a key by URL': withHeader({ jku: 'https://evil.example/keys' }),
    'an own key': withHeader({ jwk: stranger.publicKey.export({ format: 'jwk' }) }),
    'something critical': withHeader({ crit: ['exp'] }),
    'another type': withHeader({ typ: 'JWT' }),
    'another signer of this name': await issue({}, { ...signer, privateKey: stranger.privateKey }),
    'claims exchanged': `${header}.${Buffer.from(tampered).toString('base64url')}.${signature}`,
    'another site': await issue({ site: siteId('cambridge') }),
    'another audience': await issue({ audience: 'https://cambridge.example/fhir' }),
    'another issuer': await issue({ issuer: 'https://cambridge.example/auth' }),
    'a client that is not registered': await issue({ client: 'unknown' }),
    'a person nobody knows': await issue({ subject: randomUUID() }),
    'a service in the name of somebody': await issue({ client: 'his', subject: ada.id }),
    'a grant that nobody gave': await issue({ grant: randomUUID() }),
    'a grant of somebody else': await issue({ subject: bob.id }),
    'a grant to another app': await issue({ grant: await granted(ada.id, 'other') }),
    'nothing at all': '',
    'three dots': '...',
  }
  for (const [what, token] of Object.entries(refusedTokens)) {
    await assert.rejects(tokens.bearerOf(token), INVALID, what)
  }
  const bearer = await tokens.bearerOf(good)
  assert.deepEqual([bearer.principal.id, bearer.principal.roles], [ada.id, ['nurse']])
  const other = await issue({ grant: await granted(ada.id, 'portal') })
  await tokens.bearerOf(other)
  await authorizations.forget(GRANT, String(grant.grant))
  await assert.rejects(tokens.bearerOf(good), INVALID, 'the grant is gone')
  await people.setState(ada.id, 'suspended', 'operator')
  await assert.rejects(tokens.bearerOf(other), INVALID, 'suspended')
  await people.setState(ada.id, 'active', 'operator')
  await assert.rejects(tokens.bearerOf(other), INVALID, 'what was granted before')
  const again = await issue({ grant: await granted(ada.id, 'portal') })
  await tokens.bearerOf(again)
  await site.time.advance(300_000)
  await assert.rejects(tokens.bearerOf(again), INVALID, 'expired')
})

test('keys change each quarter, and a token of the last one stays good for its hour', async () => {
  const { keys, about, time } = await newTokens()
  const [first] = await keys.all()
  assert.deepEqual(
    (await new TokenKeys(about).all()).map(({ kid }) => kid),
    [first.kid],
  )
  await time.advance(90 * DAY_MS)
  const both = await keys.all()
  assert.deepEqual(both.map(({ kid }) => kid).slice(1), [first.kid])
  assert.notEqual(both[0].kid, first.kid)
  await time.advance(DAY_MS)
  assert.deepEqual(
    (await keys.all()).map(({ kid }) => kid),
    [both[0].kid],
  )
})

test('an app is registered whole, or not at all', async () => {
  const { apps } = await newTokens()
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const wrong: readonly [string, Partial<NewApp>, NewApp][] = [
    ['no keys', { jwks: '{"keys":[]}' }, backend],
    ['a private key', { jwks: jwksOf(p384.privateKey) }, backend],
    ['a short RSA key', { jwks: jwksOf(rsa) }, backend],
    ['a curve too small', { jwks: jwksOf(p256) }, backend],
    ['a key for another algorithm', { jwks: jwksOf(p384.publicKey, { alg: 'RS384' }) }, backend],
    ['an algorithm that is none', { jwks: jwksOf(p384.publicKey, { alg: 'none' }) }, backend],
    ['scopes of people', { scope: 'user/*.rs' }, backend],
    ['scopes that nobody knows', { scope: 'system/Nonsense.rs' }, backend],
    ['addresses', { redirectUris: ['https://a.example/'] }, backend],
    ['no address', { redirectUris: [] }, portal],
    ['an address in clear', { redirectUris: ['http://portal.example/back'] }, portal],
    ['keys', { jwks: jwksOf(p384.publicKey) }, portal],
    ['no keys of its own', { kind: 'confidential' }, portal],
    ['a launch in clear', { launchUrl: 'http://portal.example/launch' }, portal],
    ['an address with a fragment', { redirectUris: ['https://portal.example/#x'] }, portal],
    ['scopes of systems', { scope: 'system/*.rs' }, portal],
  ]
  for (const [what, more, app] of wrong) {
    const code = /^(ACCESS_APP_INVALID|SHAPE_INVALID)$/
    await assert.rejects(apps.add({ ...app, client: 'new', ...more }, 'operator'), { code }, what)
  }
  await assert.rejects(apps.add(backend, 'operator'), { code: 'ACCESS_APP_EXISTS' })
  await assert.rejects(apps.remove('new', 'operator'), { code: 'ACCESS_APP_UNKNOWN' })
  const here = { redirectUris: ['http://127.0.0.1:8000/back'] }
  assert.equal((await apps.add({ ...portal, client: 'new', ...here }, 'operator')).client, 'new')
})
