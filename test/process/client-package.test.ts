/**
 * The published client as somebody gets it: packed, installed in an empty folder, imported from
 * plain JavaScript, and fetching keys from real daemons.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { buildClient } from '../../tools/build-client.ts'
import { run } from '../support/processes.ts'
import { newFolder, startTwoSites } from '../support/two-sites.ts'

const root = resolve(import.meta.dirname, '../..')

test('the packed client fetches keys from plain JavaScript, and has its types', async (t) => {
  const place = newFolder(t)
  const [built, user] = [join(place, 'built'), join(place, 'user')]
  const env = { npm_config_cache: join(place, 'cache'), npm_config_update_notifier: 'false' }
  const npm = async (...args: readonly string[]): Promise<string> => {
    const ended = await run('npm', args, { cwd: place, env })
    assert.equal(ended.status, 0, ended.stderr)
    return ended.stdout
  }
  const parts = buildClient(built)
  const [packed] = JSON.parse(await npm('pack', '--json', '--ignore-scripts', built)) as {
    readonly filename: string
    readonly files: readonly { readonly path: string }[]
  }[]
  await t.test('nothing but the client is in the package', () => {
    const client = parts.flatMap((path) => {
      const bare = `client/${path.slice(0, -'.ts'.length)}`
      return [`${bare}.js`, `${bare}.d.ts`]
    })
    const files = [...client, 'LICENSE', 'README.md', 'package.json'].toSorted()
    assert.deepEqual(packed.files.map(({ path }) => path).toSorted(), files)
  })
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), '{ "type": "module" }')
  const quiet = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await npm('install', ...quiet, '--prefix', user, join(place, packed.filename))

  await t.test('the example of the reference page fetches a key of a daemon', async (t) => {
    const { bristol, cambridge, folder } = await startTwoSites(t, { keys: 4 })
    const page = readFileSync(join(root, 'docs/reference/client.md'), 'utf8')
    writeFileSync(join(user, 'example.js'), /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '')
    const ended = await run(process.execPath, ['example.js'], {
      cwd: user,
      env: {
        SAE_FOLDER: join(folder, 'bristol.ward'),
        KME_URL: `https://localhost:${String(bristol.northPort)}`,
      },
    })
    assert.equal(ended.status, 0, ended.stderr)
    const [id, octets] = ended.stdout.trim().split(' ')
    assert.equal(octets, '32')
    const [fetched] = (await cambridge.ward.decKeys('bristol.ward', [id])) ?? []
    assert.equal(Buffer.from(fetched.key, 'base64').length, 32)
  })

  await t.test('a program in TypeScript is checked against it', async () => {
    const text = `import { KmeConnection, type ForeignKey, type KmeClientRefusalCode } from 'photonward/client'
      export const first = async (kme: KmeConnection): Promise<Uint8Array> => {
        const [key]: readonly ForeignKey[] = await kme.decKeys('a', { ids: ['x'] })
        // @ts-expect-error: key_IDs are texts
        await kme.decKeys('a', { ids: [7] })
        const code: KmeClientRefusalCode = 'KME_CLIENT_UNREACHED'
        return code === 'KME_CLIENT_UNREACHED' ? key.octets.reveal() : key.octets.release()
      }`
    writeFileSync(join(user, 'program.ts'), text)
    const tsc = [join(root, 'node_modules/tsgo/bin/tsc'), '--noEmit', '--strict']
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
    const options = ['--module', 'nodenext', '--target', 'esnext', ...types]
    const ended = await run(process.execPath, [...tsc, ...options, 'program.ts'], { cwd: user })
    assert.equal(ended.status, 0, ended.stdout)
  })
})
