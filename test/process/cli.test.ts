/**
 * The command line as people and scripts use it: help that teaches, hints after a slip, exit
 * statuses that are documented, JSON that parses, completion that knows every command.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { EXIT_MEANINGS, newProgram, type Powers } from '#cli'
import { commandLine, photonward, run } from '../support/processes.ts'
import { cohort, merged, nhsNumbersIn } from '../support/records.ts'
import { startTwoSites, type TwoSites } from '../support/two-sites.ts'

type Command = ReturnType<typeof newProgram>

const powers = { version: '0.0.0' } as Powers
const reference = resolve(import.meta.dirname, '../../docs/reference/commands.md')

/** Every command, by its words. */
function everyCommand(): ReadonlyMap<string, Command> {
  const found = new Map<string, Command>()
  const walk = (command: Command, words: string): void => {
    found.set(words, command)
    for (const inner of command.commands) walk(inner, `${words} ${inner.name()}`.trim())
  }
  walk(newProgram(powers), '')
  return found
}

/** Commands that change something or run for long: they have tests of their own. */
const ACTING: readonly string[] = [
  ...['demo', 'bench', 'serve', 'stop', 'study', 'init', 'complete', 'link watch'],
  ...['fibre init', 'fibre serve', 'pki init', 'pki request', 'pki issue', 'pki issue-sae'],
  ...['pki revoke', 'pki publish', 'site join', 'site add-sae', 'key request', 'key get'],
  ...['record import', 'record generate', 'record send', 'attack run', 'attack stop'],
  ...[
    'link align',
    'link release',
    'link enable',
    'link disable',
    'link psk create',
    'link psk import',
  ],
  ...['key export-courier', 'key import-courier', 'console', 'network simulate'],
  // These need a network that runs: test/process/network-up.test.ts.
  ...['network up', 'network show', 'network attack', 'network cut', 'network mend'],
  ...['network kill', 'network start', 'network pardon'],
  ...[
    'person add',
    'person set',
    'person role',
    'person agree',
    'person refuse',
    'person password',
  ],
  ...['person second-factor add', 'person second-factor prove', 'person second-factor remove'],
  ...['person suspend', 'person resume', 'person end', 'person delegate'],
  ...['person bind', 'person unbind'],
  ...['app add', 'app launch', 'app remove'],
  // These need broken glass: src/site/glass-admin.test.ts.
  ...['break-glass show', 'break-glass close', 'break-glass review'],
  // These need a site that decides: test/process/access.test.ts.
  ...['access explain', 'access grid'],
  ...['patient hold', 'patient release', 'patient erase', 'root-key protect', 'site-key rotate'],
  ...['patient export', 'patient import', 'patient identity'],
  ...['root-key share', 'root-key rekey', 'unseal', 'seal'],
  // These need what others have made: an erasure, and a proof in a file.
  ...['patient erasure', 'audit verify-proof'],
]

test('every command has a help that says what it does, and stands in the reference', () => {
  const page = readFileSync(reference, 'utf8')
  for (const [words, command] of everyCommand()) {
    const help = command.helpInformation()
    assert.match(help, new RegExp(`^Usage: photonward ?${words}`), words)
    assert(command.description().length > 10, `${words} says what it does`)
    for (const { flags, description } of command.options) {
      assert(description.length > 4, `${words} ${flags} says what it does`)
      assert(page.includes(`\`${flags}\``), `${words} ${flags} stands in the reference`)
    }
    assert(page.includes(`photonward ${words}`.trim()), `${words} stands in the reference`)
  }
})

test('every exit status is documented, in the help and in the reference', async () => {
  const { status, stdout } = await photonward(['--help'])
  assert.equal(status, 0)
  const page = readFileSync(reference, 'utf8')
  for (const [code, meaning] of Object.entries(EXIT_MEANINGS)) {
    assert(stdout.includes(`${code} ${meaning}`), `${code} in the help`)
    assert.match(page, new RegExp(`\\| ${code} +\\| ${meaning} +\\|`))
  }
})

test('a slip of the fingers is a usage error with a hint, and does nothing', async () => {
  for (const [args, hint] of [
    [[], /^Usage: photonward /],
    [['nonsense'], /unknown command 'nonsense'\n\(photonward --help/],
    [['recrod', 'list'], /Did you mean record\?/],
    [['record', 'lst'], /Did you mean list\?/],
    [['status', '--sit', 'x'], /Did you mean --site\?/],
    [['record', 'send', '--to', 'x'], /missing required argument 'patient'/],
    [['record', 'send', 'x'], /required option '--to <site>'/],
    [['pki', 'inspect', '/nowhere'], /Expected a certificate .* \[CERTIFICATE_UNREADABLE\]/],
    [['init', 'somewhere'], /A site needs a name: --name <site>/],
    [['record', 'generate', '/nowhere/at/all', '--patients', 'many'], /whole numbers/],
  ] as const) {
    const { status, stdout, stderr } = await photonward([...args])
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`)
    assert.equal(stdout, '')
    assert.match(stderr, hint)
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack')
  }
})

test('the shell completes commands and options', async () => {
  for (const shell of ['bash', 'zsh', 'fish', 'powershell']) {
    const { status, stdout } = await photonward(['complete', shell])
    assert.equal(status, 0)
    assert.match(stdout, /photonward/)
  }
  const offered = async (...typed: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await photonward(['complete', '--', ...typed])
    return stdout.split('\n').map((line) => line.split('\t')[0])
  }
  const nouns = newProgram(powers).commands.map((command) => command.name())
  const top = await offered('')
  assert.deepEqual(
    nouns.filter((noun) => noun !== 'complete' && !top.includes(noun)),
    [],
  )
  assert((await offered('record', 'se')).includes('send'))
})

test('every command that reads gives JSON that parses, and a screen for people', async (t) => {
  const sites = await startTwoSites(t)
  const reading = await readCommands(sites)
  const leaves = [...everyCommand()].filter(([words, { commands }]) => {
    return words !== '' && commands.length === 0
  })
  const missed = leaves
    .map(([words]) => words)
    .filter((words) => {
      return (
        !ACTING.includes(words) && !reading.some(({ args }) => args.join(' ').startsWith(words))
      )
    })
  assert.deepEqual(missed, [], 'a command that is neither here nor among those that act')

  for (const { args, input, status = 0, lines = false, person = true } of reading) {
    await t.test(args.join(' '), async () => {
      const options = input === undefined ? {} : { input }
      const env = { PHOTONWARD_SITE: sites.bristol.folder }
      const both = [['--json', ...args], ...(person ? [args] : [])]
      const [json, plain] = await Promise.all(
        both.map((one) => photonward(one, { ...options, env })),
      )
      assert.deepEqual([json.status, json.stderr], [status, ''])
      const documents = lines ? json.stdout.trim().split('\n') : [json.stdout]
      for (const document of documents) assert.equal(typeof JSON.parse(document), 'object')
      if (!person) return
      assert.equal(plain.status, status, plain.stderr)
      assert.throws(() => JSON.parse(plain.stdout) as unknown)
      assert(plain.stdout.length > 20 && !plain.stdout.includes('\u001b'), 'no colour in a pipe')
      assert.doesNotMatch(plain.stdout, /undefined|NaN|\[object/)
    })
  }

  await t.test('a failure is JSON too, on stderr', async () => {
    const { status, stdout, stderr } = await photonward(['--json', '--site', '/', 'status'])
    assert.deepEqual([status, stdout], [3, ''])
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
    assert.equal(error.code, 'SITE_FOLDER_UNKNOWN')
  })

  await t.test('a reader that has seen enough ends it quietly', async () => {
    const command = [...commandLine(['--site', sites.bristol.folder, 'audit', 'tail'])]
    const script = '"$@" | head -n 1'
    const ended = await run('sh', ['-c', script, 'sh', process.execPath, ...command])
    assert.equal(ended.stdout.trim().split('\n').length, 1)
    assert.equal(ended.stderr, '')
  })

  await t.test('--quiet says nothing but the data', async () => {
    const args = ['--quiet', '--site', sites.bristol.folder, 'audit', 'verify']
    const { status, stdout, stderr } = await photonward(args)
    assert.deepEqual([status, stderr], [0, ''])
    assert.match(stdout, /^verified /)
  })
})

interface Reading {
  readonly args: readonly string[]
  readonly input?: string
  readonly status?: number
  /** One document a line. */
  readonly lines?: boolean
  /** Whether it says something else without `--json`. */
  readonly person?: boolean
}

/** Each command that reads, with arguments that fit two sites with a patient and a transfer. */
async function readCommands(sites: TwoSites): Promise<readonly Reading[]> {
  const { bristol, authority, fibre } = sites
  const [organisations, bundle] = cohort(3, 1)
  const { patients } = await bristol.import(merged([organisations, bundle]))
  const [patient] = patients
  const wish = { patient, to: 'cambridge', mode: 'require-quantum' } as const
  const { transfer } = await bristol.admin.call('send', {}, wish)
  const { state, protection } = await bristol.finished(transfer)
  assert.equal(state, 'delivered')
  const [quantumKey] = protection?.keyIds ?? []
  const [link] = (await bristol.status()).links
  const reader = { kind: 'person', login: 'reader', name: 'R. Eader' } as const
  await bristol.admin.call('addPerson', {}, reader)
  return [
    { args: ['status'] },
    { args: ['link', 'list'] },
    { args: ['link', 'show', link.link] },
    { args: ['link', 'history', link.link] },
    { args: ['network', 'list'] },
    { args: ['network', 'plan', 'campus'] },
    { args: ['network', 'status'] },
    { args: ['network', 'compromise', 'cambridge', '--dry-run'] },
    { args: ['key', 'show', quantumKey] },
    { args: ['link', 'explain', link.link] },
    { args: ['alarm', 'list'], person: false },
    { args: ['key', 'status'] },
    { args: ['key', 'status', 'cambridge.ward', '--as', join(sites.folder, 'bristol.ward')] },
    { args: ['config', 'show'], person: false },
    { args: ['config', 'check'] },
    { args: ['doctor'] },
    { args: ['record', 'list'] },
    { args: ['record', 'find'], input: nhsNumbersIn(bundle)[0] },
    { args: ['record', 'show', patient], lines: true },
    { args: ['record', 'get', patient], person: false },
    { args: ['patient', 'held', patient] },
    { args: ['root-key', 'status'] },
    { args: ['transfer', 'list'] },
    { args: ['transfer', 'show', transfer] },
    { args: ['person', 'list'] },
    { args: ['person', 'show', 'reader'] },
    { args: ['person', 'changes'] },
    { args: ['app', 'list'] },
    { args: ['break-glass', 'list'] },
    { args: ['break-glass', 'list', '--all'] },
    { args: ['audit', 'tail'] },
    { args: ['audit', 'verify'] },
    { args: ['audit', 'prove', '0'], person: false },
    { args: ['audit', 'prove', '0', '--receipt'], person: false },
    { args: ['audit', 'keys'], person: false },
    { args: ['audit', 'access-report', '--patient', patient] },
    { args: ['audit', 'disclosures', '--patient', patient, '--all'] },
    { args: ['pki', 'list', authority] },
    { args: ['pki', 'log', authority] },
    { args: ['pki', 'inspect', join(sites.folder, 'bristol.ward', 'cert.pem')] },
    { args: ['attack', 'list'] },
    { args: ['attack', 'show', '--fibre', fibre.folder] },
  ]
}
