import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { CompactSign } from 'jose'
import type { EpochMs } from '#base'
import {
  issueAccessToken,
  LIFETIME_MS_MAX,
  verifyAccessToken,
  type TokenGrant,
} from './access-token.ts'
import { verifyClientAssertion, type OnceOnly } from './client-assertion.ts'
import { after, ELSEWHERE, HERE, minutes, NOW } from './fixture.test.ts'
import { AccessRefusal } from './refusal.ts'
import type { SignatureAlgorithm, TokenKey, TokenSigner } from './signed-tokens.ts'

const ISSUER = 'https://bristol.example/auth'
const AUDIENCE = 'https://bristol.example/fhir'
const TOKEN_URL = 'https://bristol.example/auth/token'

function pair(kid: string, algorithm: SignatureAlgorithm): TokenKey & TokenSigner {
  const { publicKey, privateKey } =
    algorithm === 'RS384' || algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : algorithm === 'ML-DSA-65'
        ? generateKeyPairSync('ml-dsa-65')
        : algorithm === 'Ed25519'
          ? generateKeyPairSync('ed25519')
          : generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' })
  return { kid, algorithm, publicKey, privateKey }
}

const ours = pair('key-1', 'ES384')
const policy = {
  issuers: new Map([[ISSUER, [ours]]]),
  audience: AUDIENCE,
  site: HERE,
  at: NOW,
}
const grant: TokenGrant = {
  issuer: ISSUER,
  subject: 'person-1',
  client: 'app-1',
  audience: AUDIENCE,
  site: HERE,
  tokenId: 'token-1',
  scope: 'openid patient/Observation.rs',
  launchPatient: 'Patient/p1',
  secondFactorAt: NOW,
  at: NOW,
  lifetimeMs: minutes(5),
}

/** A token over any header and claims, signed by any key. */
const forged = (header: object, claims: object, key: KeyObject | Uint8Array) =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader(header as { alg: string })
    .sign(key)

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const seconds = (at: EpochMs): number => Math.floor(at / 1000)
const claims = {
  iss: ISSUER,
  sub: 'person-1',
  aud: AUDIENCE as string | string[],
  client_id: 'app-1',
  site: HERE as string,
  jti: 'token-1',
  iat: seconds(NOW),
  exp: seconds(after(minutes(5))),
  scope: 'user/*.rs',
}
const header = { alg: 'ES384', kid: 'key-1', typ: 'at+jwt' }

async function whyNot(token: string, more: Partial<typeof policy> = {}): Promise<unknown> {
  try {
    await verifyAccessToken(token, { ...policy, ...more })
    return undefined
  } catch (error) {
    assert(error instanceof AccessRefusal)
    assert.equal(error.code, 'ACCESS_TOKEN_INVALID')
    assert.equal(error.message, 'The access token is not valid here')
    return error.facts['why']
  }
}

test('a token that we issue says what was granted', async () => {
  const token = await verifyAccessToken(await issueAccessToken(grant, ours), policy)
  assert.deepEqual(token, {
    issuer: ISSUER,
    subject: 'person-1',
    client: 'app-1',
    tokenId: 'token-1',
    list: {
      scopes: [{ level: 'patient', type: 'Observation', permissions: ['r', 's'] }],
      words: ['openid'],
      unknown: [],
    },
    secondFactorAt: NOW,
    facts: {
      site: HERE,
      notBefore: NOW,
      expiresAt: after(minutes(5)),
      scopes: [{ level: 'patient', type: 'Observation', permissions: ['r', 's'] }],
      launchPatient: 'Patient/p1',
    },
  })
})

test('a token of another site, audience, issuer or time is not valid here', async () => {
  const made = (more: object) => forged(header, { ...claims, ...more }, ours.privateKey)
  assert.equal(await whyNot(await made({})), undefined)
  const cases: readonly (readonly [object, string])[] = [
    [{ site: ELSEWHERE }, 'site'],
    [{ aud: 'https://cambridge.example/fhir' }, 'audience'],
    [{ aud: [AUDIENCE, 'https://cambridge.example/fhir'] }, 'audience'],
    [{ iss: 'https://elsewhere.example' }, 'issuer'],
    [{ iss: ['https://bristol.example/auth'] }, 'issuer'],
    [{ exp: seconds(NOW) }, 'expired'],
    [{ exp: seconds(after(minutes(5))) + 0.5 }, 'claims'],
    [{ nbf: seconds(after(31_000)) }, 'not-yet'],
    [{ iat: seconds(after(31_000)) }, 'not-yet'],
    [{ exp: seconds(NOW) + LIFETIME_MS_MAX / 1000 + 1 }, 'lifetime'],
    [{ exp: undefined }, 'claims'],
    [{ jti: undefined }, 'claims'],
    [{ sub: '' }, 'claims'],
    [{ client_id: 'x'.repeat(257) }, 'claims'],
    [{ patient: '../p2' }, 'claims'],
  ]
  for (const [more, why] of cases) {
    assert.equal(await whyNot(await made(more)), why, JSON.stringify(more))
  }
  assert.equal(await whyNot(await made({ nbf: seconds(after(30_000)) })), undefined)
  assert.equal(await whyNot(await made({ aud: [AUDIENCE] })), undefined)
  const last = { at: after(minutes(5) - 1) }
  assert.equal(await whyNot(await made({}), last), undefined)
  assert.equal(await whyNot(await made({}), { at: after(minutes(5)) }), 'expired')
})

test('tricks with algorithms and keys do not work', async () => {
  const rsa = pair('rsa-1', 'RS256')
  const foreign = pair('key-1', 'ES384')
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
  const both = { issuers: new Map([[ISSUER, [ours, rsa]]]) }
  const [h, c, s] = (await forged(header, claims, ours.privateKey)).split('.')
  const hmacOf = (head: object, key: string | Buffer) => {
    const input = `${part(head)}.${part(claims)}`
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`
  }
  const hs = { alg: 'HS256', kid: 'rsa-1', typ: 'at+jwt' }
  const cases: readonly (readonly [string, string])[] = [
    [`${part({ alg: 'none', kid: 'key-1', typ: 'at+jwt' })}.${part(claims)}.`, 'malformed'],
    [`${part({ alg: 'none', kid: 'key-1', typ: 'at+jwt' })}.${part(claims)}.AA`, 'algorithm'],
    [`${part({ alg: 'nOnE', kid: 'key-1', typ: 'at+jwt' })}.${part(claims)}.AA`, 'algorithm'],
    [hmacOf(hs, pem), 'algorithm'],
    [hmacOf({ ...hs, alg: 'RS256' }, pem), 'signature'],
    [await forged({ ...header, alg: 'RS256' }, claims, rsa.privateKey), 'algorithm'],
    [await forged({ ...header, kid: 'rsa-1', alg: 'ES384' }, claims, ours.privateKey), 'algorithm'],
    [await forged({ ...header, kid: 'rsa-1', alg: 'PS256' }, claims, rsa.privateKey), 'algorithm'],
    [await forged(header, claims, foreign.privateKey), 'signature'],
    [await forged({ ...header, kid: 'key-9' }, claims, ours.privateKey), 'key-unknown'],
    [await forged({ alg: 'ES384', typ: 'at+jwt' }, claims, ours.privateKey), 'key-unknown'],
    [
      await forged(
        { ...header, jwk: foreign.publicKey.export({ format: 'jwk' }) },
        claims,
        foreign.privateKey,
      ),
      'brings-keys',
    ],
    [
      await forged({ ...header, jku: 'https://evil.example/keys' }, claims, foreign.privateKey),
      'brings-keys',
    ],
    [await forged({ ...header, typ: 'JWT' }, claims, ours.privateKey), 'type'],
    [await forged({ alg: 'ES384', kid: 'key-1' }, claims, ours.privateKey), 'type'],
    [`${h}.${part({ ...claims, sub: 'person-2' })}.${s}`, 'signature'],
    [`${h}.${c}.${s.slice(0, -4)}AAAA`, 'signature'],
    [`${h}.${c}`, 'malformed'],
    [`${h}.${c}.${s}.${s}`, 'malformed'],
    [`${h}.${c}.${s}\n`, 'malformed'],
    ['', 'malformed'],
    ['x'.repeat(20_000), 'malformed'],
    [`${h}.${Buffer.from('{"iss":1,"iss":2}').toString('base64url')}.${s}`, 'malformed'],
  ]
  for (const [token, why] of cases) {
    assert.equal(await whyNot(token, both), why, token.slice(0, 80))
  }
})

test('an answer says nothing of what the token held', async () => {
  const token = await forged(header, { ...claims, site: ELSEWHERE }, ours.privateKey)
  const refusal = await verifyAccessToken(token, policy).catch((error: unknown) => error)
  assert(refusal instanceof AccessRefusal)
  assert(!JSON.stringify([refusal.message, refusal.facts]).includes('person-1'))
})

test('scopes of a token that cannot be read make it void', async () => {
  const token = await forged(header, { ...claims, scope: 'a"b' }, ours.privateKey)
  await assert.rejects(verifyAccessToken(token, policy), { code: 'ACCESS_SCOPE_INVALID' })
})

const memory = (): OnceOnly & { readonly taken: Map<string, EpochMs> } => {
  const taken = new Map<string, EpochMs>()
  return {
    taken,
    take: (identifier, until) => {
      const fresh = !taken.has(identifier)
      taken.set(identifier, until)
      return Promise.resolve(fresh)
    },
  }
}

const client = pair('client-key', 'ES384')
const asserted = {
  iss: 'backend-1',
  sub: 'backend-1',
  aud: TOKEN_URL as string | string[],
  exp: seconds(after(minutes(5))),
  jti: 'once',
}
const clientHeader = { alg: 'ES384', kid: 'client-key', typ: 'JWT' }
const assertionPolicy = (once: OnceOnly, keys: readonly TokenKey[] = [client]) => ({
  clients: (name: string) => (name === 'backend-1' ? keys : undefined),
  tokenUrl: TOKEN_URL,
  once,
  at: NOW,
})

test('a backend service proves who it is by RS384, ES384 or ML-DSA, once', async () => {
  for (const algorithm of ['ES384', 'RS384', 'ML-DSA-65'] as const) {
    const key = pair('client-key', algorithm)
    const made = await forged({ ...clientHeader, alg: algorithm }, asserted, key.privateKey)
    const once = memory()
    const proven = await verifyClientAssertion(made, assertionPolicy(once, [key]))
    const postQuantum = algorithm === 'ML-DSA-65'
    assert.deepEqual(proven, { client: 'backend-1', algorithm, postQuantum })
    assert.deepEqual([...once.taken], [['["backend-1","once"]', after(minutes(5))]])
    await assert.rejects(verifyClientAssertion(made, assertionPolicy(once, [key])), {
      code: 'ACCESS_ASSERTION_REPLAYED',
    })
  }
})

test('an assertion that is nearly right proves nothing, and takes no identifier', async () => {
  const rs256 = pair('client-key', 'RS256')
  const stranger = pair('client-key', 'ES384')
  const made = (more: object, head: object = clientHeader, key: KeyObject = client.privateKey) =>
    forged(head, { ...asserted, ...more }, key)
  const cases: readonly (readonly [string, string])[] = [
    [await made({ sub: 'backend-2' }), 'subject'],
    [await made({ iss: 'backend-2', sub: 'backend-2' }), 'client'],
    [await made({ aud: AUDIENCE }), 'audience'],
    [await made({ aud: [TOKEN_URL, AUDIENCE] }), 'audience'],
    [await made({ exp: seconds(NOW) }), 'expired'],
    [await made({ exp: seconds(after(minutes(5))) + 1 }), 'lifetime'],
    [await made({ nbf: seconds(NOW) + 1 }), 'not-yet'],
    [await made({ jti: undefined }), 'claims'],
    [await made({ jti: '' }), 'claims'],
    [await made({}, clientHeader, stranger.privateKey), 'signature'],
    [await made({}, { ...clientHeader, kid: 'other' }), 'key-unknown'],
    [await made({}, { ...clientHeader, typ: 'at+jwt' }), 'type'],
    [`${part({ ...clientHeader, alg: 'none' })}.${part(asserted)}.AA`, 'algorithm'],
    ['no token', 'malformed'],
  ]
  const once = memory()
  for (const [assertion, why] of cases) {
    const outcome = verifyClientAssertion(assertion, assertionPolicy(once))
    await assert.rejects(outcome, (error) => {
      assert(error instanceof AccessRefusal)
      assert.deepEqual([error.code, error.facts['why']], ['ACCESS_ASSERTION_INVALID', why])
      return true
    })
  }
  const weak = await made({}, { ...clientHeader, alg: 'RS256' }, rs256.privateKey)
  await assert.rejects(verifyClientAssertion(weak, assertionPolicy(once, [rs256])), {
    code: 'ACCESS_ASSERTION_INVALID',
  })
  assert.equal(once.taken.size, 0)
})

test('without a memory of what was used nobody is proven', async () => {
  const once: OnceOnly = { take: () => Promise.reject(new Error('database down')) }
  const made = await forged(clientHeader, asserted, client.privateKey)
  await assert.rejects(verifyClientAssertion(made, assertionPolicy(once)), /database down/)
})
