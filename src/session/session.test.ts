import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, SecretBytes, type Facts } from '#base'
import { initiate, complete } from './initiator.ts'
import {
  accept,
  isDegraded,
  readProtection,
  receiveHello,
  respond,
  weakestProtection,
  type Protection,
  type ProtectionMode,
  type Session,
} from './mod.ts'
import {
  at,
  exchange,
  initiatorInput,
  keyPair,
  keyPairs,
  receiverInput,
  testSite,
  withPolicy,
} from './fixture.test.ts'

const bristol = testSite('bristol')
const cambridge = testSite('cambridge')

test('both ends agree on keys, one for each direction, and on the record of protection', () => {
  const [mine, theirs] = keyPairs(3)
  const ids = mine.map(({ keyId }) => keyId).toSorted()
  const { first, second } = exchange(bristol, cambridge, { keys: mine, fetched: theirs })
  agree(first, second)
  assert.notDeepEqual(first.sendKey.reveal(), first.receiveKey.reveal())
  assert.deepEqual(first.protection, second.protection)
  assert.deepEqual(first.protection, {
    mode: 'prefer-quantum',
    used: 'hybrid-quantum',
    suite: 'PW-HYB-1',
    keyIds: ids,
    keySource: 'kme-asserted',
    keyPath: 'direct',
    sessionId: first.id,
    transcript: first.protection.transcript,
    at,
  } satisfies Protection)
  assert.match(first.protection.transcript, /^[0-9a-f]{96}$/)
  assert.deepEqual([first.role, first.peer], ['initiator', cambridge.party])
  assert.deepEqual([second.role, second.peer], ['responder', bristol.party])
  assert.equal(first.epoch, 1)
})

test('keys go in by order of key_ID, so that the order they come in does not matter', () => {
  const [mine, theirs] = keyPairs(4)
  const { first, second } = exchange(bristol, cambridge, {
    keys: mine,
    fetched: theirs.toReversed(),
  })
  agree(first, second)
})

test('the modes give what they say, with and without a QKD key', () => {
  const outcomes: readonly (readonly [ProtectionMode, string, boolean, string])[] = [
    ['post-quantum', 'link-authentication', false, 'post-quantum hybrid-post-quantum none'],
    ['prefer-quantum', 'link-authentication', false, 'prefer-quantum hybrid-post-quantum none'],
    ['prefer-quantum', 'clinical', true, 'prefer-quantum hybrid-quantum kme-asserted'],
    ['prefer-quantum', 'clinical', false, 'prefer-quantum hybrid-post-quantum none'],
    ['post-quantum', 'clinical', true, 'prefer-quantum hybrid-quantum kme-asserted'],
    ['require-quantum', 'clinical', true, 'require-quantum hybrid-quantum kme-asserted'],
    ['prefer-quantum', 'archive', true, 'require-quantum hybrid-quantum kme-asserted'],
  ]
  for (const [wanted, dataClass, withKey, expected] of outcomes) {
    const [keys, fetched] = keyPairs(withKey ? 1 : 0)
    const { first, second } = exchange(bristol, cambridge, { wanted, dataClass, keys, fetched })
    const { mode, used, keySource } = first.protection
    assert.equal(`${mode} ${used} ${keySource}`, expected)
    assert.equal(isDegraded(first.protection), mode === 'prefer-quantum' && !withKey)
    agree(first, second)
  }
})

test('require-quantum waits without a key, at either end, and nothing leaves', () => {
  const archive = { dataClass: 'archive', wanted: 'require-quantum' } as const
  const code = 'QUANTUM_KEY_REQUIRED'
  assert.throws(() => initiate(initiatorInput(bristol, cambridge, archive)), { code })
  // The initiator has a key; the responder's has been voided, so it cannot fetch its half.
  const [mine] = keyPair()
  const { hello } = initiate(initiatorInput(bristol, cambridge, { ...archive, keys: [mine] }))
  const received = receiveHello(hello, receiverInput(bristol, cambridge))
  assert.throws(() => respond(received, { signer: cambridge.signer, keys: [] }), { code })
  // The responder asks for more than the initiator: prefer is not enough for it.
  const strict = withPolicy(cambridge, { classes: { clinical: 'require-quantum' } })
  const weak = initiate(initiatorInput(bristol, strict))
  assert.throws(() => receiveHello(weak.hello, receiverInput(bristol, strict)), { code })
})

test('prefer-quantum goes on when the responder cannot fetch the key, and is marked', () => {
  const [mine] = keyPair()
  const { first, second } = exchange(bristol, cambridge, { keys: [mine] })
  agree(first, second)
  assert.equal(first.protection.used, 'hybrid-post-quantum')
  assert.deepEqual(first.protection.keyIds, [])
  assert(isDegraded(first.protection) && isDegraded(second.protection))
})

test('the responder raises a mode to its own minimum where the keys allow', () => {
  const strict = withPolicy(cambridge, { classes: { clinical: 'require-quantum' } })
  const [mine, theirs] = keyPair()
  const { first, second } = exchange(bristol, strict, { keys: [mine], fetched: [theirs] })
  agree(first, second)
  assert.equal(first.protection.mode, 'require-quantum')
})

test('simulated keys count as quantum under a demo policy only', () => {
  const simulated = { source: 'simulated' } as const
  const demo = { acceptSimulated: true, classes: { archive: 'require-quantum' } } as const
  const demoPair = [withPolicy(bristol, demo), withPolicy(cambridge, demo)] as const
  const wanted = { dataClass: 'archive', wanted: 'require-quantum' } as const
  const [keys, fetched] = keyPairs(2, simulated)
  const { first } = exchange(...demoPair, { ...wanted, keys, fetched })
  assert.equal(first.protection.keySource, 'simulated')
  const code = 'QUANTUM_KEY_SIMULATED'
  const [more] = keyPairs(1, simulated)
  assert.throws(() => initiate(initiatorInput(bristol, cambridge, { ...wanted, keys: more })), {
    code,
  })
  // A demo site cannot make another site take its simulated key for a quantum one.
  const { hello } = initiate(
    initiatorInput(demoPair[0], cambridge, { ...wanted, keys: keyPairs(1, simulated)[0] }),
  )
  assert.throws(() => receiveHello(hello, receiverInput(demoPair[0], cambridge)), { code })
  // Where quantum is only preferred, it goes without.
  const [offered] = keyPairs(1, simulated)
  const preferring = initiate(
    initiatorInput(
      withPolicy(bristol, { ...demo, classes: { clinical: 'prefer-quantum' } }),
      cambridge,
      {
        keys: offered,
      },
    ),
  )
  assert.deepEqual(receiveHello(preferring.hello, receiverInput(bristol, cambridge)).wantedKeys, [])
})

test('one simulated key among many makes the whole no better than simulated', () => {
  const [a, b] = [keyPair(), keyPair({ source: 'simulated' })]
  const keys = [a[0], b[0]]
  const input = { dataClass: 'archive', wanted: 'require-quantum', keys } as const
  assert.throws(() => initiate(initiatorInput(bristol, cambridge, input)), {
    code: 'QUANTUM_KEY_SIMULATED',
  })
})

test('a relayed key makes the path relayed, and the worst source is recorded', () => {
  const pairs = [keyPair(), keyPair({ path: 'relayed', source: 'partner' })]
  const { first } = exchange(bristol, cambridge, {
    keys: pairs.map(([one]) => one),
    fetched: pairs.map(([, two]) => two),
  })
  assert.deepEqual([first.protection.keySource, first.protection.keyPath], ['partner', 'relayed'])
})

test('exports are the same at both ends, and unrelated for each label and length', () => {
  const { first, second } = exchange(bristol, cambridge)
  const seen = new Set<string>()
  const uses = [
    ['link-authentication/initiator', 4112],
    ['link-authentication/responder', 4112],
    ['link-authentication/initiator', 4113],
    ['link-authentication', 32],
    ['x', 12_240],
  ] as const
  for (const [label, length] of uses) {
    using mine = first.exportSecret(label, length)
    using theirs = second.exportSecret(label, length)
    assert.deepEqual(mine.reveal(), theirs.reveal())
    assert.equal(mine.length, length)
    seen.add(hex(mine.reveal().subarray(0, 16)))
  }
  assert.equal(seen.size, uses.length)
  const wrong: readonly (readonly [string, number])[] = [
    ['', 32],
    ['a b', 32],
    ['a'.repeat(129), 32],
    ['a', 0],
    ['a', 12_241],
    ['a', 1.5],
  ]
  for (const [label, length] of wrong) {
    assert.throws(() => first.exportSecret(label, length), { code: 'EXPORT_INVALID' })
  }
})

test('QKD keys given to a session are used up, whatever comes of it', () => {
  const [mine, theirs] = keyPair()
  exchange(bristol, cambridge, { keys: [mine], fetched: [theirs] })
  const [refused] = keyPair({ source: 'simulated' })
  const archive = { dataClass: 'archive', keys: [refused] }
  assert.throws(() => initiate(initiatorInput(bristol, cambridge, archive)))
  for (const key of [mine, theirs, refused]) {
    assert.throws(() => key.octets.reveal(), { name: 'AssertionFailure' })
  }
})

test('a session that was disposed of gives no key, and a state gives one session', () => {
  const begun = initiate(initiatorInput(bristol, cambridge))
  const received = receiveHello(begun.hello, receiverInput(bristol, cambridge))
  const { answer, state } = respond(received, { signer: cambridge.signer, keys: [] })
  const { confirm, session } = complete(begun.state, answer, at)
  const peer = accept(state, confirm, at)
  assert.throws(() => complete(begun.state, answer, at), { code: 'SESSION_SPENT' })
  assert.throws(() => accept(state, confirm, at), { code: 'SESSION_SPENT' })
  agree(session, peer)
  const kept = session.sendKey.reveal()
  session[Symbol.dispose]()
  assert(kept.every((octet) => octet === 0))
  assert.throws(() => session.sendKey.reveal(), { name: 'AssertionFailure' })
  assert.throws(() => session.exportSecret('a', 32), { name: 'AssertionFailure' })
  const given = initiate(initiatorInput(bristol, cambridge))
  given.state[Symbol.dispose]()
  assert.throws(() => complete(given.state, answer, at), { code: 'SESSION_SPENT' })
})

test('unusable QKD keys are refused before a hello is made of them', () => {
  const [key] = keyPair()
  const fresh = (): SecretBytes => SecretBytes.take(new Uint8Array(32))
  const bad = { code: 'QUANTUM_KEY_INVALID' }
  const cases = [
    [{ ...key, octets: SecretBytes.take(new Uint8Array(31)) }],
    [
      { ...key, octets: fresh() },
      { ...key, octets: fresh() },
    ],
    keyPairs(17)[0],
    [{ ...key, octets: fresh(), provenance: new Uint8Array(65) }],
    [{ ...key, octets: fresh(), keyId: key.keyId.toUpperCase() as typeof key.keyId }],
  ]
  for (const keys of cases) {
    assert.throws(() => initiate(initiatorInput(bristol, cambridge, { keys })), bad)
  }
  const [sixteen, same] = keyPairs(16)
  agreeBoth(exchange(bristol, cambridge, { keys: sixteen, fetched: same }))
  const unasked = { dataClass: 'link-authentication', wanted: 'post-quantum' } as const
  const keys = keyPairs(1)[0]
  assert.throws(() => initiate(initiatorInput(bristol, cambridge, { ...unasked, keys })), {
    code: 'QUANTUM_KEY_UNEXPECTED',
  })
})

test('the weakest of several transmissions is what protects an item', () => {
  const { first } = exchange(bristol, cambridge, {})
  const [keys, fetched] = keyPairs(1)
  const strong = exchange(bristol, cambridge, { keys, fetched }).first.protection
  const weak = first.protection
  const simulated: Protection = { ...strong, keySource: 'simulated' }
  const relayed: Protection = { ...strong, keyPath: 'relayed' }
  assert.equal(weakestProtection(strong, weak, simulated), weak)
  assert.equal(weakestProtection(strong, simulated, relayed), simulated)
  assert.equal(weakestProtection(strong, relayed), relayed)
  assert.equal(weakestProtection(strong), strong)
})

test('a record of protection passes its door, and nothing else does', () => {
  const { protection } = exchange(bristol, cambridge).first
  assert.deepEqual(readProtection(structuredClone(protection)), protection)
  for (const change of [
    { mode: 'classical' },
    { used: 'quantum' },
    { suite: 'PW-HYB-2' },
    { transcript: '00' },
    { patient: 'x' },
    { keyIds: ['not a key'] },
  ] as Facts[]) {
    assert.throws(() => readProtection({ ...protection, ...change }), { code: 'SHAPE_INVALID' })
  }
})

function agree(first: Session, second: Session): void {
  assert.equal(first.id, second.id)
  assert.deepEqual(first.sendKey.reveal(), second.receiveKey.reveal())
  assert.deepEqual(first.receiveKey.reveal(), second.sendKey.reveal())
  assert.equal(first.protection.transcript, second.protection.transcript)
}

function agreeBoth({ first, second }: { first: Session; second: Session }): void {
  agree(first, second)
}
