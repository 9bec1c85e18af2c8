/**
 * ETSI GS QKD 014 as foreign programs speak it: curl, Python's requests, and openssl, each with
 * certificates as `pki issue-sae` writes them, against the daemons of two sites.
 *
 * The order of the parts matters: the last ones stop the fibre and the other site.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { randomUUID, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { photonward, run } from '../support/processes.ts'
import { startTwoSites, type TestSite, type TwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'
import { pythonClaims } from './claims.ts'
import { CERTIFICATE, curl, type CurlAnswer, type CurlOptions } from './curl.ts'
import { doctorFindsGone, doctorFindsHealthy, ownClientTests } from './own-client.ts'
import {
  asMaster,
  asSae,
  asSlave,
  curlTool,
  keysIn,
  NOT_FOUND,
  refusal,
  type Served,
  type Status,
} from './stage.ts'
import { pathOf, pythonWithRequests, skipOf, tool } from './tools.ts'

const openssl = tool('openssl')
const python = pythonWithRequests()
const skips = [skipOf(curlTool), skipOf(openssl), skipOf(python)]
const withCurl = { skip: skipOf(curlTool) }
const withOpenssl = { skip: skipOf(openssl) }
const withPython = { skip: skipOf(python) }
const withBoth = { skip: skipOf(curlTool) ?? skipOf(openssl) }
const allMissing = { skip: skips.includes(undefined) ? undefined : skips.join('; ') }

/** Applications besides the wards: a second slave, and one that is revoked. */
const SAES = { 'cambridge.lab': 'cambridge', 'bristol.old': 'bristol' } as const
const HERE = import.meta.dirname

test('foreign programs speak ETSI GS QKD 014', { timeout: 240_000, ...allMissing }, async (t) => {
  const sites = await startTwoSites(t, { keys: 200, saes: SAES })
  await t.test('curl: the lines of the reference page', withCurl, () => documentedLines(sites))
  await curlTests(t, sites)
  await tlsTests(t, sites)
  await pythonTests(t, sites)
  if (withCurl.skip === undefined) await ownClientTests(t, sites)
  await t.test('photonward doctor finds running sites healthy', () => doctorFindsHealthy(sites))
  await revocationTest(t, sites)
  await exhaustionTests(t, sites)
})

/** What docs/reference/etsi-014.md tells its reader to type, typed into a shell. */
async function documentedLines(sites: TwoSites): Promise<void> {
  const page = readFileSync(resolve(HERE, '../../docs/reference/etsi-014.md'), 'utf8')
  const block = /```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  const lines = block.replaceAll('\\\n', ' ').trim().split('\n')
  assert.equal(lines.length, 3)
  const options = /^curl (.*?) +https:/.exec(lines[0])?.[1] ?? ''
  assert.match(options, /--cert cert\.pem --key key\.pem --cacert ca\.pem/)
  const typed = async (line: string, { folder }: CurlOptions, id = ''): Promise<unknown> => {
    const command = line
      .replace('curl …', `curl ${options}`)
      .replace('localhost:9443', `localhost:${String(sites.bristol.northPort)}`)
      .replace('localhost:9444', `localhost:${String(sites.cambridge.northPort)}`)
      .replace('<uuid>', id)
    const { status, stdout, stderr } = await run('sh', ['-c', command], { cwd: folder })
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout)
  }
  const [statusLine, encLine, decLine] = lines
  const status = (await typed(statusLine, asMaster(sites))) as Record<string, unknown>
  assert.equal(status['master_SAE_ID'], 'bristol.ward')
  assert.equal(status['slave_SAE_ID'], 'cambridge.ward')
  const made = (await typed(encLine, asMaster(sites))) as { keys: readonly Served[] }
  assert.equal(made.keys.length, 2)
  for (const key of made.keys) {
    assert.equal(Buffer.from(key.key, 'base64').length, 32)
    const fetched = await typed(decLine, asSlave(sites), key.key_ID)
    assert.deepEqual(fetched, { keys: [key] })
    assert.deepEqual(await typed(decLine, asSlave(sites), key.key_ID), { message: NOT_FOUND })
  }
}

async function curlTests(t: TestContext, sites: TwoSites): Promise<void> {
  await t.test('curl: POST with a JSON body makes and fetches keys', withCurl, async () => {
    const json = (body: object): string[] => [
      ...['--header', 'Content-Type: application/json'],
      ...['--data', JSON.stringify(body)],
    ]
    const want = { number: 2, size: 512, additional_slave_SAE_IDs: ['cambridge.lab'] }
    const keys = keysIn(await curl(asMaster(sites), 'cambridge.ward/enc_keys', json(want)))
    assert.equal(keys.length, 2)
    const ids = { key_IDs: keys.map(({ key_ID }) => ({ key_ID })) }
    for (const sae of ['cambridge.ward', 'cambridge.lab']) {
      const here = asSae(sites, sae, sites.cambridge)
      const fetched = await curl(here, 'bristol.ward/dec_keys', json(ids))
      assert.deepEqual(keysIn(fetched), keys)
      assert.equal(refusal(await curl(here, 'bristol.ward/dec_keys', json(ids)), 400), NOT_FOUND)
    }
  })

  await t.test('curl: a body sent as a form is refused with 415', withCurl, async () => {
    // What curl does with --data unless a content type is named.
    const sent = await curl(asMaster(sites), 'cambridge.ward/enc_keys', ['--data', '{"number":1}'])
    refusal(sent, 415)
  })

  await t.test(
    'curl: an SAE ID may be percent-encoded, and is compared whole',
    withCurl,
    async () => {
      const encoded = await curl(asMaster(sites), 'cambridge%2Eward/status')
      const plain = await curl(asMaster(sites), 'cambridge.ward/status')
      const names = ({ body }: CurlAnswer): unknown => (JSON.parse(body) as Status).slave_SAE_ID
      assert.equal(names(encoded), names(plain))
      for (const other of [
        'cambridge',
        'cambridge.ward%00',
        'cambridge.ward%2F',
        'Cambridge.ward',
      ]) {
        refusal(await curl(asMaster(sites), `${other}/status`), 400)
      }
    },
  )

  await t.test(
    'curl: a body too large for the KME, and for the listener, is 413',
    withCurl,
    async () => {
      // Above 1 MiB curl waits for "100 Continue" before it sends.
      for (const octets of [65_537, 2_000_000]) {
        const fill = `{"extension_optional":[{"elsewhere_fill":"${'x'.repeat(octets)}"}]}`
        const send = ['--header', 'Content-Type: application/json', '--data-binary', '@-']
        const { program, folder, port } = asMaster(sites)
        const url = `https://localhost:${String(port)}/api/v1/keys/cambridge.ward/enc_keys`
        const facts = ['-sS', '--max-time', '30', '--write-out', ' %{http_code}']
        const args = [...facts, ...CERTIFICATE, ...send, url]
        const { stdout } = await run(program, args, { cwd: folder, input: fill })
        assert.match(stdout, /^\{"message":"[^"]+"\} 413$/)
      }
    },
  )

  await t.test(
    'curl: a request to another verb or path has its status and Allow',
    withCurl,
    async () => {
      const put = await curl(asMaster(sites), 'cambridge.ward/enc_keys', ['--request', 'PUT'])
      refusal(put, 405)
      assert.equal(put.headers['allow'], 'GET, POST')
      const head = await curl(asMaster(sites), 'cambridge.ward/enc_keys', ['--head'])
      assert.equal(head.status, 405)
      assert.equal(head.body, '')
      refusal(await curl(asMaster(sites), 'cambridge.ward/keys'), 404)
    },
  )

  await t.test(
    'curl: a certificate of an SAE of the other KME gets 401 with JSON',
    withCurl,
    async () => {
      const stranger = asSae(sites, 'cambridge.ward', sites.bristol)
      refusal(await curl(stranger, 'cambridge.lab/status'), 401)
      const keys = keysIn(await curl(asMaster(sites), 'cambridge.ward/enc_keys'))
      const fetch = `bristol.ward/dec_keys?key_ID=${keys[0].key_ID}`
      refusal(await curl(asSae(sites, 'cambridge.lab', sites.cambridge), fetch), 401)
      assert.deepEqual(keysIn(await curl(asSlave(sites), fetch)), keys)
    },
  )

  await t.test('curl: HTTP/1.1 is spoken, also to who offers HTTP/2 first', withCurl, async () => {
    const answer = await curl(asMaster(sites), 'cambridge.ward/status', ['--http2'])
    assert.equal(answer.status, 200)
    assert.equal(answer.httpVersion, '1.1')
    assert.equal(answer.headers['cache-control'], 'no-store')
  })
}

async function tlsTests(t: TestContext, sites: TwoSites): Promise<void> {
  await t.test('curl: TLS 1.2 is refused', withCurl, async () => {
    await noAnswer(asMaster(sites), ['--tls-max', '1.2'], /protocol version/)
  })

  await t.test('curl: without a client certificate there is no answer', withCurl, async () => {
    const bare = ['--cacert', 'ca.pem']
    const answer = await curl(asMaster(sites), 'cambridge.ward/status', [], bare)
    assert.equal(answer.status, 0)
    assert.match(answer.stderr, /certificate required/)
  })

  await t.test('curl: a certificate made by oneself gets no answer', withBoth, async () => {
    const { folder } = asMaster(sites)
    const made = await run(
      pathOf(openssl),
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-keyout', 'own-key.pem', '-out', 'own-cert.pem', '-days', '1'],
        ...['-subj', '/O=photonward/CN=bristol.ward'],
        ...['-addext', 'subjectAltName=URI:photonward:sae:bristol.ward'],
        ...['-addext', 'extendedKeyUsage=clientAuth'],
      ],
      { cwd: folder },
    )
    assert.equal(made.status, 0, made.stderr)
    const own = ['--cert', 'own-cert.pem', '--key', 'own-key.pem', '--cacert', 'ca.pem']
    const answer = await curl(asMaster(sites), 'cambridge.ward/status', [], own)
    assert.equal(answer.status, 0)
    assert.notEqual(answer.exit, 0)
    // Node ends the connection without an alert; the operator is told why.
    await refusedFor(sites.bristol, /SELF_SIGNED|UNABLE_TO_GET_CRL/)
  })

  await t.test('curl: a KME is not believed under another name or root', withCurl, async () => {
    const { port } = asMaster(sites)
    const elsewhere = [
      ...['--connect-to', `kme.example:${String(port)}:localhost:${String(port)}`],
      ...['--resolve', `localhost:${String(port)}:127.0.0.1`],
    ]
    const { program, folder } = asMaster(sites)
    const url = `https://kme.example:${String(port)}/api/v1/keys/cambridge.ward/status`
    const named = await run(program, ['-sS', ...CERTIFICATE, ...elsewhere, url], { cwd: folder })
    assert.equal(named.status, 60, named.stderr)
    const other = ['--cert', 'cert.pem', '--key', 'key.pem', '--capath', '/nonexistent']
    const rootless = await curl(asMaster(sites), 'cambridge.ward/status', [], other)
    assert([60, 77].includes(rootless.exit ?? 0), rootless.stderr)
  })

  await t.test(
    'openssl: the handshake is TLS 1.3 with X25519 or its hybrid',
    withOpenssl,
    async () => {
      const seen = await handshake(sites, ['-verify_hostname', 'localhost'])
      assert.match(seen, /Verification: OK/)
      assert.match(seen, /Verified peername: localhost/)
      assert.match(seen, /TLSv1\.3, Cipher is TLS_AES_256_GCM_SHA384/)
      assert.match(seen, /Peer signature type: (?:ECDSA|ecdsa_secp256r1_sha256)/)
      assert.match(seen, /(?:Temp Key: X25519,|group: X25519MLKEM768)/)
      assert.match(seen, /Acceptable client certificate CA names\n.*CN ?= ?PhotonWard north root/)
      assert.match(await handshake(sites, ['-groups', 'X25519']), /Temp Key: X25519,/)
    },
  )

  await t.test('openssl: other versions, groups and ciphers are refused', withOpenssl, async () => {
    const nearest = [
      ['-tls1_2'],
      ['-groups', 'P-256'],
      ['-groups', 'X448'],
      ['-ciphersuites', 'TLS_AES_128_GCM_SHA256'],
    ]
    for (const options of nearest) {
      const { status, stdout } = await sClient(sites, options)
      assert.notEqual(status, 0, options.join(' '))
      assert.match(stdout, /no peer certificate available/, options.join(' '))
    }
    for (const suite of ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']) {
      assert.match(
        await handshake(sites, ['-ciphersuites', suite]),
        new RegExp(`Cipher is ${suite}`),
      )
    }
  })

  await t.test(
    'openssl: the KME shows its chain and its ID, as the status names it',
    withBoth,
    async () => {
      const seen = await handshake(sites, ['-showcerts'])
      const [leaf, issuer, ...more] = seen.match(CERTIFICATE_PEM)?.map(parsed) ?? []
      assert(more.every(({ fingerprint256 }) => fingerprint256 === leaf.fingerprint256))
      assert(leaf.checkIssued(issuer))
      const answer = await curl(asMaster(sites), 'cambridge.ward/status')
      const { source_KME_ID: kme } = JSON.parse(answer.body) as Status
      assert.match(leaf.subjectAltName ?? '', new RegExp(`URI:photonward:kme:${kme}(?:,|$)`))
      assert.match(leaf.subjectAltName ?? '', /DNS:localhost, IP Address:127\.0\.0\.1/)
    },
  )

  await t.test(
    'openssl: the certificate of an SAE verifies, for clients only',
    withOpenssl,
    async () => {
      const { folder } = { folder: join(sites.folder, 'bristol.ward') }
      const verify = async (purpose: string): Promise<number | null> => {
        const trust = ['-x509_strict', '-CAfile', 'ca.pem', '-untrusted', 'cert.pem']
        const args = ['verify', ...trust, '-purpose', purpose, 'cert.pem']
        return (await run(pathOf(openssl), args, { cwd: folder })).status
      }
      assert.equal(await verify('sslclient'), 0)
      assert.notEqual(await verify('sslserver'), 0)
      const shown = ['x509', '-in', 'cert.pem', '-noout', '-text']
      const { stdout } = await run(pathOf(openssl), shown, { cwd: folder })
      assert.match(stdout, /CN ?= ?bristol\.ward/)
      assert.match(stdout, /URI:photonward:sae:bristol\.ward/)
      assert.match(stdout, /ASN1 OID: prime256v1/)
      assert.match(stdout, /Signature Algorithm: ecdsa-with-SHA256/)
    },
  )
}

/** One handshake of s_client, as the master SAE. */
function sClient(sites: TwoSites, options: readonly string[]) {
  const certificate = ['-cert', 'cert.pem', '-cert_chain', 'cert.pem', '-key', 'key.pem']
  const to = ['-connect', `127.0.0.1:${String(sites.bristol.northPort)}`, '-CAfile', 'ca.pem']
  const args = ['s_client', ...to, ...certificate, '-verify_return_error', ...options]
  return run(pathOf(openssl), args, { cwd: join(sites.folder, 'bristol.ward'), input: '' })
}

async function handshake(sites: TwoSites, options: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await sClient(sites, options)
  assert.equal(status, 0, stderr)
  return stdout
}

/** Waits until the log of a daemon says that it refused a handshake for this reason. */
async function refusedFor(site: TestSite, reason: RegExp): Promise<void> {
  await until(`${site.name} logs ${reason.source}`, () => {
    const lines = readFileSync(join(site.folder, 'log', 'daemon.log'), 'utf8').split('\n')
    return lines.some((line) => line.includes('"tls-refused"') && reason.test(line))
  })
}

const CERTIFICATE_PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const parsed = (pem: string): X509Certificate => new X509Certificate(pem)

/** A TLS refusal: curl gets no HTTP status at all. */
async function noAnswer(as: CurlOptions, options: string[], reason: RegExp): Promise<void> {
  const answer = await curl(as, 'cambridge.ward/status', options)
  assert.notEqual(answer.exit, 0)
  assert.equal(answer.status, 0)
  assert.match(answer.stderr, reason)
}

/** `foreign_sae.py` knows the standard and nothing of this project; each of its claims is a test. */
async function pythonTests(t: TestContext, sites: TwoSites): Promise<void> {
  await t.test('python3-requests: a client written from the standard', withPython, async (t) => {
    await sites.bristol.hasKeys(600)
    const at = (site: TestSite): string => `https://localhost:${String(site.northPort)}`
    const folder = (sae: string): string => join(sites.folder, sae)
    await pythonClaims(t, {
      ...{ python, program: 'foreign_sae.py', claims: 28 },
      args: [
        ...['--master-url', at(sites.bristol), '--slave-url', at(sites.cambridge)],
        ...['--master', 'bristol.ward', '--master-folder', folder('bristol.ward')],
        ...['--slave', 'cambridge.ward', '--slave-folder', folder('cambridge.ward')],
        ...['--second', 'cambridge.lab', '--second-folder', folder('cambridge.lab')],
      ],
    })
  })
}

async function revocationTest(t: TestContext, sites: TwoSites): Promise<void> {
  await t.test('a revoked certificate gets no answer soon after, others do', withBoth, async () => {
    const old = asSae(sites, 'bristol.old', sites.bristol)
    assert.equal((await curl(old, 'cambridge.ward/status')).status, 200)
    const ask = ['x509', '-in', 'cert.pem', '-noout', '-serial']
    const { stdout } = await run(pathOf(openssl), ask, { cwd: old.folder })
    const serial = stdout.trim().replace('serial=', '')
    for (const args of [
      ['--yes', 'pki', 'revoke', sites.authority, serial],
      ['pki', 'publish', sites.authority, sites.bristol.folder, sites.cambridge.folder],
    ]) {
      const { status, stderr } = await photonward(args)
      assert.equal(status, 0, stderr)
    }
    const refused = await until('the list is in force', async () => {
      const answer = await curl(old, 'cambridge.ward/status')
      return answer.status === 0 && answer
    })
    assert.notEqual(refused.exit, 0)
    await refusedFor(sites.bristol, /CERT_REVOKED/)
    assert.equal((await curl(asMaster(sites), 'cambridge.ward/status')).status, 200)
  })
}

async function exhaustionTests(t: TestContext, sites: TwoSites): Promise<void> {
  await t.test('curl: an unreachable other KME is 503 with Retry-After', withCurl, async () => {
    // Keys are there, but nobody at the other end who could take note of them.
    await sites.bristol.hasKeys(10)
    await sites.cambridge.daemon.kill()
    const answer = await curl(asMaster(sites), 'cambridge.ward/enc_keys')
    assert.match(refusal(answer, 503), /KME of the slave SAE/)
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/)
    await doctorFindsGone(sites)
    await sites.cambridge.daemon.start()
    await until('keys are given again', async () => {
      return (await curl(asMaster(sites), 'cambridge.ward/enc_keys')).status === 200
    })
  })

  await t.test(
    'curl: an empty pool is 503 with Retry-After, and gives what it has',
    withCurl,
    async () => {
      await sites.bristol.hasKeys(10)
      await sites.fibre.daemon.kill()
      const most = 'cambridge.ward/enc_keys?number=128&size=4096'
      const empty = await until('more is asked for than is there', async () => {
        const answer = await curl(asMaster(sites), most)
        return answer.status === 503 && answer
      })
      assert.match(refusal(empty, 503), /[Nn]ot enough keys/)
      assert.match(empty.headers['retry-after'], /^[1-9]\d*$/)
      const status = await curl(asMaster(sites), 'cambridge.ward/status')
      const { stored_key_count: stored } = JSON.parse(status.body) as Status
      assert(stored < 128 * 16, `${String(stored)} keys of 256 bits are there`)
      if (stored > 0) {
        const [key] = keysIn(await curl(asMaster(sites), 'cambridge.ward/enc_keys'))
        const fetch = `bristol.ward/dec_keys?key_ID=${key.key_ID}`
        assert.deepEqual(keysIn(await curl(asSlave(sites), fetch)), [key])
      }
      const unknown = `bristol.ward/dec_keys?key_ID=${randomUUID()}`
      assert.equal(refusal(await curl(asSlave(sites), unknown), 400), NOT_FOUND)
    },
  )
}
