/**
 * The way between two operators over real sockets: who is let in, and where requests go.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { siteId, textOf, utf8, type HttpRequest, type HttpResponse } from '#base'
import type { Site, SiteConfiguration } from '#site'
import { MemoryLog } from '#world/ports'
import { northAuthority } from './certificates.test.ts'
import { openPartnerListener, openPartners, type PartnerLinks } from './partners.ts'
import type { Credentials } from './tls.ts'

const [elyRoot, thetfordRoot] = [await northAuthority(), await northAuthority()]
const ely = (await elyRoot.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
const elyOther = (await elyRoot.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
const thetford = (await thetfordRoot.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
const elsewhere = (await thetfordRoot.leaf({ commonName: 'kme', dns: ['kme.x'] })).credentials

const fingerprint = ({ cert }: Credentials): string =>
  new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()

/** One operator's files, with another as his partner. */
function configured(
  t: TestContext,
  own: Credentials,
  partner: { credentials: Credentials; url: string; change?: object },
): { configuration: SiteConfiguration; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'photonward-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const files = { 'own.key': own.key, 'own.crt': own.cert }
  const theirs = { 'ca.crt': partner.credentials.ca, 'partner.crt': partner.credentials.cert }
  for (const [name, text] of Object.entries({ ...files, ...theirs })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
  }
  const entry = { name: 'partner', url: partner.url, authority: 'ca.crt', saes: ['ward'] }
  return {
    folder,
    // The members that are looked at.
    configuration: {
      ...{ site: 'here', peers: [], saes: [] },
      etsi020Identity: { key: 'own.key', certificate: 'own.crt' },
      partners: [{ ...entry, certificates: ['partner.crt'], requestsPerSecond: 50 }],
      ...partner.change,
    } as unknown as SiteConfiguration,
  }
}

function linksOf(t: TestContext, { configuration, folder }: ReturnType<typeof configured>) {
  const links = openPartners(configuration, folder)
  assert(links !== undefined)
  t.after(() => links[Symbol.dispose]())
  return links
}

/** Listens as an operator who shows `own`. */
async function listening(
  t: TestContext,
  own: Credentials,
  answer: (request: HttpRequest) => HttpResponse = () => ({ status: 200, body: 'heard' }),
) {
  const heard: HttpRequest[] = []
  const links = linksOf(t, configured(t, own, { credentials: ely, url: 'https://localhost:1' }))
  const listener = await openPartnerListener({
    ...{ listen: { host: '127.0.0.1', port: 0 }, links, log: new MemoryLog() },
    site: {
      partners: (request: HttpRequest) => {
        heard.push(request)
        return Promise.resolve(answer(request))
      },
    } as unknown as Site,
  })
  t.after(() => listener[Symbol.asyncDispose]())
  return { heard, url: `https://localhost:${String(listener.address?.port)}` }
}

const partner = siteId('partner')
const post = (links: PartnerLinks, url: string) =>
  links.transport.send(partner, { method: 'POST', url, body: utf8('{"a":1}') })

test('a request arrives with the certificate that was agreed, and its answer comes back', async (t) => {
  const { heard, url } = await listening(t, thetford, () => ({ status: 202, body: '' }))
  const links = linksOf(t, configured(t, ely, { credentials: thetford, url }))
  assert.deepEqual(links.certificatesOf('partner'), [fingerprint(thetford)])
  const answer = await post(links, `${url}/kmapi/v1/ext_keys`)
  assert.deepEqual([answer.status, textOf(answer.body)], [202, ''])
  const [{ method, path, body, contentType, client }] = heard
  assert.deepEqual([method, path, textOf(body)], ['POST', '/kmapi/v1/ext_keys', '{"a":1}'])
  assert.match(contentType ?? '', /^application\/json/)
  assert.equal(client?.fingerprint, fingerprint(ely))
})

test('another certificate of the same authority is told apart by the listener', async (t) => {
  const { heard, url } = await listening(t, thetford)
  const links = linksOf(t, configured(t, elyOther, { credentials: thetford, url }))
  await post(links, `${url}/kmapi/v1/ext_keys`)
  assert.notEqual(heard.at(0)?.client?.fingerprint, fingerprint(ely))
})

test('a certificate of another authority does not get in', async (t) => {
  const { heard, url } = await listening(t, thetford)
  const links = linksOf(t, configured(t, thetford, { credentials: thetford, url }))
  await assert.rejects(post(links, `${url}/kmapi/v1/ext_keys`), { code: 'NETWORK_UNREACHABLE' })
  assert.deepEqual(heard, [])
})

test('nothing is sent to a KME that shows another certificate of the same authority', async (t) => {
  const agreed = (await thetfordRoot.leaf({ commonName: 'kme', dns: ['localhost'] })).credentials
  const { heard, url } = await listening(t, thetford)
  const links = linksOf(t, configured(t, ely, { credentials: agreed, url }))
  await assert.rejects(post(links, `${url}/kmapi/v1/ext_keys`), { code: 'NETWORK_UNREACHABLE' })
  assert.deepEqual(heard, [])
})

test('nothing is sent to a KME whose certificate has another name', async (t) => {
  const { heard, url } = await listening(t, elsewhere)
  const links = linksOf(t, configured(t, ely, { credentials: elsewhere, url }))
  await assert.rejects(post(links, `${url}/kmapi/v1/ext_keys`), { code: 'NETWORK_UNREACHABLE' })
  assert.deepEqual(heard, [])
})

test('requests go to the origin that is configured and are not led away', async (t) => {
  const third = await listening(t, thetford)
  const location = `${third.url}/stolen`
  const { url } = await listening(t, thetford, () => ({
    ...{ status: 307, headers: { location }, body: '' },
  }))
  const links = linksOf(t, configured(t, ely, { credentials: thetford, url }))
  assert.equal((await post(links, `${url}/kmapi/v1/ext_keys`)).status, 307)
  await assert.rejects(post(links, location), { code: 'NETWORK_UNREACHABLE' })
  const stranger = links.transport.send(siteId('x'), { method: 'GET', url })
  await assert.rejects(stranger, { code: 'NETWORK_UNREACHABLE' })
  assert.deepEqual(third.heard, [])
})

test('an answer of more octets than any has is not taken', async (t) => {
  const { url } = await listening(t, thetford, () => ({ status: 200, body: 'x'.repeat(300_000) }))
  const links = linksOf(t, configured(t, ely, { credentials: thetford, url }))
  await assert.rejects(post(links, `${url}/kmapi/versions`), { code: 'NETWORK_UNREACHABLE' })
})

const entry = { name: 'partner', url: 'https://x', authority: 'ca.crt', certificates: ['own.crt'] }
for (const [name, code, change] of [
  ['no identity', 'CONFIG_INVALID', { etsi020Identity: undefined }],
  ['the name of a site', 'CONFIG_INVALID', { site: 'partner' }],
  ['the name of a peer', 'CONFIG_INVALID', { peers: [{ site: 'partner' }] }],
  ['an SAE of ours', 'CONFIG_INVALID', { saes: [{ sae: 'ward', site: 'here' }] }],
  ['a file that is not there', 'PERMISSION_DENIED', { partners: [{ ...entry, authority: 'no' }] }],
  [
    'a key as certificate',
    'CREDENTIALS_INVALID',
    { partners: [{ ...entry, certificates: ['own.key'], saes: [] }] },
  ],
] as const) {
  test(`a partner with ${name} is refused at the start`, (t) => {
    const { configuration, folder } = configured(t, ely, {
      ...{ credentials: thetford, url: 'https://localhost:1', change },
    })
    assert.throws(() => openPartners({ ...configuration }, folder), { code })
  })
}

test('without partners there is nothing to open', (t) => {
  const change = { partners: [], etsi020Identity: undefined }
  const { configuration, folder } = configured(t, ely, {
    ...{ credentials: thetford, url: 'https://localhost:1', change },
  })
  assert.equal(openPartners(configuration, folder), undefined)
})
