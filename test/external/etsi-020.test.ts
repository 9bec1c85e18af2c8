/**
 * ETSI GS QKD 020 as another operator's program speaks it: Python's requests and its own server, with
 * certificates made by openssl, against the daemon of one site.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePorts } from '#cli'
import { run } from '../support/processes.ts'
import { makeSites } from '../support/sites.ts'
import { pythonClaims } from './claims.ts'
import { pathOf, pythonWithRequests, skipOf, tool } from './tools.ts'

const openssl = tool('openssl')
const python = pythonWithRequests()
const skip = skipOf(python) ?? skipOf(openssl)

test('another operator shares keys by ETSI GS QKD 020', { timeout: 200_000, skip }, async (t) => {
  const { folder, sites, start } = await makeSites(t, { names: ['bristol'], fibres: [] })
  const { bristol } = sites
  const [port, partnerPort] = await freePorts(2)
  const theirs = join(folder, 'operator')
  const ours = join(bristol.folder, 'partners')
  for (const place of [theirs, ours]) mkdirSync(place, { mode: 0o700 })
  await certificate(ours, 'site')
  for (const name of ['own', 'stranger']) await certificate(theirs, name)
  copyFileSync(join(ours, 'site.crt'), join(theirs, 'site.crt'))
  copyFileSync(join(theirs, 'own.crt'), join(ours, 'anglia.crt'))
  const url = `https://localhost:${String(port)}`
  bristol.configure((value) => {
    value['etsi020Listener'] = { host: '127.0.0.1', port }
    value['etsi020Identity'] = { key: 'partners/site.key', certificate: 'partners/site.crt' }
    value['partners'] = [
      {
        ...{ name: 'anglia-net', url: `https://localhost:${String(partnerPort)}` },
        ...{ authority: 'partners/anglia.crt', certificates: ['partners/anglia.crt'] },
        ...{ saes: ['ward.thetford'], callback: url },
      },
    ]
  })
  await start()
  await pythonClaims(t, {
    ...{ python, program: 'foreign_operator.py', claims: 14 },
    args: [
      ...['--url', url, '--port', String(partnerPort), '--folder', theirs],
      ...['--initiator', 'ward.thetford', '--target', 'bristol.ward'],
      ...['--north-url', `https://localhost:${String(bristol.northPort)}`],
      ...['--sae-folder', join(folder, 'bristol.ward')],
    ],
  })
  assert.deepEqual((await bristol.verify()).faults, [])
})

/** A certificate that is its own authority, and its key, both for client and server. */
async function certificate(folder: string, name: string): Promise<void> {
  const made = await run(
    pathOf(openssl),
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...[
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.crt`,
        '-days',
        '2',
        '-subj',
        `/CN=kme.${name}`,
      ],
      ...['-addext', 'subjectAltName=DNS:localhost'],
      ...['-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
    ],
    { cwd: folder },
  )
  assert.equal(made.status, 0, made.stderr)
}
