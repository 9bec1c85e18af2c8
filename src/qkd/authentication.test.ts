/**
 * Tags: what they bind, and how pads are spent.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, utf8 } from '#base'
import { PolynomialHash } from '#crypto'
import {
  forgeryProbability,
  newTranscript,
  Wallet,
  type TagSubject,
  type Transcript,
} from './authentication.ts'
import { pairedSources } from './fixture.test.ts'

const subject: TagSubject = {
  session: new Uint8Array(32).fill(7),
  from: 'transmitter',
  epoch: 3,
  block: 9,
  phase: 'sifting',
}

const transcriptOf = (seed = 1): Transcript => {
  const random = new SeededRandom(seed)
  const transcript = newTranscript()
  for (const size of [0, 5, 16, 33]) transcript.transmitter.push(random.octets(size))
  for (const size of [8, 100]) transcript.receiver.push(random.octets(size))
  return transcript
}

/** The wallets of both ends, with all pads that are due marked as used. */
function wallets(pads = 64): { readonly alice: Wallet; readonly bob: Wallet } {
  const sources = pairedSources(1, 'bootstrap-1', pads)
  const [alice, bob] = [new Wallet([sources.transmitter]), new Wallet([sources.receiver])]
  for (const wallet of [alice, bob]) burn(wallet)
  return { alice, bob }
}

function burn(wallet: Wallet): void {
  for (let due = wallet.burnDue(); due !== undefined; due = wallet.burnDue()) {
    wallet.burned(due.source, due.to)
  }
}

function tagOf(wallet: Wallet, of = subject, transcript = transcriptOf()) {
  const tag = wallet.tag(of, transcript)
  assert(tag !== undefined)
  return tag
}

test('a tag fits its transcript and nothing else', () => {
  const changes: ((t: Transcript) => Transcript)[] = [
    (t) => ({
      ...t,
      transmitter: [
        ...t.transmitter.slice(0, 3),
        t.transmitter[3].with(0, t.transmitter[3][0] ^ 1),
      ],
    }),
    (t) => ({ ...t, transmitter: t.transmitter.slice(0, 3) }),
    (t) => ({ ...t, transmitter: t.transmitter.toReversed() }),
    (t) => ({ ...t, transmitter: [...t.transmitter, new Uint8Array(0)] }),
    // The same octets, cut differently.
    (t) => ({
      ...t,
      transmitter: [
        t.transmitter[1].subarray(0, 2),
        t.transmitter[1].subarray(2),
        ...t.transmitter.slice(2),
      ],
    }),
    (t) => ({ ...t, receiver: t.receiver.slice(1) }),
    (t) => ({ ...t, receiver: [t.receiver[0], t.receiver[1].subarray(1)] }),
  ]
  for (const change of changes) {
    const { alice, bob } = wallets()
    assert(!bob.verify(subject, change(transcriptOf()), tagOf(alice)))
  }
  const subjects: TagSubject[] = [
    { ...subject, session: new Uint8Array(32).fill(8) },
    { ...subject, from: 'receiver' },
    { ...subject, epoch: 4 },
    { ...subject, block: 10 },
    { ...subject, phase: 'storage' },
  ]
  for (const other of subjects) {
    const { alice, bob } = wallets()
    assert(!bob.verify(other, transcriptOf(), tagOf(alice)))
  }
  const { alice, bob } = wallets()
  const tag = tagOf(alice)
  assert(bob.verify(subject, transcriptOf(), tag))
  assert(!bob.verify(subject, transcriptOf(), tag), 'a pad is accepted once')
})

test('what is hashed is spelled out: big-endian numbers, then the words of the maker', () => {
  const source = pairedSources(1, 'bootstrap-1', 64).transmitter
  const [hashKey, pad] = [source.send.hashKey.slice(), source.send.pads.slice(0, 16)]
  const wallet = new Wallet([source])
  burn(wallet)
  const { tag } = tagOf(wallet)
  const { transmitter, receiver } = transcriptOf()
  const head = ['photonward qkd tag 1', '', 'transmitter', 'sifting', '', ''].map(utf8)
  head[1] = subject.session
  head[4] = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, subject.epoch)
  head[5] = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, subject.block)
  const sized = head.flatMap((part) => [Uint8Array.of(0, 0, 0, part.length), part])
  const sizes = [4, 2, ...[...transmitter, ...receiver].map(({ length }) => length)]
  const numbers = sizes.map((size) => Uint8Array.of(0, 0, 0, size))
  const hashed = new PolynomialHash(hashKey).digestOf([...sized, ...numbers, ...transmitter])
  assert.deepEqual(
    tag,
    hashed.map((octet, at) => octet ^ pad[at]),
  )
})

test('a forged tag spends one pad, not all', () => {
  const { alice, bob } = wallets()
  const forged = { source: 'bootstrap-1', pad: 63, tag: new Uint8Array(16) }
  const before = bob.padsLeft.receive
  assert(!bob.verify(subject, transcriptOf(), { ...forged, pad: 0 }))
  assert.equal(bob.padsLeft.receive, before - 1)
  assert(!bob.verify(subject, transcriptOf(), { ...forged, source: 'unknown' }))
  assert(!bob.verify(subject, transcriptOf(), { ...forged, pad: 64 }))
  assert.equal(bob.padsLeft.receive, before - 1)
  tagOf(alice)
  assert(bob.verify(subject, transcriptOf(), tagOf(alice)), 'the next pad still works')
  const far = wallets(256)
  assert(!far.bob.verify(subject, transcriptOf(), { ...forged, pad: 200 }))
  assert.equal(far.bob.padsLeft.receive, 256, 'a pad far ahead is not taken')
})

test('no pad makes a tag before it is durably marked as used, and none makes two', () => {
  const wallet = new Wallet([pairedSources(2, 'bootstrap-1', 40).transmitter])
  assert.equal(wallet.tag(subject, transcriptOf()), undefined)
  const pads = new Set<number>()
  let burnedTo = 0
  for (;;) {
    const due = wallet.burnDue()
    if (due !== undefined) {
      assert.equal(due.from, burnedTo)
      burnedTo = due.to
      assert.equal(wallet.burnDue(), undefined, 'a run is asked for once')
      wallet.burned(due.source, due.to)
    }
    const tag = wallet.tag(subject, transcriptOf())
    if (tag === undefined) break
    assert(tag.pad < burnedTo && !pads.has(tag.pad))
    pads.add(tag.pad)
  }
  assert.equal(pads.size, 40)
  assert(wallet.exhausted)
})

test('a resumed sender starts behind the run that was marked before the crash', () => {
  const { transmitter, receiver } = pairedSources(3, '4/7', 64)
  const first = new Wallet([transmitter])
  burn(first)
  const resumed = pairedSources(3, '4/7', 64).transmitter
  const next = 32
  const second = new Wallet([{ ...resumed, send: { ...resumed.send, next } }])
  burn(second)
  const bob = new Wallet([receiver])
  const old = tagOf(first)
  bob.peerStartsAt('4/7', next)
  const tag = tagOf(second)
  assert.equal(tag.pad, next)
  assert(bob.verify(subject, transcriptOf(), tag))
  assert(!bob.verify(subject, transcriptOf(), old), 'pads below the start are refused')
})

test('the newest reserve is sent with first, a bootstrap never once there is one', () => {
  const { alice, bob } = wallets(64)
  const reserve = (sequence: number) => pairedSources(10 + sequence, `1/${sequence}`, 4)
  const late = tagOf(alice)
  for (const sequence of [0, 1]) {
    alice.add(reserve(sequence).transmitter)
    bob.add(reserve(sequence).receiver)
  }
  assert(bob.verify(subject, transcriptOf(), late), 'a tag on its way still fits')
  burn(alice)
  const sources: string[] = []
  for (;;) {
    burn(alice)
    const tag = alice.tag(subject, transcriptOf())
    if (tag === undefined) break
    sources.push(tag.source)
    assert(bob.verify(subject, transcriptOf(), tag))
  }
  assert.deepEqual(sources, [...Array<string>(4).fill('1/1'), ...Array<string>(4).fill('1/0')])
  assert(!bob.ids.includes('bootstrap-1'), 'the peer has moved on, so the bootstrap is forgotten')
  const forged = { source: 'bootstrap-1', pad: 60, tag: new Uint8Array(16) }
  assert(!bob.verify(subject, transcriptOf(), forged))
})

test('a wallet keeps a limited number of reserves', () => {
  const wallet = new Wallet([])
  for (let sequence = 0; sequence < 40; sequence++) {
    wallet.add(pairedSources(sequence, `1/${sequence}`, 2).transmitter)
  }
  assert.equal(wallet.ids.length, 16)
  assert.equal(wallet.ids.at(-1), '1/39')
})

test('a disposed wallet has overwritten its keys and pads', () => {
  const source = pairedSources(4).transmitter
  const wallet = new Wallet([source])
  wallet[Symbol.dispose]()
  for (const run of [source.send, source.receive]) {
    assert(run.hashKey.every((octet) => octet === 0) && run.pads.every((octet) => octet === 0))
  }
})

test('the chance of a forgery grows with what is said, and stays far below any ε in use', () => {
  const megabyte = newTranscript()
  megabyte.transmitter.push(new Uint8Array(1_000_000))
  const small = forgeryProbability(transcriptOf(), 'transmitter')
  const large = forgeryProbability(megabyte, 'transmitter')
  assert(small < large && large < 2e-34)
  assert(forgeryProbability(megabyte, 'receiver') < small * 10)
})
