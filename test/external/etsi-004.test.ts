/**
 * ETSI GS QKD 004 as a foreign program speaks it: Python's own library, with certificates as `pki
 * issue-sae` writes them, against the daemons of two sites.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePorts } from '#cli'
import { run } from '../support/processes.ts'
import { makeTwoSites } from '../support/two-sites.ts'
import { pathOf, skipOf, tool } from './tools.ts'

const python = tool('python3')

interface Claim {
  readonly claim: string
  readonly holds: boolean
  readonly detail: string | null
}

test(
  'foreign programs speak ETSI GS QKD 004',
  { timeout: 120_000, skip: skipOf(python) },
  async (t) => {
    const sites = await makeTwoSites(t)
    const ports = await freePorts(2)
    for (const [at, site] of [sites.bristol, sites.cambridge].entries()) {
      site.configure((value) => {
        value['etsi004Listener'] = { host: '127.0.0.1', port: ports[at] }
      })
    }
    await sites.start()
    await Promise.all([sites.bristol.hasKeys(100), sites.cambridge.hasKeys(100)])
    const folder = (sae: string): string => join(sites.folder, sae)
    const { status, stdout, stderr } = await run(pathOf(python), [
      join(import.meta.dirname, 'foreign_stream.py'),
      ...['--master', 'bristol.ward', '--master-folder', folder('bristol.ward')],
      ...['--slave', 'cambridge.ward', '--slave-folder', folder('cambridge.ward')],
      ...['--master-port', String(ports[0]), '--slave-port', String(ports[1])],
    ])
    const lines = stdout.split('\n').filter((line) => line !== '')
    const claims = lines.map((line) => JSON.parse(line) as Claim)
    for (const { claim, holds, detail } of claims) {
      await t.test(claim, () => assert(holds, detail ?? ''))
    }
    assert.equal(claims.length, 8, stderr)
    assert.equal(status, 0, stderr)
    const { listeners } = await sites.bristol.status()
    assert(listeners.some(({ name }) => name === 'streams (GS QKD 004)'))
  },
)
