import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '#base'
import {
  canonicalText,
  HealthRefusal,
  JSON_DEPTH_MAX,
  JSON_OCTETS_MAX,
  JSON_VALUES_MAX,
  NUMBER_CHARACTERS_MAX,
  readJson,
  readJsonSteps,
  stringsOf,
} from '#health'
import { plain } from './json.ts'

const read = (text: string): ReturnType<typeof readJson> => readJson(utf8(text))

const refusedWith = (text: string | Uint8Array, code: string, place = ''): HealthRefusal => {
  let refusal: unknown
  try {
    readJson(typeof text === 'string' ? utf8(text) : text)
  } catch (error) {
    refusal = error
  }
  assert(refusal instanceof HealthRefusal, 'the text was refused')
  assert.equal(refusal.code, code)
  assert.equal(refusal.issues[0].place, place)
  return refusal
}

test('any JSON value is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), (text) => {
      const expected: unknown = JSON.parse(text)
      if (/__proto__|"(constructor|toString|valueOf|hasOwnProperty)"/.test(text)) return
      assert.deepEqual(plain(read(text)), expected)
    }),
  )
})

test('what is written back differs from what was read in white space only', () => {
  for (const text of [
    '{"value":1.10,"z":1,"a":[0.0,-0,1E2,1e-7,12345678901234567890.123,100]}',
    '{"text":"caf\\u00e9 \\ud83d\\ude00 \\/ \\n","empty":[],"none":{}}',
    '[true,false,null,"",{"b":{"a":1.0}}]',
  ]) {
    const spaced = text.replaceAll(',', ' ,\n\t').replaceAll(':', ' : ')
    assert.equal(
      canonicalText(read(text)),
      text.replace('\\u00e9', 'é').replace('\\ud83d\\ude00', '😀').replace('\\/', '/'),
    )
    assert.equal(canonicalText(read(spaced)), canonicalText(read(text)))
  }
})

test('a number keeps every digit it was spelled with', () => {
  const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?$/)
  fc.assert(fc.property(digits, (text) => assert.equal(canonicalText(read(text)), text)))
})

test('a syntax error is refused with its place and without its text', () => {
  refusedWith('', 'HEALTH_JSON_INVALID')
  refusedWith('{}{}', 'HEALTH_JSON_INVALID')
  refusedWith('{"name":[{"family":"Ottoline",}]}', 'HEALTH_JSON_INVALID', 'name[0].family')
  const refusal = refusedWith(
    '{"name":[{"family":"Ottoline" "x"}]}',
    'HEALTH_JSON_INVALID',
    'name[0].family',
  )
  assert(!refusal.message.includes('Ottoline'))
  for (const bad of [
    '{"a" 1}',
    '{a:1}',
    '[1,]',
    '[,1]',
    '"\u0001"',
    '"\\x"',
    '"open',
    '01',
    '+1',
    '.5',
    '1.',
    '1e',
    'tru',
    'NaN',
    '\ufeff{}',
    "'a'",
    '[1 2]',
    '{"a":1',
    '[',
  ]) {
    assert.throws(() => read(bad), { code: 'HEALTH_JSON_INVALID' }, bad)
  }
})

test('repeated names and names of the prototype are refused wherever they stand', () => {
  refusedWith('{"id":"a","id":"b"}', 'HEALTH_JSON_KEY_REPEATED', 'id')
  refusedWith('{"id":null,"id":"b"}', 'HEALTH_JSON_KEY_REPEATED', 'id')
  refusedWith(
    '{"name":[{"given":["a"],"\\u0067iven":["b"]}]}',
    'HEALTH_JSON_KEY_REPEATED',
    'name[0].given',
  )
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    refusedWith(`{"name":{"${name}":1}}`, 'HEALTH_JSON_KEY_FORBIDDEN', 'name.{member 1}')
  }
  assert.deepEqual(read('{"prototype":1}'), { prototype: 1 })
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})

test('a member name that FHIR does not know is spelled by its position alone', () => {
  const refusal = refusedWith(
    '{"id":"a","Ottoline Fitzroy":01}',
    'HEALTH_JSON_INVALID',
    '{member 2}',
  )
  assert(!JSON.stringify([refusal.message, refusal.facts, refusal.issues]).includes('Ottoline'))
})

test('half a surrogate pair and broken UTF-8 are refused, whole ones are read', () => {
  refusedWith('{"text":"\\ud83d"}', 'HEALTH_JSON_TEXT_INVALID', 'text')
  refusedWith('["\\ude00\\ud83d"]', 'HEALTH_JSON_TEXT_INVALID', '[0]')
  refusedWith(Uint8Array.of(0x22, 0xff, 0x22), 'HEALTH_JSON_TEXT_INVALID')
  refusedWith(Uint8Array.of(0x22, 0xc3), 'HEALTH_JSON_TEXT_INVALID')
  assert.equal(read('"\\ud83d\\ude00"'), '😀')
})

test('depth, length of numbers, count and size stop at their limits', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  read(nested(JSON_DEPTH_MAX))
  refusedWith(nested(JSON_DEPTH_MAX + 1), 'HEALTH_JSON_TOO_DEEP', '[0]'.repeat(JSON_DEPTH_MAX))
  assert.throws(() => read('['.repeat(1_000_000)), { code: 'HEALTH_JSON_TOO_DEEP' })
  read('1'.repeat(NUMBER_CHARACTERS_MAX))
  refusedWith('1'.repeat(NUMBER_CHARACTERS_MAX + 1), 'HEALTH_JSON_NUMBER_INVALID')
  read('1e308')
  refusedWith('1e400', 'HEALTH_JSON_NUMBER_INVALID')
  const many = `[${'1,'.repeat(JSON_VALUES_MAX)}1]`
  assert.throws(() => read(many), { code: 'HEALTH_JSON_TOO_LARGE' })
  refusedWith(new Uint8Array(JSON_OCTETS_MAX + 1), 'HEALTH_JSON_TOO_LARGE')
})

test('a large document is read in many steps', () => {
  const steps = readJsonSteps(utf8(`{"entry":[${'{"id":"a"},'.repeat(1000)}{}],"type":[]}`))
  let count = 0
  while (steps.next().done !== true) count++
  assert(count >= 15, `${count} steps`)
})

test('strings of six octets and full dates are what a stolen disk must not show', () => {
  const value = read(
    '{"a":"short","b":"longer","c":[{"d":"Żółć"},"2024-02-29T10:00:00Z"],"e":1.10,"f":"2024-02"}',
  )
  assert.deepEqual(
    [...stringsOf(value)].toSorted(),
    ['2024-02', '2024-02-29', '2024-02-29T10:00:00Z', 'longer', 'Żółć'].toSorted(),
  )
})
