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
import { makeTwoSites } from '../support/two-sites.ts'
import { pythonClaims } from './claims.ts'
import { skipOf, tool } from './tools.ts'

const python = tool('python3')

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
    await pythonClaims(t, {
      ...{ python, program: 'foreign_stream.py', claims: 8 },
      args: [
        ...['--master', 'bristol.ward', '--master-folder', folder('bristol.ward')],
        ...['--slave', 'cambridge.ward', '--slave-folder', folder('cambridge.ward')],
        ...['--master-port', String(ports[0]), '--slave-port', String(ports[1])],
      ],
    })
    const { listeners } = await sites.bristol.status()
    assert(listeners.some(({ name }) => name === 'streams (GS QKD 004)'))
  },
)
