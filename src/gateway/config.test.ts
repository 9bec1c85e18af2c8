import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Exactly, Text, Type, Whole } from '#base'
import { FilePath, nearest, readConfiguration, readConfigurationFile } from './config.ts'
import { JsonFault, readJson } from './json.ts'
import { scratch } from './scratch.test.ts'

const Shape = Exactly({
  site: Text(63, 1),
  listen: Exactly({ host: Type.String({ default: '127.0.0.1' }), port: Whole(0, 65_535) }),
  peers: Type.Array(Exactly({ name: Text(63), trusted: Type.Boolean({ default: true }) }), {
    default: [],
  }),
  store: FilePath({ default: 'site.db' }),
  log: Type.Optional(FilePath()),
})

const read = (text: string) => readConfiguration(text, Shape, '/srv/bristol/photonward.json')

function refusal(text: string): { message: string; facts: Record<string, unknown> } {
  try {
    read(text)
  } catch (error) {
    const { code, message, facts } = error as { code: string; message: string; facts: object }
    assert.equal(code, 'CONFIG_INVALID')
    return { message, facts: { ...facts } }
  }
  return assert.fail(`taken: ${text}`)
}

test('defaults stand where a member is absent, and relative paths count from the file', () => {
  const text =
    '{ "site": "bristol", "listen": { "port": 8443 }, "log": "logs/daemon.log",' +
    '"peers": [{ "name": "cambridge" }, { "name": "oxford", "trusted": false }] }'
  assert.deepEqual(read(text), {
    site: 'bristol',
    listen: { host: '127.0.0.1', port: 8443 },
    peers: [
      { name: 'cambridge', trusted: true },
      { name: 'oxford', trusted: false },
    ],
    store: '/srv/bristol/site.db',
    log: '/srv/bristol/logs/daemon.log',
  })
  assert.equal(read('{"site":"b","listen":{"port":1},"store":"/var/x.db"}').store, '/var/x.db')
})

test('an unknown key is refused with its place and the key that was meant', () => {
  const { message, facts } = refusal('{\n  "site": "bristol",\n  "lisen": { "port": 8443 }\n}')
  assert.equal(
    message,
    '/srv/bristol/photonward.json:3:3: unknown key "lisen"; did you mean "listen"?',
  )
  assert.deepEqual(facts, {
    file: '/srv/bristol/photonward.json',
    line: 3,
    column: 3,
    key: 'lisen',
  })
  assert.match(
    refusal('{"site":"b","listen":{"prot":1}}').message,
    /:1:23: unknown key "prot"; did you mean "port"\?$/,
  )
  assert.match(
    refusal('{"site":"b","listen":{"port":1},"peers":[{"nam":"x"}]}').message,
    /unknown key "nam"; did you mean "name"\?$/,
  )
  assert.match(refusal('{"site":"b","quantum":1}').message, /unknown key "quantum"$/)
  assert.match(refusal('{"site":"b","__proto__":{"port":1}}').message, /unknown key "__proto__"$/)
})

test('a wrong or missing value is refused with its key and place, and never shown', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"site":"b","listen":{"port":"Ottoline"}}', /:1:23: "listen\/port": expected integer$/],
    ['{"site":"b","listen":{"port":65536}}', /"listen\/port": .*65535$/],
    ['{"site":"b"}', /:1:1: "listen": /],
    ['{"listen":{"port":1}}', /"site": /],
    ['{"site":"b","listen":{"port":1},"peers":[{"name":1}]}', /"peers\/0\/name": /],
    ['["Ottoline"]', /expected object/],
  ]
  for (const [text, expected] of cases) {
    const { message } = refusal(text)
    assert.match(message, expected)
    assert(!message.includes('Ottoline'))
  }
})

test('what is no JSON is refused with line and column', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /:1:1: Expected a value$/],
    ['{\n "site": "b",\n}', /:3:1: Expected a key in double quotes after the comma$/],
    ['{"site": "b" "listen": 1}', /:1:14: Expected a comma or \}$/],
    ["{'site': 1}", /:1:2: Expected a key in double quotes$/],
    ['{"site" 1}', /:1:9: Expected a colon after the key$/],
    ['{"site": "b}', /:1:10: This text in double quotes does not end/],
    ['{"site": 01}', /:1:11: Expected a comma or \}$/],
    ['{"site": tru}', /:1:10: Expected a value$/],
    ['{} {}', /:1:4: Expected the end of the text$/],
    ['{"site":"a",\n"site":"b"}', /:2:1: The key "site" is there twice$/],
    ['['.repeat(100), /Values lie at most 32 deep$/],
    ['{"site":"b" // comment\n}', /:1:13: Expected a comma or \}$/],
  ]
  for (const [text, expected] of cases) assert.match(refusal(text).message, expected)
})

test('a text is read as JSON.parse reads it, or refused by both', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.deepEqual(readJson(text).value, JSON.parse(text))
    }),
  )
  const almost = fc
    .tuple(fc.json({ maxDepth: 2 }), fc.nat(), fc.constantFrom('', ',', '"', '}', '1', '\\', ' '))
    .map(
      ([text, at, put]) =>
        text.slice(0, at % text.length) + put + text.slice((at % text.length) + 1),
    )
  fc.assert(
    fc.property(almost, (text) => {
      let expected: unknown
      try {
        expected = JSON.parse(text)
      } catch {
        assert.throws(() => readJson(text), JsonFault)
        return
      }
      // Ours refuses keys that are there twice; all else is the same.
      try {
        assert.deepEqual(readJson(text).value, expected)
      } catch (error) {
        assert.match(String(error), /is there twice/)
      }
    }),
    { numRuns: 500 },
  )
})

test('a mistyped key finds the one that was meant, a strange one finds none', () => {
  const known = ['listen', 'port', 'peers', 'masterKeyFile', 'id']
  const meant = [
    ['lsiten', 'listen'],
    ['Listen', 'listen'],
    ['peer', 'peers'],
    ['masterkeyfile', 'masterKeyFile'],
    ['masterKey', 'masterKeyFile'],
    ['di', 'id'],
  ] as const
  for (const [typed, expected] of meant) assert.equal(nearest(typed, known), expected, typed)
  for (const strange of ['', 'x', 'telephone', 'l'.repeat(10_000)]) {
    assert.equal(nearest(strange, known), undefined)
  }
})

test('a file that is not there, cannot be read or is too long is refused by name', (t) => {
  const folder = scratch(t)
  const file = join(folder, 'photonward.json')
  const code = (): unknown => {
    try {
      return readConfigurationFile(file, Shape)
    } catch (error) {
      assert.match((error as Error).message, new RegExp(file))
      return (error as { code: string }).code
    }
  }
  assert.equal(code(), 'CONFIG_MISSING')
  writeFileSync(file, '{"site":"b","listen":{"port":1}}')
  assert.equal(typeof code(), 'object')
  writeFileSync(file, ' '.repeat(1024 * 1024 + 1))
  assert.equal(code(), 'CONFIG_INVALID')
  chmodSync(folder, 0o000)
  const denied = process.getuid?.() === 0 ? 'CONFIG_INVALID' : 'PERMISSION_DENIED'
  assert.equal(code(), denied)
  chmodSync(folder, 0o700)
})
