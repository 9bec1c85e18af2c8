import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { epochMs, kmeId, linkId, siteId, type SiteId } from '#base'
import { systemRandom } from '#crypto'
import {
  deviceChannel,
  openNetwork,
  SystemClock,
  type Credentials,
  type TlsNetwork,
} from '#gateway'
import {
  acceptGrant,
  anchorsOf,
  createAuthority,
  crlsOf,
  enrolmentRequest,
  grantSite,
  newCredentials,
  newSiteKeys,
  readEnrolment,
  revoke,
  serialsOf,
  siteCredentials,
  verifyChain,
  type Authority,
} from '#pki'
import { MemoryLog } from '#world/ports'

const now = epochMs(Date.now())
const random = systemRandom
const bristol = siteId('bristol')
const cambridge = siteId('cambridge')
const fibre = siteId('fibre-1')

async function enrol(authority: Authority, site: SiteId): Promise<[Authority, Credentials]> {
  const names = {
    federation: 'Test Federation',
    site,
    kme: kmeId(`kme-${site}`),
    origin: `photonward.example/${site}`,
    dns: [`${site}.example`],
    north: { dns: [`kme.${site}.example`], ip: [] },
  }
  const keys = newSiteKeys()
  const request = readEnrolment(await enrolmentRequest(keys, names, now), now)
  const granted = await grantSite(authority, request, { expected: names, now, random })
  const anchors = anchorsOf(authority)
  const grant = acceptGrant(granted.grant, keys, { ...names, anchors, now })
  return [granted.authority, siteCredentials(grant, keys)]
}

async function open(
  t: TestContext,
  credentials: Credentials,
  more: Partial<Parameters<typeof openNetwork>[0]> = {},
): Promise<TlsNetwork> {
  const network = await openNetwork({
    kind: 'site',
    credentials,
    peers: () => ({ kind: 'site' }),
    clock: new SystemClock(),
    log: new MemoryLog(),
    ...more,
  })
  t.after(() => network[Symbol.asyncDispose]())
  return network
}

test('sites and devices that the authority has certified connect; a revoked one does not', async (t) => {
  const created = await createAuthority('Test Federation', { now, random })
  const [first, bristolTls] = await enrol(created.authority, bristol)
  const [second, cambridgeTls] = await enrol(first, cambridge)
  const device = await newCredentials(
    second,
    { identity: { kind: 'device', device: fibre }, names: {} },
    { now, random },
  )
  const { authority } = device
  const trust = { anchors: [anchorsOf(authority).sites], crls: crlsOf(authority.sites), now }
  const listening = await open(t, cambridgeTls, {
    listen: { host: '127.0.0.1', port: 0 },
    checkChain: (chain, end) => {
      const check = verifyChain(chain, { ...trust, usage: `site-${end}` })
      return check.kind === 'verified' ? undefined : check.reason
    },
  })
  const optics = await open(t, device.credentials, {
    kind: 'device',
    listen: { host: '127.0.0.1', port: 0 },
  })
  const addresses = { [cambridge]: listening.address, [fibre]: optics.address }
  const dialling = await open(t, bristolTls, {
    peers: (id) => ({ kind: id === fibre ? 'device' : 'site', ...addresses[id] }),
  })
  for (const network of [listening, optics]) {
    network.accept(
      () => true,
      () => undefined,
    )
  }
  const connection = await dialling.dial(cambridge, 'peer')
  assert.equal(connection.session.group, 'X25519MLKEM768')
  const link = linkId('bristol-cambridge')
  assert.equal((await dialling.dial(fibre, deviceChannel(link, 'transmitter'))).peer, fibre)
  const [serial] = serialsOf(authority, { kind: 'site', site: bristol })
  const revoked = await revoke(authority, serial, { now, reason: 'key-compromise' })
  const crl = crlsOf(revoked.authority.sites).map(pemOfCrl).join('')
  listening.reload({ ...cambridgeTls, crl })
  await assert.rejects(dialling.dial(cambridge, 'peer'), { code: 'NETWORK_UNREACHABLE' })
})

const pemOfCrl = (der: Uint8Array): string =>
  `-----BEGIN X509 CRL-----\n${der.toBase64()}\n-----END X509 CRL-----\n`
