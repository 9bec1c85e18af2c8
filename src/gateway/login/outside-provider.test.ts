/**
 * A provider of OpenID Connect for tests, made by hand and not by the library that is tried: it checks
 * what a client has to show, and lies wherever a test wants.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { northAuthority } from '../certificates.test.ts'

type Json = Readonly<Record<string, unknown>>

/** What it says otherwise than it should. */
export interface Lies {
  readonly discovery?: Json
  readonly claims?: Json
  readonly header?: Json
  /** Of the identity token: by its own key unless said. */
  readonly signedBy?: 'own' | 'other' | 'secret' | 'nobody'
  /** Of the token endpoint, instead of its answer. */
  readonly token?: (response: ServerResponse) => void
  readonly jwks?: (response: ServerResponse) => void
}

export interface FakeProvider {
  readonly issuer: string
  readonly ca: string
  lies: Lies
  /** Another key from here; tokens are signed by it, and the set holds no other. */
  changeKeys(): void
  /** What a browser brings back from an address that it was sent to. */
  back(url: URL, more?: Readonly<Record<string, string | undefined>>): URLSearchParams
}

export const CLIENT_SECRET = 'a secret of the provider'

/** Starts one; it ends with the test. */
export async function fakeProvider(t: TestContext): Promise<FakeProvider> {
  const { leaf } = await northAuthority()
  const { credentials } = await leaf({ dns: ['localhost'], usages: ['server'] })
  let key = newKey()
  const other = newKey()
  const codes = new Map<string, URLSearchParams>()
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { lies, issuer } = provider
    const body = new URLSearchParams(await text(request))
    if (request.url?.endsWith('/openid-configuration') === true) {
      json(response, { ...discoveryOf(issuer), ...lies.discovery })
    } else if (request.url === '/jwks') {
      if (lies.jwks === undefined) json(response, { keys: [key.jwk] })
      else lies.jwks(response)
    } else if (lies.token !== undefined) {
      lies.token(response)
    } else {
      const asked = codes.get(body.get('code') ?? '')
      codes.delete(body.get('code') ?? '')
      if (asked === undefined) throw new Error('A code is good once')
      checkClient(request, body, asked)
      const claims = { ...claimsFor(issuer, asked), ...lies.claims }
      const id_token = tokenOf(claims, { lies, key, other })
      json(response, { access_token: 'unused', token_type: 'bearer', id_token })
    }
  }
  const server = createServer({ key: credentials.key, cert: credentials.cert }, (...about) => {
    answer(...about).catch((error: unknown) => about[1].writeHead(500).end(String(error)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const provider: FakeProvider = {
    issuer: `https://localhost:${port}`,
    ca: credentials.ca,
    lies: {},
    changeKeys: () => (key = newKey()),
    back: (url, more = {}) => {
      const code = randomUUID()
      codes.set(code, url.searchParams)
      const state = url.searchParams.get('state') ?? ''
      const all: Readonly<Record<string, string | undefined>> = {
        ...{ code, state, iss: provider.issuer, ...more },
      }
      const said = Object.entries(all).filter(
        (one): one is [string, string] => one[1] !== undefined,
      )
      return new URLSearchParams(said)
    },
  }
  return provider
}

/** The client proves itself, and that it is the one who asked. */
function checkClient(request: IncomingMessage, body: URLSearchParams, asked: URLSearchParams) {
  const basic = `bristol:${encodeURIComponent(CLIENT_SECRET).replaceAll('%20', '+')}`
  const { authorization } = request.headers
  assert.equal(authorization, `Basic ${Buffer.from(basic).toString('base64')}`)
  const challenge = createHash('sha256').update(body.get('code_verifier') ?? '')
  assert.equal(challenge.digest('base64url'), asked.get('code_challenge'))
  assert.equal(asked.get('code_challenge_method'), 'S256')
  assert.equal(body.get('redirect_uri'), asked.get('redirect_uri'))
}

const discoveryOf = (issuer: string): Json => ({
  ...{ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
  ...{ jwks_uri: `${issuer}/jwks`, response_types_supported: ['code'] },
  id_token_signing_alg_values_supported: ['ES256', 'RS256'],
  authorization_response_iss_parameter_supported: true,
})

function claimsFor(issuer: string, asked: URLSearchParams): Json {
  const now = Math.floor(Date.now() / 1000)
  const times = { iat: now, exp: now + 300, auth_time: now - 10 }
  return { iss: issuer, sub: 'rose-4711', aud: 'bristol', nonce: asked.get('nonce'), ...times }
}

type Key = ReturnType<typeof newKey>

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = randomUUID()
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }
  return { privateKey, publicKey, kid, jwk }
}

function tokenOf(
  claims: Json,
  about: { readonly lies: Lies; readonly key: Key; other: Key },
): string {
  const { lies, key, other } = about
  const { signedBy = 'own' } = lies
  const alg = { own: 'ES256', other: 'ES256', secret: 'HS256', nobody: 'none' }[signedBy]
  const header = { alg, kid: key.kid, typ: 'JWT', ...lies.header }
  const parts = [header, claims].map((one) =>
    Buffer.from(JSON.stringify(one)).toString('base64url'),
  )
  const said = parts.join('.')
  return `${said}.${signature()}`

  function signature(): string {
    if (signedBy === 'nobody') return ''
    if (signedBy === 'secret') {
      const pem = key.publicKey.export({ format: 'pem', type: 'spki' })
      return createHmac('sha256', pem).update(said).digest('base64url')
    }
    const by = signedBy === 'own' ? key : other
    const how = { key: by.privateKey, dsaEncoding: 'ieee-p1363' } as const
    return sign('sha256', Buffer.from(said), how).toString('base64url')
  }
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

test('the provider of the tests tells its issuer', async (t) => {
  const provider = await fakeProvider(t)
  const { issuer } = provider
  assert.equal(provider.back(new URL('https://x.invalid/?state=1')).get('iss'), issuer)
})
