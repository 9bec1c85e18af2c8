/**
 * What keeps a site, a fibre or an authority from starting or being made: one clear line, a stable
 * code and an exit status, and nothing on the disk has changed but the log of the attempt.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAuthority } from '#gateway'
import { photonward } from '../support/processes.ts'
import { filesIn } from '../support/readable.ts'
import { changeJson, makeTwoSites, newFolder } from '../support/two-sites.ts'

/** Stands in what is refused, and must not be shown. */
const SECRET = 'Mountweazel'
const PASSPHRASE = 'correct horse battery'

/** A command that has to be refused. */
interface Refused {
  readonly what: string
  readonly args: readonly string[]
  readonly status: number
  readonly code: string
  /** What the line says beside the code. */
  readonly says?: RegExp
  readonly input?: string
}

test('a site that cannot run does not start, and says why', async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol, fibre } = sites
  const serve = ['--site', bristol.folder, 'serve']
  const serveFibre = ['fibre', 'serve', fibre.folder]
  const fibreFile = join(fibre.folder, 'photonward.json')

  for (const { what, change, says } of CONFIGURATIONS) {
    await t.test(`a configuration with ${what}`, () =>
      withFile(bristol.configFile, async () => {
        if (typeof change === 'string') writeFileSync(bristol.configFile, change)
        else bristol.configure(change)
        const wanted = { what, args: serve, status: 2, code: 'CONFIG_INVALID', says }
        await assertRefused(sites.folder, wanted)
      }),
    )
  }

  await t.test('a fibre with an unknown preset, and one with an unknown key', () =>
    withFile(fibreFile, async () => {
      changeJson(fibreFile, (value) => (value['preset'] = SECRET))
      const preset = { what: 'preset', args: serveFibre, status: 3, code: 'OPTICS_PRESET_UNKNOWN' }
      await assertRefused(sites.folder, { ...preset, says: /cambridge-metro/ })
      changeJson(fibreFile, (value) => (value['lenghtKm'] = 3))
      const key = { what: 'key', args: serveFibre, status: 2, code: 'CONFIG_INVALID' }
      await assertRefused(sites.folder, { ...key, says: /unknown key "lenghtKm"/ })
    }),
  )

  await t.test('a port that is occupied', async () => {
    for (const [args, port] of [
      [serve, bristol.peerPort],
      [serve, bristol.northPort],
      [serveFibre, portOf(fibreFile)],
    ] as const) {
      await using server = createServer().listen(port, '127.0.0.1')
      await once(server, 'listening')
      const wanted = { what: 'port', args, status: 69, code: 'ADDRESS_IN_USE' }
      await assertRefused(sites.folder, { ...wanted, says: new RegExp(`127\\.0\\.0\\.1:${port}`) })
    }
  })

  for (const { file, put, status, code } of FILES) {
    await t.test(`${file} that is ${put === undefined ? 'missing' : 'something else'}`, () =>
      withFile(join(bristol.folder, file), async () => {
        rmSync(join(bristol.folder, file), { force: true })
        if (put !== undefined) writeFileSync(join(bristol.folder, file), put, { mode: 0o600 })
        await assertRefused(sites.folder, { what: file, args: serve, status, code })
      }),
    )
  }

  await t.test('a folder that others may enter, that is none, or that is not there', async () => {
    chmodSync(bristol.folder, 0o755)
    const open = { what: 'open', args: serve, status: 1, code: 'PERMISSION_TOO_OPEN' }
    await assertRefused(sites.folder, { ...open, says: /chmod 700/ })
    chmodSync(bristol.folder, 0o700)
    for (const folder of [sites.folder, join(sites.folder, 'absent')]) {
      const args = ['--site', folder, 'serve']
      const none = { what: 'none', args, status: 3, code: 'SITE_FOLDER_UNKNOWN' }
      await assertRefused(sites.folder, none)
    }
  })

  await t.test('once all is mended it starts', async () => {
    await bristol.daemon.start()
    assert.equal((await bristol.status()).site, 'bristol')
    await bristol.daemon.kill('SIGTERM')
    assert.equal((await bristol.daemon.ended()).status, 0)
  })
})

test('a root key under a passphrase is opened by it alone', async (t) => {
  const folder = newFolder(t)
  const [authority, site] = [join(folder, 'authority'), join(folder, 'site')]
  await createAuthority(authority)
  const init = ['init', site, '--name', 'exeter', '--passphrase-file', '-']
  assert.equal((await photonward(init, { input: `${PASSPHRASE}\n` })).status, 0)
  assert.equal((await photonward(['--yes', 'pki', 'issue', authority, site])).status, 0)
  const serve = ['--site', site, '--no-input', 'serve']
  const withFile = [...serve, '--passphrase-file']
  for (const wanted of [
    { args: [...withFile, '-'], input: `${SECRET}\n`, status: 4, code: 'PASSPHRASE_DENIED' },
    { args: [...withFile, '-'], input: '', status: 4, code: 'PASSPHRASE_DENIED' },
    { args: [...withFile, join(folder, 'absent')], status: 2, code: 'FILE_UNREADABLE' },
  ]) {
    await assertRefused(folder, { what: 'passphrase', ...wanted })
  }
  for (const file of filesIn(folder)) {
    const text = readFileSync(file).toString('latin1')
    for (const secret of [SECRET, PASSPHRASE]) assert(!text.includes(secret), file)
  }
})

test('nothing is made where something is, of a name that cannot be, or without a request', async (t) => {
  const sites = await makeTwoSites(t)
  const { authority, bristol, cambridge, folder } = sites
  const made = join(folder, 'new')
  const ends = ['--transmitter', 'bristol', '--receiver']
  const absent = join(folder, 'absent')
  const commands: readonly Omit<Refused, 'what'>[] = [
    { args: ['init', bristol.folder, '--name', 'bristol'], status: 69, code: 'FOLDER_IN_USE' },
    { args: ['init', made, '--name', `${SECRET}!`], status: 2, code: 'NAME_INVALID' },
    {
      args: ['init', made, '--name', 'x', '--peer-port', '0'],
      status: 2,
      code: 'ARGUMENT_INVALID',
    },
    {
      args: ['init', made, '--name', 'x', '--passphrase-file', '-'],
      input: '\n',
      status: 2,
      code: 'PASSPHRASE_INVALID',
    },
    { args: ['fibre', 'init', made, ...ends, SECRET], status: 2, code: 'NAME_INVALID' },
    {
      args: ['fibre', 'init', made, ...ends, 'cambridge', '--preset', SECRET],
      status: 3,
      code: 'OPTICS_PRESET_UNKNOWN',
    },
    { args: ['pki', 'init', authority], status: 69, code: 'FOLDER_IN_USE' },
    { args: ['pki', 'issue', authority, authority], status: 1, code: 'REQUEST_MISSING' },
    {
      args: ['--yes', 'pki', 'issue', bristol.folder, cambridge.folder],
      status: 1,
      code: 'AUTHORITY_MISSING',
    },
    {
      args: ['--yes', 'pki', 'issue', absent, cambridge.folder],
      status: 3,
      code: 'FOLDER_UNKNOWN',
    },
    { args: ['pki', 'issue', authority, cambridge.folder], status: 2, code: 'CONFIRMATION_NEEDED' },
    {
      args: ['pki', 'issue', authority, cambridge.folder, '--fingerprint', 'ab'.repeat(32)],
      status: 4,
      code: 'FINGERPRINT_DENIED',
    },
    {
      args: ['pki', 'issue-sae', authority, 'photonward.bristol', made],
      status: 4,
      code: 'SAE_NAME_RESERVED',
    },
    { args: ['pki', 'issue-sae', authority, `a ${SECRET}`, made], status: 2, code: 'NAME_INVALID' },
    { args: ['site', 'add-sae', bristol.folder, `a ${SECRET}`], status: 2, code: 'NAME_INVALID' },
  ]
  // Each is by itself, and two at a time are quicker than one.
  const before = digestsOf(folder)
  for (let at = 0; at < commands.length; at += 2) {
    const two = commands.slice(at, at + 2)
    await Promise.all(two.map((one) => assertSaid({ what: one.args.join(' '), ...one })))
  }
  assert.deepEqual(digestsOf(folder), before)
})

interface BadConfiguration {
  readonly what: string
  readonly change: string | ((value: Record<string, unknown>) => void)
  readonly says: RegExp
}

const CONFIGURATIONS: readonly BadConfiguration[] = [
  {
    what: 'an unknown key',
    change: (value) => (value['peerListner'] = SECRET),
    says: /photonward\.json:\d+:\d+: unknown key "peerListner"; did you mean "peerListener"\?/,
  },
  {
    what: 'a value that cannot be',
    change: (value) => (value['profile'] = SECRET),
    says: /photonward\.json:\d+:\d+: "profile": /,
  },
  { what: 'JSON that ends too early', change: '{"site": "bristol",', says: /:1:\d+: / },
]

interface BadFile {
  readonly file: string
  readonly put?: string
  readonly status: number
  readonly code: string
}

const FILES: readonly BadFile[] = [
  { file: 'root.key', status: 1, code: 'ROOT_KEY_MISSING' },
  { file: 'grant.cbor', status: 1, code: 'GRANT_MISSING' },
  { file: 'state.db', put: SECRET.repeat(1000), status: 2, code: 'STORE_UNREADABLE' },
]

/** Runs a command that must be refused. */
async function assertRefused(folder: string, wanted: Refused): Promise<void> {
  const before = digestsOf(folder)
  await assertSaid(wanted)
  assert.deepEqual(digestsOf(folder), before)
}

async function assertSaid(wanted: Refused): Promise<void> {
  const { args, status, code, input, says } = wanted
  const ended = await photonward(args, input === undefined ? {} : { input })
  assert.equal(ended.status, status, `${wanted.what}: ${ended.stderr}`)
  assert.equal(ended.stdout, '')
  const [line, ...hints] = ended.stderr.trim().split('\n')
  assert.match(line, new RegExp(`^refused .{10,} \\[${code}\\]$`))
  if (says !== undefined) assert.match(line, says)
  assert(
    hints.every((hint) => hint.startsWith('next: ')),
    ended.stderr,
  )
  assert(!ended.stderr.includes(SECRET), 'what was refused is not shown')
}

/**
 * Files and what is in them; without the log of attempts, a database that nothing is in yet, and the
 * key that was made for it.
 */
function digestsOf(folder: string): Map<string, string> {
  const files = filesIn(folder).filter(
    (file) => !/\.log$|daemon\.lock$|state\.db(-.*)?$|site-keys\/\d+$/.test(file),
  )
  return new Map(
    files.map((file) => [file, createHash('sha256').update(readFileSync(file)).digest('hex')]),
  )
}

/** Puts a file back to what it was after the task, or away if it was not there. */
async function withFile(file: string, task: () => Promise<void>): Promise<void> {
  const kept = `${file}.kept`
  const existed = filesIn(join(file, '..')).includes(file)
  if (existed) {
    writeFileSync(kept, readFileSync(file), { mode: 0o600 })
  }
  try {
    await task()
  } finally {
    rmSync(file, { force: true, recursive: true })
    if (existed) renameSync(kept, file)
  }
}

const portOf = (file: string): number =>
  (JSON.parse(readFileSync(file, 'utf8')) as { listener: { port: number } }).listener.port
