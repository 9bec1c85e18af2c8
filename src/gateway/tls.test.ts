import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, siteId } from '#base'
import { northAuthority } from './certificates.test.ts'
import { channelFits, deviceChannel, peerNameOf } from './peer.ts'
import {
  certificateFields,
  NORTH_TLS,
  PEER_TLS,
  sessionGroup,
  tlsOptions,
  uriNames,
} from './tls.ts'

test('key and certificate that do not belong together, and texts that are no PEM, are refused', async () => {
  const { leaf } = await northAuthority()
  const [a, b] = [(await leaf({})).credentials, (await leaf({})).credentials]
  assert.doesNotThrow(() => tlsOptions(NORTH_TLS, a))
  for (const bad of [
    { ...a, key: b.key },
    { ...a, cert: 'certificate' },
    { ...a, key: '' },
    { ...a, crl: 'no list' },
    { ...a, ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
  ]) {
    assert.throws(() => tlsOptions(NORTH_TLS, bad), {
      name: 'GatewayRefusal',
      code: 'CREDENTIALS_INVALID',
    })
  }
})

test('an unknown group or signature scheme in our own settings would stop the start', async () => {
  const { leaf } = await northAuthority()
  const { credentials } = await leaf({})
  for (const wrong of [{ ecdhCurve: 'X25519MLKEM769' }, { sigalgs: 'mldsa66' }]) {
    assert.throws(() => tlsOptions({ ...PEER_TLS, ...wrong }, credentials), {
      code: 'CREDENTIALS_INVALID',
    })
  }
})

test('several revocation lists in one text are all used', async () => {
  const one = await northAuthority()
  const { credentials } = await one.leaf({})
  const crl = `${await one.crl([])}\n${await one.crl(['10'])}`
  assert.equal(tlsOptions(NORTH_TLS, { ...credentials, crl }).crl?.length, 2)
})

test('certificates that follow one another without a line break are all used', async () => {
  const [one, two] = [await northAuthority(), await northAuthority()]
  const { credentials } = await one.leaf({})
  const ca = one.root.trim() + two.root.trim()
  const cert = credentials.cert.trim() + one.root.trim()
  const options = tlsOptions(NORTH_TLS, { ...credentials, ca, cert })
  assert.equal(options.ca.length, 2)
  assert.equal(options.cert.split('\n').filter((line) => line.startsWith('-----BEGIN')).length, 2)
})

test('the group is read out of a session, and nothing out of anything else', () => {
  // SEQUENCE { INTEGER 1, [19] { INTEGER 4588 } }
  assert.equal(sessionGroup(fromHex('3009020101b304020211ec')), 'X25519MLKEM768')
  assert.equal(sessionGroup(fromHex('3008020101b30302011d')), 'X25519')
  assert.equal(sessionGroup(fromHex('3009020101b304020299ff')), '0x99ff')
  for (const bad of ['', '30', '3003020101', '3009020101b304020211', '0409020101b304020211ec']) {
    assert.equal(sessionGroup(fromHex(bad)), undefined, bad)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (der) => void sessionGroup(der)))
})

test('a certificate names a peer by exactly one URI of ours', () => {
  const named = (...uriNames: readonly string[]): unknown => peerNameOf({ uriNames })
  const bristol = { kind: 'site', id: siteId('bristol') }
  assert.deepEqual(named('photonward:site:bristol'), bristol)
  assert.deepEqual(named('https://x.test', 'photonward:site:bristol'), bristol)
  assert.deepEqual(named('photonward:device:f-1'), { kind: 'device', id: siteId('f-1') })
  for (const uris of [
    [],
    ['https://bristol'],
    ['photonward:site:bristol', 'photonward:site:cambridge'],
    ['photonward:site:bristol', 'photonward:device:bristol'],
    ['photonward:site:bristol', 'photonward:kme:bristol'],
    ['photonward:site:'],
    ['photonward:kme:bristol'],
    ['photonward:site:Bristol'],
    ['photonward:site:bristol:cambridge'],
    ['photonward:site:-bristol'],
  ]) {
    assert.equal(named(...uris), undefined, String(uris))
  }
})

test('no value of an alternative name can pose as another or as several', async () => {
  const posing = 'x, URI:photonward:site:bristol, y'
  const { credentials } = await (await northAuthority()).leaf({ uri: posing, dns: ['a.test'] })
  const text = new X509Certificate(credentials.cert).subjectAltName ?? ''
  assert.deepEqual(uriNames(text), [], text)
  assert.deepEqual(uriNames('DNS:a, URI:u:1, IP Address:::1, URI:u:2'), ['u:1', 'u:2'])
  for (const bad of ['', 'URI', 'DNS:a,URI:b', 'URI:a, ', 'DNS:"a, URI:b', 'DNS:"a"b, URI:c']) {
    assert.deepEqual(uriNames(bad), [], bad)
  }
})

test('the fields of a certificate are those a handler may look at', async () => {
  const { leaf } = await northAuthority()
  const { credentials, serialNumber } = await leaf({ commonName: 'sae-1', uri: 'urn:sae:1' })
  const certificate = new X509Certificate(credentials.cert)
  const fields = certificateFields(certificate)
  assert.equal(fields.commonName, 'sae-1')
  assert.deepEqual(fields.uriNames, ['urn:sae:1'])
  assert.equal(fields.serialNumber, serialNumber)
  assert.match(fields.fingerprint, /^[0-9a-f]{64}$/)
  assert.equal(fields.notAfter, certificate.validToDate.getTime())
  const two = await leaf({ commonName: 'sae-1,CN=sae-2' })
  assert.equal(certificateFields(new X509Certificate(two.credentials.cert)).commonName, undefined)
})

test('devices speak on device channels, sites on all others', () => {
  const device = deviceChannel('bristol-cambridge', 'transmitter')
  assert.equal(device, 'device:bristol-cambridge:transmitter')
  assert(channelFits(device, 'site', 'device') && channelFits(device, 'device', 'site'))
  assert(!channelFits(device, 'site', 'site') && !channelFits(device, 'device', 'device'))
  assert(channelFits('peer', 'site', 'site'))
  assert(!channelFits('peer', 'site', 'device') && !channelFits('peer', 'device', 'site'))
})
