/**
 * GS QKD 015 as a foreign program speaks it: curl as a controller that reads, steers and listens,
 * with certificates as `pki issue-sae` writes them, against the daemons of two sites.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { freePorts } from '#cli'
import { issueSae } from '#gateway'
import { run } from '../support/processes.ts'
import { makeTwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'
import { CERTIFICATE } from './curl.ts'
import { curlTool } from './stage.ts'
import { pathOf, skipOf } from './tools.ts'

interface QkdLink {
  readonly qkdl_id: string
  readonly qkdl_status: string
  readonly qkdl_enable: boolean
  readonly qkdl_performance: { readonly skr: number }
}

const NODE = 'etsi-qkd-sdn-node:qkd_node'

test(
  'curl reads, steers and listens as a controller',
  { timeout: 180_000, skip: skipOf(curlTool) },
  async (t) => {
    const sites = await makeTwoSites(t)
    const [port] = await freePorts(1)
    for (const name of ['sdn.bristol', 'sdn.watcher']) {
      await issueSae(sites.authority, name, join(sites.folder, name))
    }
    sites.bristol.configure((value) => {
      value['restconfListener'] = { host: '127.0.0.1', port }
      value['controllers'] = [{ name: 'sdn.bristol', may: 'steer' }, { name: 'sdn.watcher' }]
    })
    await sites.start()
    await sites.bristol.hasKeys(1)

    const page = readFileSync(
      resolve(import.meta.dirname, '../../docs/reference/etsi-015.md'),
      'utf8',
    )
    const lines = (/```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? '').trim().split('\n')
    const [wholeNode, oneRate, switchOff, listen] = lines
    const ask = async (line: string, as = 'sdn.bristol') => {
      const command = line
        .replace('curl …', 'curl --cert cert.pem --key key.pem --cacert ca.pem')
        .replace('localhost:8443', `localhost:${String(port)}`)
        .replace('curl ', `curl -sS --disable --write-out '\\n%{http_code} %{content_type}' `)
      const cwd = join(sites.folder, as)
      const { status: exit, stdout, stderr } = await run('sh', ['-c', command], { cwd })
      assert.equal(exit, 0, stderr)
      const [told, ...body] = stdout.split('\n').toReversed()
      const [status, type] = told.split(/;? /)
      return { status: Number(status), type, body: body.toReversed().join('\n') }
    }
    const links = async (): Promise<readonly QkdLink[]> => {
      const { status, type, body } = await ask(wholeNode, 'sdn.watcher')
      assert.deepEqual([status, type], [200, 'application/yang-data+json'])
      const node = (JSON.parse(body) as Record<string, { qkd_links: { qkd_link: QkdLink[] } }>)[
        NODE
      ]
      return node.qkd_links.qkd_link
    }
    const [{ qkdl_id: id }] = await links()
    const placed = (line: string): string => line.replace('<qkdl_id>', id)

    await t.test('a running link is active and has a rate', async () => {
      await until('the link is active', async () =>
        (await links())[0].qkdl_status.endsWith(':ACTIVE'),
      )
      const { body } = await ask(placed(oneRate))
      const { 'etsi-qkd-sdn-node:skr': skr } = JSON.parse(body) as Record<string, number>
      assert(skr > 0)
    })

    await t.test('nobody else gets in, and a watcher changes nothing', async () => {
      assert.equal((await ask(wholeNode, 'bristol.ward')).status, 403)
      const refused = await ask(placed(switchOff), 'sdn.watcher')
      assert.equal(refused.status, 403)
      assert.match(refused.body, /"error-tag":"access-denied"/)
      assert.equal((await links())[0].qkdl_enable, true)
    })

    await t.test(
      'switched off, a link grows no keys until it is on again, over a restart too',
      async () => {
        const cwd = join(sites.folder, 'sdn.watcher')
        const stream = spawn(
          pathOf(curlTool),
          [
            '-sSN',
            '--disable',
            ...CERTIFICATE,
            listen.split(' ').at(-1)?.replace('8443', String(port)) ?? '',
          ],
          { cwd, stdio: ['ignore', 'pipe', 'inherit'] },
        )
        t.after(() => stream.kill())
        let heard = ''
        stream.stdout.setEncoding('utf8').on('data', (text: string) => (heard += text))
        await until('the stream is open', () => heard.startsWith(': open'))

        assert.equal((await ask(placed(switchOff))).status, 204)
        // As a link that went down, or, where no look has seen it up yet, as one that turned.
        await until('the controller hears of it', () =>
          /sdqkdn_link_down|"qkdl_status":"etsi-qkd-node-types:PASSIVE"/.test(heard),
        )
        assert(heard.includes(id))
        const [view] = await sites.bristol.admin.call('links', {}, null)
        assert.deepEqual([view.state, view.reason], ['down', 'disabled'])
        const before = await sites.bristol.admin.call('pools', {}, null)
        const [entry] = (await sites.bristol.admin.call('entries', { limit: '1000' }, null)).filter(
          ({ kind }) => kind === 'control.switched-off',
        )
        assert.equal(entry.actor, 'sdn.bristol')

        await sites.bristol.daemon.kill('SIGTERM')
        await sites.bristol.daemon.start()
        const [now] = await links()
        assert.deepEqual([now.qkdl_enable, now.qkdl_status], [false, 'etsi-qkd-node-types:PASSIVE'])
        const after = await sites.bristol.admin.call('pools', {}, null)
        assert.equal(after[0].availableBits, before[0].availableBits)

        assert.equal((await ask(placed(switchOff).replace('false', 'true'))).status, 204)
        await until('keys grow again', async () => {
          const [pool] = await sites.bristol.admin.call('pools', {}, null)
          return pool.availableBits > after[0].availableBits
        })
      },
    )
  },
)
