/**
 * Real handshakes over loopback with the credentials of this room: TLS is where they are used.
 *
 * Runs on the wall clock, because OpenSSL does.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer, type ConnectionOptions, type TlsOptions } from 'node:tls'
import { DAY_MS, epochMs, kmeId, saeId } from '#base'
import { anchorsOf, createAuthority, crlsOf } from './authority.ts'
import { verifyChain, type CertificateUsage } from './chain.ts'
import { enrol, newFederation, random } from './fixtures.test.ts'
import { northCredentials, siteCredentials, type Grant } from './grant.ts'
import {
  credentialsOf,
  newCredentials,
  refreshCrls,
  revoke,
  serialsOf,
  type Credentials,
} from './issuing.ts'
import { privateKeyPem } from './keys.ts'
import { chainOfPeer, clientCertificateOf } from './peer.ts'

const now = epochMs(Date.now())
const { authority, sites } = await newFederation(now)
const [bristol, cambridge] = sites
const bristolTls = siteCredentials(bristol.grant, bristol.keys)
const cambridgeTls = siteCredentials(cambridge.grant, cambridge.keys)

const SITE = {
  minVersion: 'TLSv1.3',
  ecdhCurve: 'X25519MLKEM768',
  sigalgs: 'mldsa65:mldsa87',
} as const
const NORTH = { minVersion: 'TLSv1.3', ecdhCurve: 'X25519MLKEM768:X25519' } as const

/** PEM of credentials as Node takes them: it reads only the first of several lists in a text. */
const pemOf = ({ crl, ...rest }: Credentials) => ({
  ...rest,
  crl: crl.split(/(?<=-----END X509 CRL-----\n)/).filter((one) => one !== ''),
})

interface Outcome {
  readonly group?: string
  /** What the client and the server saw of each other, DER. */
  readonly server?: readonly Uint8Array[]
  readonly client?: readonly Uint8Array[]
  readonly error?: string
  /** Why the server does not take the client, where it looked before it decided. */
  readonly authorization?: string
}

/** One handshake up to the first octet of the server, which alone proves that it took the client. */
async function handshake(server: TlsOptions, client: ConnectionOptions): Promise<Outcome> {
  let seen: readonly Uint8Array[] | undefined
  let authorization: string | undefined
  const listener = createServer({ requestCert: true, rejectUnauthorized: true, ...server })
  listener.on('secureConnection', (socket) => {
    const peer = socket.getPeerCertificate(true)
    seen = Object.keys(peer).length === 0 ? [] : chainOfPeer(peer)
    authorization = socket.authorized ? undefined : String(socket.authorizationError)
    socket.on('error', () => undefined)
    socket.end('k')
  })
  listener.on('tlsClientError', () => undefined)
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port, ...client })
  const outcome = await new Promise<Outcome>((resolve) => {
    socket.on('error', (error: Error & { code?: string }) => {
      resolve({ error: error.code ?? error.message })
    })
    socket.on('close', () => resolve({ error: 'closed' }))
    socket.on('data', () => {
      const info = socket.getEphemeralKeyInfo() as { name?: string } | null
      resolve({
        server: chainOfPeer(socket.getPeerCertificate(true)),
        ...(info?.name === undefined ? {} : { group: info.name }),
        ...(seen === undefined ? {} : { client: seen }),
        ...(authorization === undefined ? {} : { authorization }),
      })
    })
  })
  socket.destroy()
  listener.close()
  await once(listener, 'close')
  return outcome
}

/** Why a server refuses a client: it is refused, and, asked to look closer, the server says why. */
async function refusalOf(server: TlsOptions, client: ConnectionOptions): Promise<string> {
  const refused = await handshake(server, client)
  assert.notEqual(refused.error, undefined)
  assert.equal(refused.server, undefined)
  const looked = await handshake({ ...server, rejectUnauthorized: false }, client)
  return looked.authorization ?? looked.error ?? 'taken'
}

const asServer = (credentials: Credentials, more: TlsOptions = {}): TlsOptions => ({
  ...SITE,
  ...pemOf(credentials),
  ...more,
})
const asClient = (credentials: Credentials, more: ConnectionOptions = {}): ConnectionOptions => ({
  ...SITE,
  ...pemOf(credentials),
  servername: 'bristol',
  ...more,
})

test('two sites shake hands with ML-DSA on both sides and a hybrid exchange only', async () => {
  const outcome = await handshake(asServer(bristolTls), asClient(cambridgeTls))
  assert.equal(outcome.error, undefined)
  assert.equal(outcome.group, 'X25519MLKEM768')
  const trust = { anchors: [anchorsOf(authority).sites], crls: crlsOf(authority.sites), now }
  const sides = [
    [outcome.server, 'site-server', 'bristol'],
    [outcome.client, 'site-client', 'cambridge'],
  ] as const
  for (const [chain, usage, site] of sides) {
    const check = verifyChain(chain ?? [], { ...trust, usage })
    assert(check.kind === 'verified', JSON.stringify(check))
    assert.deepEqual(check.leaf.identity, { kind: 'site', site })
  }
})

test('a client that knows only classical groups is refused', async () => {
  const { error } = await handshake(
    asServer(bristolTls),
    asClient(cambridgeTls, { ecdhCurve: 'X25519:P-256' }),
  )
  assert.match(error ?? '', /HANDSHAKE_FAILURE/)
})

test('a client without a certificate is refused', async () => {
  const { ca } = bristolTls
  const { error } = await handshake(asServer(bristolTls), { ...SITE, ca, servername: 'bristol' })
  assert.match(error ?? '', /CERTIFICATE_REQUIRED/)
})

test('a site of another authority is refused on either side', async () => {
  const other = await newFederation(now)
  const stranger = siteCredentials(other.sites[1].grant, other.sites[1].keys)
  const trusting = { ...stranger, ca: bristolTls.ca, crl: bristolTls.crl }
  const asked = await refusalOf(asServer(bristolTls), asClient(trusting))
  assert.match(asked, /UNABLE_TO|SELF_SIGNED|SIGNATURE_FAILURE/)
  const answered = await handshake(asServer({ ...trusting }), asClient(cambridgeTls))
  assert.match(answered.error ?? '', /UNABLE_TO|SELF_SIGNED|SIGNATURE_FAILURE/)
})

test('an expired certificate is refused', async () => {
  const then = epochMs(now - 31 * DAY_MS)
  const made = await createAuthority('Test Federation', { now: then, random })
  const old = await enrol(made.authority, 'cambridge', then)
  const fresh = await refreshCrls(old.authority, now)
  const present = await enrol(fresh, 'bristol', now)
  const crls = crlsOf(fresh.sites)
  const of = (grant: Grant, keys: typeof bristol.keys): Credentials =>
    credentialsOf(privateKeyPem(keys.tls), grant.sites.chain, { ...grant.sites, crls })
  const server = of(present.site.grant, present.site.keys)
  const expired = of(old.site.grant, old.site.keys)
  const good = await handshake(asServer(server), asClient(server))
  assert.equal(good.error, undefined)
  assert.equal(await refusalOf(asServer(server), asClient(expired)), 'CERT_HAS_EXPIRED')
  const answering = await handshake(
    asServer(expired),
    asClient(server, { servername: 'cambridge' }),
  )
  assert.equal(answering.error, 'CERT_HAS_EXPIRED')
})

test('a revoked certificate is refused on either side', async () => {
  const serials = serialsOf(authority, { kind: 'site', site: cambridge.names.site })
  let after = authority
  for (const serial of serials) {
    after = (await revoke(after, serial, { now, reason: 'key-compromise' })).authority
  }
  const crls = crlsOf(after.sites)
  const { chain, root } = bristol.grant.sites
  const informed = credentialsOf(privateKeyPem(bristol.keys.tls), chain, { root, crls })
  assert.equal(await refusalOf(asServer(informed), asClient(cambridgeTls)), 'CERT_REVOKED')
  const server = await handshake(
    asServer(cambridgeTls),
    asClient(informed, { servername: 'cambridge' }),
  )
  assert.equal(server.error, 'CERT_REVOKED')
  const unaware = await handshake(asServer(bristolTls), asClient(cambridgeTls))
  assert.equal(unaware.error, undefined)
})

test('northbound, an application is known by its SAE ID, with hybrid or classical exchange', async () => {
  const sae = saeId('sae-radiology')
  const made = await newCredentials(
    authority,
    { identity: { kind: 'sae', sae }, names: {} },
    { now, random },
  )
  const server = { ...NORTH, ...pemOf(northCredentials(bristol.grant, bristol.keys)) }
  for (const [ecdhCurve, group] of [
    ['X25519MLKEM768', 'X25519MLKEM768'],
    ['X25519', 'X25519'],
  ]) {
    const { key, cert, ca } = made.credentials
    const client = { ...NORTH, key, cert, ca, ecdhCurve, servername: 'localhost' }
    const outcome = await handshake(server, client)
    assert.deepEqual([outcome.error, outcome.group], [undefined, group])
    const [leaf] = outcome.client ?? []
    const caller = clientCertificateOf(leaf)
    assert.equal(caller?.commonName, sae)
    assert.deepEqual(caller.uriNames, ['photonward:sae:sae-radiology'])
    assert.equal(caller.serialNumber, made.serial.toUpperCase())
    const trust = { anchors: [anchorsOf(authority).north], crls: crlsOf(authority.north), now }
    const check = verifyChain(outcome.client ?? [], { ...trust, usage: 'sae-client' })
    assert.equal(check.kind, 'verified')
  }
})

test('a certificate for servers does not serve a client, nor the other way round', async () => {
  const act = { now, random }
  const north = northCredentials(bristol.grant, bristol.keys)
  const server = { ...NORTH, ...pemOf(north) }
  const kme = kmeId('kme-x')
  const asKme = await newCredentials(
    authority,
    { identity: { kind: 'kme', kme }, names: { dns: ['localhost'] } },
    act,
  )
  const misused = await refusalOf(server, {
    ...NORTH,
    ...pemOf(asKme.credentials),
    servername: 'localhost',
  })
  assert.equal(misused, 'INVALID_PURPOSE')
  const sae = saeId('sae-x')
  const asSae = await newCredentials(
    authority,
    { identity: { kind: 'sae', sae }, names: { dns: ['localhost'] } },
    act,
  )
  const posing = await handshake(
    { ...NORTH, ...pemOf(asSae.credentials) },
    { ...NORTH, ...pemOf(asSae.credentials), servername: 'localhost' },
  )
  assert.equal(posing.error, 'INVALID_PURPOSE')
  const usage: CertificateUsage = 'kme-server'
  const trust = { anchors: [anchorsOf(authority).north], crls: crlsOf(asSae.authority.north), now }
  const check = verifyChain(asSae.chain, { ...trust, usage })
  assert(check.kind === 'refused' && check.reason === 'extended-key-usage')
})
