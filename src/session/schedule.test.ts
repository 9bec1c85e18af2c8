import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, keyId, kmeId, saeId, siteId, utf8, uuid } from '#base'
import type { Answer, Hello, KeyNote } from './message.ts'
import { PURPOSES } from './mod.ts'
import { contextOf, deriveKeys, initiatorTag, responderTag, type Agreement } from './schedule.ts'

const filled = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value)

const secrets = { psk: filled(64, 1), classical: filled(32, 2), postQuantum: filled(32, 3) }
const messages = { hello: utf8('the whole hello'), answer: utf8('the whole answer') }
const note: KeyNote = {
  keyId: keyId('00000000-0000-4000-8000-000000000001'),
  source: 'kme-asserted',
  path: 'direct',
  provenance: filled(4, 9),
}
const second: KeyNote = { ...note, keyId: keyId('00000000-0000-4000-8000-000000000002') }
const hello: Hello = {
  session: uuid('00000000-0000-4000-8000-00000000000a'),
  purpose: 'transfer',
  dataClass: 'clinical',
  from: { site: siteId('bristol'), sae: saeId('sae.b'), kme: kmeId('kme.b') },
  to: { site: siteId('cambridge'), sae: saeId('sae.c'), kme: kmeId('kme.c') },
  mode: 'prefer-quantum',
  policyVersion: 3,
  epoch: 17,
  keys: [note, second],
  x25519: filled(32, 4),
  mlKem: filled(1568, 5),
}
const answer: Omit<Answer, 'helloHash' | 'x25519' | 'mlKem'> = {
  session: hello.session,
  from: hello.to,
  to: hello.from,
  mode: 'prefer-quantum',
  used: 'hybrid-quantum',
  policyVersion: 4,
  keyIds: [note.keyId, second.keyId],
}
const signers = { mlDsa: filled(1952, 6), ed25519: filled(32, 7) }
const agreement: Agreement = {
  hello,
  answer,
  initiatorKeys: signers,
  responderKeys: { ...signers, ed25519: filled(32, 8) },
}

/** All keys that come out, as one text. */
function keysOf(
  from: Partial<Agreement> = {},
  changed: Partial<typeof secrets & typeof messages> = {},
): string {
  const { hello: firstMessage, answer: secondMessage, ...others } = { ...messages, ...changed }
  const agreed = { ...agreement, ...from }
  const keys = deriveKeys(
    { ...secrets, ...others },
    {
      purpose: agreed.hello.purpose,
      context: contextOf(agreed),
      hello: firstMessage,
      answer: secondMessage,
    },
  )
  return [keys.initiatorToResponder, keys.responderToInitiator, keys.exporter].map(hex).join(' ')
}

test('one slot that an attacker knows leaves the keys to the others: each alone changes all', () => {
  const seen = new Set([keysOf()])
  const changes: Partial<typeof secrets>[] = [
    { psk: secrets.psk.with(0, 0) },
    { psk: secrets.psk.with(63, 0) },
    { psk: filled(32, 1) },
    { psk: new Uint8Array(0) },
    { classical: secrets.classical.with(31, 0) },
    { postQuantum: secrets.postQuantum.with(31, 0) },
    // The same octets in other slots are another set of secrets.
    { classical: secrets.postQuantum, postQuantum: secrets.classical },
    { psk: filled(64, 2), classical: filled(32, 1) },
  ]
  for (const change of changes) seen.add(keysOf({}, change))
  assert.equal(seen.size, changes.length + 1)
})

test('every thing that both ends agree on is in the keys', () => {
  const seen = new Set([keysOf()])
  const hellos: Partial<Hello>[] = [
    { session: uuid('00000000-0000-4000-8000-00000000000b') },
    { dataClass: 'archive' },
    { epoch: 18 },
    { mode: 'require-quantum' },
    { policyVersion: 5 },
    { from: { ...hello.from, site: siteId('bath') } },
    { from: { ...hello.from, sae: saeId('sae.x') } },
    { from: { ...hello.from, kme: kmeId('kme.x') } },
    { to: { ...hello.to, site: siteId('bath') } },
    { to: { ...hello.to, sae: saeId('sae.x') } },
    { to: { ...hello.to, kme: kmeId('kme.x') } },
    { from: hello.to, to: hello.from },
    { keys: [{ ...note, source: 'partner' }, second] },
    { keys: [note, { ...second, path: 'relayed' }] },
    { keys: [{ ...note, provenance: filled(4, 8) }, second] },
    ...PURPOSES.slice(1).map((purpose) => ({ purpose })),
  ]
  const third = keyId('00000000-0000-4000-8000-000000000003')
  const answers: Partial<typeof answer>[] = [
    { mode: 'require-quantum' },
    { used: 'hybrid-post-quantum' },
    { policyVersion: 5 },
    { keyIds: [note.keyId] },
    { keyIds: [] },
  ]
  for (const change of hellos) seen.add(keysOf({ hello: { ...hello, ...change } }))
  for (const change of answers) seen.add(keysOf({ answer: { ...answer, ...change } }))
  const renamed = { ...hello, keys: [note, { ...second, keyId: third }] }
  const keyIds = [note.keyId, third]
  seen.add(keysOf({ hello: renamed, answer: { ...answer, keyIds } }))
  seen.add(keysOf({ initiatorKeys: agreement.responderKeys }))
  seen.add(keysOf({ responderKeys: { ...signers, mlDsa: filled(1952, 9) } }))
  assert.equal(seen.size, 1 + hellos.length + answers.length + 3)
})

test('the whole of both messages is in the keys', () => {
  const seen = new Set([keysOf()])
  for (const message of ['hello', 'answer'] as const) {
    for (const [at, octet] of messages[message].entries()) {
      seen.add(keysOf({}, { [message]: messages[message].with(at, octet ^ 1) }))
    }
  }
  seen.add(keysOf({}, { hello: messages.answer, answer: messages.hello }))
  assert.equal(seen.size, 2 + messages.hello.length + messages.answer.length)
})

test('the keys of one session have nothing in common, nor have the two confirmations', () => {
  const by = { purpose: 'transfer', context: contextOf(agreement), ...messages } as const
  const keys = deriveKeys(secrets, by)
  const tag = responderTag(keys)
  const outputs = [
    keys.initiatorTagKey,
    keys.responderTagKey,
    keys.initiatorToResponder,
    keys.responderToInitiator,
    keys.exporter,
    keys.transcript,
    tag,
    initiatorTag(keys, tag),
  ].map((octets) => hex(octets.subarray(0, 16)))
  assert.equal(new Set(outputs).size, outputs.length)
  const other = tag.with(0, tag[0] ^ 1)
  assert.notDeepEqual(initiatorTag(keys, tag), initiatorTag(keys, other))
})
