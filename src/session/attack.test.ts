import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat, fromCbor, SecretBytes, toCbor, type CborValue } from '#base'
import { newDualSigner, signDual, verifierOf, type DualSigner } from '#crypto'
import { complete, initiate, type Initiated, type InitiateInput } from './initiator.ts'
import { accept, receiveHello, respond, type QuantumKey, type Responded } from './mod.ts'
import { SessionRefusal, type SessionRefusalCode } from './refusal.ts'
import {
  at as AT,
  initiatorInput,
  keyPair,
  keyPairs,
  receiverInput,
  testSite,
  withPolicy,
} from './fixture.test.ts'

const bristol = testSite('bristol')
const cambridge = testSite('cambridge')
const eve = testSite('eve')

test('one changed octet anywhere in the hello is refused', () => {
  const { hello } = begin({ keys: [keyPair()[0]] })
  for (let at = 0; at < hello.length; at++) {
    refuses(() => receiveHello(flip(hello, at), receiverInput(bristol, cambridge)))
  }
  const cuts = [0, 1, 100, hello.length - 1].map((size) => hello.subarray(0, size))
  for (const octets of [...cuts, concat(hello, Uint8Array.of(0))]) {
    refuses(() => receiveHello(octets, receiverInput(bristol, cambridge)), 'SESSION_MALFORMED')
  }
})

test('one changed octet anywhere in the answer is refused, and the true one still accepted', () => {
  const { mine, answer, theirs } = answered()
  for (let at = 0; at < answer.length; at++) refuses(() => complete(mine, flip(answer, at), AT))
  for (const octets of [answer.subarray(1), answer.subarray(0, -1), concat(answer, answer)]) {
    refuses(() => complete(mine, octets, AT))
  }
  const { confirm, session } = complete(mine, answer, AT)
  assert.deepEqual(accept(theirs, confirm, AT).sendKey.reveal(), session.receiveKey.reveal())
})

test('one changed octet anywhere in the confirmation is refused, and the true one accepted', () => {
  const { mine, answer, theirs } = answered()
  const { confirm } = complete(mine, answer, AT)
  for (let at = 0; at < confirm.length; at++) refuses(() => accept(theirs, flip(confirm, at), AT))
  for (const octets of [confirm.subarray(1), confirm.subarray(0, -1), new Uint8Array(0)]) {
    refuses(() => accept(theirs, octets, AT))
  }
  accept(theirs, confirm, AT)
})

test('a hello signed by somebody else, or half by somebody else, is refused', () => {
  const { hello } = begin()
  const code = 'SESSION_SIGNATURE_INVALID'
  const mixed: DualSigner[] = [
    eve.signer,
    { mlDsa: bristol.signer.mlDsa, ed25519: eve.signer.ed25519 },
    { mlDsa: eve.signer.mlDsa, ed25519: bristol.signer.ed25519 },
  ]
  for (const signer of mixed) {
    const forged = resigned(hello, 'hello', signer, (body) => body)
    refuses(() => receiveHello(forged, receiverInput(bristol, cambridge)), code)
  }
  // Nor does a hello pass whose signatures were made for an answer.
  const crossed = resigned(hello, 'answer', bristol.signer, (body) => body)
  refuses(() => receiveHello(crossed, receiverInput(bristol, cambridge)), code)
  const peerKeys = verifierOf(newDualSigner())
  refuses(() => receiveHello(hello, receiverInput(bristol, cambridge, { peerKeys })), code)
})

test('an answer signed by somebody else is refused, even with the right key behind it', () => {
  const { mine, answer } = answered()
  for (const signer of [eve.signer, bristol.signer]) {
    const forged = reanswered(answer, signer, (body) => body)
    refuses(() => complete(mine, forged, AT), 'SESSION_SIGNATURE_INVALID')
  }
})

test('a signed hello with any field out of its place is refused by code', () => {
  const [key] = keyPair()
  const { hello } = begin({ keys: [key], dataClass: 'clinical' })
  const swap = ({ from, to, ...rest }: Body): Body => ({ ...rest, from: to, to: from })
  const party = (site: string, change: Readonly<Record<string, string>> = {}): CborValue => ({
    site,
    sae: `sae.${site}`,
    kme: `kme.${site}`,
    ...change,
  })
  const twice = (body: Body): Body => ({ ...body, keys: [...list(body), ...list(body)] })
  const cases: readonly (readonly [SessionRefusalCode, (body: Body) => Body])[] = [
    ['SESSION_ROLES_DIFFER', swap],
    ['SESSION_ROLES_DIFFER', (body) => ({ ...body, from: party('eve') })],
    ['SESSION_ROLES_DIFFER', (body) => ({ ...body, to: party('eve') })],
    ['SESSION_ROLES_DIFFER', (body) => ({ ...body, to: party('cambridge', { sae: 'x' }) })],
    ['SESSION_ROLES_DIFFER', (body) => ({ ...body, from: party('bristol', { kme: 'x' }) })],
    ['SESSION_MALFORMED', (body) => ({ ...body, v: 2 })],
    ['SESSION_MALFORMED', (body) => ({ ...body, suite: 'PW-HYB-2' })],
    ['SESSION_MALFORMED', (body) => ({ ...body, mode: 'classical' })],
    ['SESSION_MALFORMED', (body) => ({ ...body, purpose: 'else' })],
    ['SESSION_MALFORMED', (body) => ({ ...body, epoch: 0 })],
    ['SESSION_MALFORMED', (body) => ({ ...body, more: 1 })],
    ['SESSION_MALFORMED', twice],
    ['SESSION_MALFORMED', (body) => ({ ...body, mode: 'post-quantum' })],
    ['MODE_RESERVED', (body) => ({ ...body, mode: 'one-time-pad' })],
    ['CLASS_UNKNOWN', (body) => ({ ...body, class: 'unheard-of' })],
    ['QUANTUM_KEY_REQUIRED', (body) => ({ ...body, mode: 'require-quantum', keys: [] })],
    ['QUANTUM_KEY_REQUIRED', (body) => ({ ...body, class: 'archive', keys: [] })],
    ['SESSION_MALFORMED', ({ suite: _suite, ...body }) => body],
    ['SESSION_MALFORMED', ({ keys: _keys, ...body }) => body],
  ]
  for (const [code, change] of cases) {
    const changed = resigned(hello, 'hello', bristol.signer, change)
    refuses(() => receiveHello(changed, receiverInput(bristol, cambridge)), code)
  }
})

test('a hello is not accepted twice, nor an older one after a newer', () => {
  const { hello } = begin({ epoch: 7 })
  const receive = (epochAfter: number) => () =>
    receiveHello(hello, receiverInput(bristol, cambridge, { epochAfter }))
  assert.equal(receive(6)().hello.epoch, 7)
  refuses(receive(7), 'SESSION_REPLAYED')
  refuses(receive(2 ** 40), 'SESSION_REPLAYED')
})

test('messages sent back to where they came from are refused', () => {
  const { mine, hello, answer, theirs } = answered()
  const asCambridge = receiverInput(cambridge, bristol, { peerKeys: verifierOf(bristol.signer) })
  refuses(() => receiveHello(hello, asCambridge), 'SESSION_ROLES_DIFFER')
  refuses(() => receiveHello(hello, receiverInput(cambridge, bristol)), 'SESSION_SIGNATURE_INVALID')
  refuses(() => receiveHello(answer, receiverInput(bristol, cambridge)), 'SESSION_MALFORMED')
  refuses(() => complete(mine, hello, AT), 'SESSION_MALFORMED')
  refuses(() => accept(theirs, answer, AT), 'SESSION_MALFORMED')
  const { confirm } = complete(mine, answer, AT)
  refuses(() => complete(begin().state, confirm, AT), 'SESSION_MALFORMED')
  // The responder's own tag, sent back as the initiator's.
  const { tag } = fromCbor(answer, 20_000) as { tag: Uint8Array }
  const reflected = toCbor({ ...(fromCbor(confirm, 200) as Body), tag })
  refuses(() => accept(theirs, reflected, AT), 'SESSION_CONFIRMATION_FAILED')
  refuses(() => initiate(initiatorInput(bristol, bristol)), 'SESSION_ROLES_DIFFER')
})

test('an answer or confirmation of another session is refused', () => {
  const [one, two] = [answered(), answered()]
  refuses(() => complete(one.mine, two.answer, AT), 'SESSION_MISMATCHED')
  const first = complete(one.mine, one.answer, AT)
  const second = complete(two.mine, two.answer, AT)
  refuses(() => accept(one.theirs, second.confirm, AT), 'SESSION_MISMATCHED')
  const moved = toCbor({
    ...(fromCbor(second.confirm, 200) as Body),
    session: (fromCbor(first.confirm, 200) as Body)['session'],
  })
  refuses(() => accept(one.theirs, moved, AT), 'SESSION_CONFIRMATION_FAILED')
  accept(one.theirs, first.confirm, AT)
})

test('a peer that lies in its signed answer gets no session', () => {
  const [keys, fetched] = keyPairs(2)
  const { mine, answer } = answered({ keys, wanted: 'require-quantum' }, fetched)
  const other = answered()
  const otherBody = bodyOf(other.answer)
  const cases: readonly (readonly [SessionRefusalCode, (body: Body) => Body])[] = [
    ['SESSION_DOWNGRADED', (body) => ({ ...body, mode: 'prefer-quantum' })],
    ['SESSION_DOWNGRADED', (body) => ({ ...body, mode: 'post-quantum' })],
    ['SESSION_DOWNGRADED', (body) => ({ ...body, used: 'hybrid-post-quantum', keys: [] })],
    [
      'SESSION_DOWNGRADED',
      (body) => ({ ...body, mode: 'post-quantum', used: 'hybrid-post-quantum', keys: [] }),
    ],
    ['MODE_RESERVED', (body) => ({ ...body, mode: 'one-time-pad' })],
    ['SESSION_MISMATCHED', (body) => ({ ...body, keys: list(body).slice(1) })],
    ['SESSION_MISMATCHED', (body) => ({ ...body, keys: [] })],
    ['SESSION_MISMATCHED', (body) => ({ ...body, keys: list(body).toReversed() })],
    ['SESSION_MISMATCHED', (body) => ({ ...body, keys: [...list(body), new Uint8Array(16)] })],
    ['SESSION_MISMATCHED', (body) => ({ ...body, session: new Uint8Array(16) })],
    ['SESSION_MISMATCHED', (body) => ({ ...body, hello: new Uint8Array(48) })],
    ['SESSION_ROLES_DIFFER', ({ from, to, ...body }) => ({ ...body, from: to, to: from })],
    ['SESSION_ROLES_DIFFER', ({ from, ...body }) => ({ ...body, from, to: from })],
    ['SESSION_ROLES_DIFFER', ({ to, ...body }) => ({ ...body, to, from: to })],
    ['SESSION_KEY_INVALID', (body) => ({ ...body, x25519: new Uint8Array(32) })],
    ['SESSION_CONFIRMATION_FAILED', (body) => ({ ...body, x25519: otherBody['x25519'] })],
    ['SESSION_CONFIRMATION_FAILED', (body) => ({ ...body, mlkem: otherBody['mlkem'] })],
    ['SESSION_CONFIRMATION_FAILED', (body) => ({ ...body, policy: 9 })],
    ['SESSION_MALFORMED', (body) => ({ ...body, suite: 'PW-HYB-2' })],
    ['SESSION_MALFORMED', (body) => ({ ...body, mlkem: new Uint8Array(1088) })],
  ]
  for (const [code, change] of cases) {
    const changed = reanswered(answer, cambridge.signer, change)
    refuses(() => complete(mine, changed, AT), code)
  }
  complete(mine, answer, AT)
})

test('a changed ML-KEM ciphertext gives no error of its own: the confirmation catches it', () => {
  const { mine, answer } = answered()
  for (const at of [0, 700, 1567]) {
    const changed = reanswered(answer, cambridge.signer, (body) => ({
      ...body,
      mlkem: flip(body['mlkem'] as Uint8Array, at),
    }))
    refuses(() => complete(mine, changed, AT), 'SESSION_CONFIRMATION_FAILED')
  }
})

test('a hello with a point of low order or a bad encapsulation key is not answered', () => {
  const { hello } = begin()
  const lowOrder = new Uint8Array(32).fill(0).with(0, 1)
  const beyond = new Uint8Array(1568).fill(0xff)
  for (const change of [{ x25519: lowOrder }, { mlkem: beyond }]) {
    const changed = resigned(hello, 'hello', bristol.signer, (body) => ({ ...body, ...change }))
    const received = receiveHello(changed, receiverInput(bristol, cambridge))
    refuses(() => respond(received, { signer: cambridge.signer, keys: [] }), 'SESSION_KEY_INVALID')
  }
})

test('another QKD key under the same key_ID leaves both ends without a session', () => {
  const [mine, theirs] = keyPair()
  const wrong = { ...theirs, octets: SecretBytes.take(new Uint8Array(32).fill(1)) }
  const { mine: state, answer } = answered({ keys: [mine] }, [wrong])
  refuses(() => complete(state, answer, AT), 'SESSION_CONFIRMATION_FAILED')
})

test('keys that are not those of the hello, or known by another origin, are refused', () => {
  const cases: readonly (readonly [SessionRefusalCode, (key: QuantumKey) => QuantumKey[]])[] = [
    ['QUANTUM_KEY_INVALID', () => [keyPair()[0]]],
    ['QUANTUM_KEY_INVALID', (key) => [key, keyPair()[0]]],
    ['PROVENANCE_DIFFERS', (key) => [{ ...key, source: 'partner' }]],
    ['PROVENANCE_DIFFERS', (key) => [{ ...key, path: 'relayed' }]],
    ['PROVENANCE_DIFFERS', (key) => [{ ...key, provenance: Uint8Array.of(1) }]],
  ]
  for (const [code, change] of cases) {
    const [mine, theirs] = keyPair()
    const { hello } = begin({ keys: [mine] })
    const received = receiveHello(hello, receiverInput(bristol, cambridge))
    assert.deepEqual(
      received.wantedKeys.map(({ keyId }) => keyId),
      [mine.keyId],
    )
    const keys = change(theirs)
    refuses(() => respond(received, { signer: cambridge.signer, keys }), code)
  }
  const received = receiveHello(begin().hello, receiverInput(bristol, cambridge))
  const keys = [keyPair()[0]]
  refuses(() => respond(received, { signer: cambridge.signer, keys }), 'QUANTUM_KEY_UNEXPECTED')
})

test('fibre cut by Eve lowers prefer-quantum visibly, and require-quantum not at all', () => {
  // She strips the key_IDs in flight: the signature no longer holds.
  const { hello } = begin({ keys: [keyPair()[0]] })
  const frame = fromCbor(hello, 20_000) as Record<string, Uint8Array>
  const stripped = toCbor({ ...frame, body: toCbor({ ...read(frame['body']), keys: [] }) })
  const code = 'SESSION_SIGNATURE_INVALID'
  refuses(() => receiveHello(stripped, receiverInput(bristol, cambridge)), code)
  // She cuts the fibre: no keys at either end.
  const cut = answered()
  assert.equal(complete(cut.mine, cut.answer, AT).session.protection.used, 'hybrid-post-quantum')
  const wanted = { wanted: 'require-quantum', keys: [] } as const
  refuses(() => begin(wanted), 'QUANTUM_KEY_REQUIRED')
})

test('a site whose policy lets go of a class still meets the peer’s policy', () => {
  const lax = withPolicy(bristol, { classes: { archive: 'post-quantum' } })
  const input = { dataClass: 'archive', wanted: 'post-quantum', policy: lax.policy } as const
  const { hello } = begin(input)
  refuses(() => receiveHello(hello, receiverInput(bristol, cambridge)), 'QUANTUM_KEY_REQUIRED')
})

test('no octets make a reader do anything but refuse', () => {
  const { mine, theirs } = answered()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      refuses(() => receiveHello(octets, receiverInput(bristol, cambridge)))
      refuses(() => complete(mine, octets, AT))
      refuses(() => accept(theirs, octets, AT))
    }),
    { numRuns: 300 },
  )
  refuses(() => receiveHello(new Uint8Array(12_289), receiverInput(bristol, cambridge)))
})

type Body = Readonly<Record<string, CborValue | undefined>>

interface Underway {
  readonly mine: Initiated
  readonly hello: Uint8Array
  readonly answer: Uint8Array
  readonly theirs: Responded
}

function begin(changes: Partial<InitiateInput> = {}): ReturnType<typeof initiate> {
  return initiate(initiatorInput(bristol, cambridge, changes))
}

function answered(changes: Partial<InitiateInput> = {}, fetched: QuantumKey[] = []): Underway {
  const { hello, state: mine } = begin(changes)
  const received = receiveHello(hello, receiverInput(bristol, cambridge))
  const { answer, state } = respond(received, { signer: cambridge.signer, keys: fetched })
  return { mine, hello, answer, theirs: state }
}

/** The same message with its body changed and signed anew, as a lying peer would. */
function resigned(
  octets: Uint8Array,
  kind: 'hello' | 'answer',
  by: DualSigner,
  change: (body: Body) => Body,
): Uint8Array {
  const { body } = fromCbor(octets, 20_000) as { body: Uint8Array }
  const changed = toCbor(change(read(body)))
  return toCbor({ body: changed, ...signDual(by, `photonward/session/v1/${kind}`, changed) })
}

function reanswered(answer: Uint8Array, by: DualSigner, change: (body: Body) => Body): Uint8Array {
  const { signed, tag } = fromCbor(answer, 20_000) as Record<string, Uint8Array>
  return toCbor({ signed: resigned(signed, 'answer', by, change), tag })
}

function bodyOf(answer: Uint8Array): Body {
  const { signed } = fromCbor(answer, 20_000) as Record<string, Uint8Array>
  const { body } = fromCbor(signed, 20_000) as Record<string, Uint8Array>
  return read(body)
}

function read(body: Uint8Array): Body {
  return fromCbor(body, 20_000) as Body
}

function list(body: Body): readonly CborValue[] {
  return body['keys'] as readonly CborValue[]
}

function flip(octets: Uint8Array, place: number): Uint8Array {
  return octets.with(place, octets[place] ^ 1)
}

function refuses(call: () => unknown, code?: SessionRefusalCode): void {
  assert.throws(call, (error) => {
    assert(error instanceof SessionRefusal, String(error))
    if (code !== undefined) assert.equal(error.code, code)
    return true
  })
}
