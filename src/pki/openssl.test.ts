/**
 * The hierarchy northbound, judged by the OpenSSL that applications of today link.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { epochMs, saeId } from '#base'
import { crlsOf } from './authority.ts'
import { pem } from './der.ts'
import { newFederation, random } from './fixtures.test.ts'
import { newCredentials, revoke } from './issuing.ts'

const found = spawnSync('openssl', ['version'], { encoding: 'utf8' })
const skip = found.status === 0 ? false : 'there is no openssl command on this machine'

test(
  'OpenSSL accepts the hierarchy northbound, and refuses what is revoked',
  { skip },
  async () => {
    const now = epochMs(Date.now())
    const { authority, sites } = await newFederation(now)
    const sae = await newCredentials(
      authority,
      { identity: { kind: 'sae', sae: saeId('sae-1') }, names: {} },
      { now, random },
    )
    const revoked = await revoke(sae.authority, sae.serial, { now, reason: 'superseded' })
    const folder = mkdtempSync(join(tmpdir(), 'photonward-pki-'))
    const write = (name: string, ...ders: readonly Uint8Array[]): string => {
      const label = name.endsWith('.crl') ? 'X509 CRL' : 'CERTIFICATE'
      const path = join(folder, name)
      writeFileSync(path, ders.map((der) => pem(label, der)).join(''))
      return path
    }
    const verify = (purpose: string, crl: string, leaf: string): string => {
      const trust = ['-CAfile', write('root.pem', authority.north.root), '-CRLfile', crl]
      const chain = ['-untrusted', write('issuer.pem', authority.north.issuer)]
      const rules = ['-x509_strict', '-crl_check_all', '-purpose', purpose]
      const run = spawnSync('openssl', ['verify', ...rules, ...trust, ...chain, leaf], {
        encoding: 'utf8',
      })
      return run.status === 0 ? 'OK' : run.stderr + run.stdout
    }
    try {
      const fresh = write('fresh.crl', ...crlsOf(authority.north))
      const after = write('after.crl', ...crlsOf(revoked.authority.north))
      const server = write('server.pem', sites[0].grant.north.chain[0])
      const client = write('client.pem', sae.chain[0])
      assert.equal(verify('sslserver', fresh, server), 'OK')
      assert.equal(verify('sslclient', fresh, client), 'OK')
      assert.match(verify('sslclient', after, client), /certificate revoked/)
      assert.equal(verify('sslserver', after, server), 'OK')
      assert.match(verify('sslserver', fresh, client), /unsuitable certificate purpose|unsupported/)
      const foreign = write('foreign.crl', ...crlsOf((await newFederation(now)).authority.north))
      assert.match(verify('sslclient', foreign, client), /CRL|crl/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
