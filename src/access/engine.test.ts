import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { openPolicyEngine, type Question } from './engine.ts'
import { engineOfTests, policySources } from './fixture.test.ts'
import { PLAIN } from './grid.ts'
import { AccessRefusal } from './refusal.ts'

const question: Question = { ...PLAIN, roles: ['attending'], relations: ['care-team'] }

/** Our schema with other policies. */
const withPolicies = (...policies: readonly string[]) =>
  openPolicyEngine({ schema: policySources().schema, policies })

const EVERYTHING = '@id("all") @step("role") permit (principal, action, resource);'

test('a permit that applies is named by its own identifier', async () => {
  const engine = await engineOfTests()
  assert.deepEqual(engine.ask(question), {
    allowed: true,
    rules: ['role.physician.read'],
    failed: false,
  })
  assert.equal(engine.ask({ ...question, relations: [] }).allowed, false)
})

test('a guard that fails to evaluate denies and raises an alert', async () => {
  // Overflow passes strict validation. Cedar itself skips the guard and would allow.
  const overflow =
    '@id("broken") @step("labels") forbid (principal, action, resource)\n' +
    'when { 9223372036854775807 + 1 > 0 };'
  const engine = await withPolicies(EVERYTHING, overflow)
  assert.deepEqual(engine.ask(question), { allowed: false, rules: [], failed: true })
  const sound = await withPolicies(EVERYTHING)
  assert.equal(sound.ask(question).allowed, true)
})

test('a permit that fails to evaluate denies even where another permits', async () => {
  const overflow =
    '@id("broken") @step("role") permit (principal, action, resource)\n' +
    'when { 9223372036854775807 + 1 > 0 };'
  const engine = await withPolicies(EVERYTHING, overflow)
  assert.equal(engine.ask(question).failed, true)
})

test('a question that does not hold to the schema denies and raises an alert', async () => {
  const engine = await withPolicies(EVERYTHING)
  for (const strange of [
    { sensitivity: ['XYZ'] },
    { roles: ['emperor'] },
    { action: 'juggle' },
    { purpose: 'FUN' },
    { vip: 'yes' },
    { relations: undefined },
  ]) {
    const verdict = verdictOr(() => engine.ask({ ...question, ...strange } as unknown as Question))
    assert.equal(verdict.allowed, false, JSON.stringify(strange))
    assert.equal(verdict.failed, true, JSON.stringify(strange))
  }
})

/** A question of another shape than its type may also be an assertion of ours: never an answer. */
function verdictOr(ask: () => { allowed: boolean; failed: boolean }) {
  try {
    return ask()
  } catch (error) {
    assert(error instanceof TypeError)
    return { allowed: false, failed: true }
  }
}

test('policies that would need luck do not load', async () => {
  const faulty: readonly (readonly [string, RegExp])[] = [
    ['permit (principal, action, resource', /do not parse/],
    ['@step("role") permit (principal, action, resource);', /no @id/],
    ['@id("Bad Name") @step("role") permit (principal, action, resource);', /no @id/],
    ['@id("a") permit (principal, action, resource);', /no @step/],
    ['@id("a") @step("luck") permit (principal, action, resource);', /no @step/],
    [`${EVERYTHING} ${EVERYTHING}`, /Two policies are called all/],
    [
      '@id("a") @step("role") permit (principal in Role::"king", action, resource);',
      /does not hold/,
    ],
    [
      '@id("a") @step("role") permit (principal, action, resource) when { resource.colour == 1 };',
      /does not hold/,
    ],
    [
      '@id("a") @step("role") permit (principal, action, resource) when { context.vip };',
      /does not hold/,
    ],
    [
      '@id("a") @step("role") permit (principal in ?principal, action, resource);',
      /templates are not used/,
    ],
    [
      '@id("a") @step("role") @mask("name") forbid (principal, action, resource);',
      /masks and forms nothing/,
    ],
    [
      '@id("a") @step("role") @form("poem") permit (principal, action, resource);',
      /@form that is none/,
    ],
    [`// ${'x'.repeat(300_000)}\n${EVERYTHING}`, /more than 262144 octets/],
  ]
  for (const [text, expected] of faulty) {
    await assert.rejects(withPolicies(text), (error) => {
      assert(error instanceof AccessRefusal)
      assert.equal(error.code, 'ACCESS_POLICY_INVALID')
      assert.match(error.message, expected)
      return true
    })
  }
})

test('a schema with other words than the code does not load', async () => {
  const { schema, policies } = policySources()
  for (const [from, to] of [
    ['"PSYTHPN"]', '"PSYTHPN", "OTHER"]'],
    ['"link", "unclassified"', '"link"'],
    ['"quarantine", "destroy-key"\n', '"quarantine", "juggle"\n'],
  ] as const) {
    assert(schema.includes(from))
    const changed = { schema: schema.replace(from, to), policies }
    await assert.rejects(openPolicyEngine(changed), { code: 'ACCESS_POLICY_INVALID' })
  }
})

test('the hash of a policy set changes with every character of it', async () => {
  const { schema, policies } = policySources()
  const engine = await engineOfTests()
  const [first, ...rest] = policies
  const other = await openPolicyEngine({ schema, policies: [`${first}\n`, ...rest] })
  const moved = await openPolicyEngine({ schema: `${schema}\n`, policies })
  assert.equal(new Set([engine.hash, other.hash, moved.hash]).size, 3)
  assert.equal((await openPolicyEngine(policySources())).hash, engine.hash)
})

test('other policies are asked by the same schema, and have to parse', async () => {
  const engine = await engineOfTests()
  const some = engine.asking({ a: 'permit (principal, action, resource) when { resource.vip };' })
  assert.equal(some(question).allowed, false)
  assert.deepEqual(some({ ...question, vip: true }).rules, ['a'])
  assert.throws(() => engine.asking({ a: 'permit' }), { code: 'ACCESS_POLICY_INVALID' })
})

test('nothing is loaded before it is needed, and it loads under the flags of the daemon', () => {
  const program = `
    import Module from 'node:module'
    import { openPolicyEngine } from '#access'
    import { policySources } from './src/access/fixture.test.ts'
    const loaded = () => Object.keys(Module._cache).some((path) => path.includes('cedar'))
    const before = loaded()
    const engine = await openPolicyEngine(policySources())
    console.log(JSON.stringify({ before, after: loaded(), hash: engine.hash.length }))`
  const flags = ['--no-experimental-ffi', '--disable-proto=throw', '--input-type=module']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', program], {
    cwd: `${import.meta.dirname}/../..`,
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  assert.deepEqual(JSON.parse(stdout), { before: false, after: true, hash: 64 })
})
