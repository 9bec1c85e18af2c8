/**
 * A scripted history of two key stores, killed at every effect in turn.
 *
 * Each run kills one end at its n-th write to store or disk, either just before or just after it
 * happened, brings it back on what was left, lets the two hosts meet again, and goes on. What
 * counts as failure: a key delivered twice at one end; two ends with different octets under one
 * key_ID; bits that neither end can ever use again without saying so; two ends that count
 * differently.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyId } from '#base'
import { readActivation } from '#keystore'
import {
  archive,
  assertCountsAgree,
  blockBits,
  clinic,
  type End,
  Fuse,
  link,
  origin,
  reconnect,
  sendVoids,
  twoEnds,
  ward,
} from './two-ends.test.ts'

type Ends = Awaited<ReturnType<typeof twoEnds>> & {
  /** Fuses for the next openings after a death: a site may die again while it recovers. */
  readonly spare: Fuse[]
}

/** What SAEs have been given, by key_ID and by who got it. */
class Ledger {
  readonly masters = new Map<KeyId, string>()
  readonly slaves = new Map<string, string>()

  atMaster(keyId: KeyId, octets: string): void {
    assert(!this.masters.has(keyId), 'a master got one key twice')
    assert(![...this.masters.values()].includes(octets), 'a master got the same bits twice')
    this.masters.set(keyId, octets)
  }

  atSlave(keyId: KeyId, slave: string, octets: string): void {
    const name = `${keyId} ${slave}`
    assert(!this.slaves.has(name), 'a slave got one key twice')
    this.slaves.set(name, octets)
  }

  check(): void {
    for (const [name, octets] of this.slaves) {
      const [keyId] = name.split(' ')
      const atMaster = this.masters.get(keyId as KeyId)
      if (atMaster !== undefined) assert.equal(octets, atMaster, 'the ends have different keys')
    }
    const bits = new Map<string, string>()
    for (const [name, octets] of this.slaves) {
      const keyId = name.split(' ')[0]
      assert.equal(bits.get(octets) ?? keyId, keyId, 'the same bits under two key_IDs')
      bits.set(octets, keyId)
    }
  }
}

/**
 * Runs a step, whatever comes of it; brings back an end that died; lets the hosts meet again.
 *
 * An error without a death is one of the test, unless the store is meant to refuse now and then.
 */
async function survive(ends: Ends, step: () => Promise<unknown>): Promise<void> {
  const refusing = ends.a.refusing || ends.b.refusing
  const dead = () => [ends.a, ends.b].filter(({ fuse }) => fuse.dead)
  try {
    await step()
    if (dead().length === 0) return
  } catch (error) {
    // A death may have cost a block that the history counts on later.
    const { code = '' } = error as { code?: string }
    if (dead().length === 0 && !refusing && !LATE.includes(code)) throw error
  }
  for (let attempt = 0; ; attempt++) {
    try {
      for (const end of dead()) await end.open(ends.spare.shift())
      await reconnect(ends)
      return
    } catch (error) {
      if ((dead().length === 0 && !refusing) || attempt > 5) throw error
    }
  }
}

async function grow({ a, b }: Ends, sequence: number): Promise<void> {
  const block = { link, epoch: 1, sequence, key: blockBits(sequence), provenance: origin }
  await a.keys.ingest(block)
  await b.keys.ingest(block)
  await a.keys.confirm(link, block)
  await b.keys.confirm(link, block)
}

async function exchange(
  { a, b }: { a: End; b: End },
  ledger: Ledger,
  request: { number: number; sizeBits: number; fetched: boolean; slaves?: (typeof ward)[] },
): Promise<void> {
  const { number, sizeBits, fetched, slaves = [ward] } = request
  const reservation = await a.keys.reserve({
    peer: b.site,
    master: archive,
    slaves,
    sizeBits,
    number,
    lifeMs: 60_000,
  })
  try {
    for (const activation of reservation.activations) {
      const outcome = await b.keys.activate(a.site, readActivation(activation))
      if (outcome.kind === 'refused') throw new Error(outcome.cause)
    }
  } catch (error) {
    await a.keys.abandon(reservation, 'no answer')
    throw error
  }
  const keys = await a.keys.issue(reservation)
  for (const { keyId, octets } of keys) ledger.atMaster(keyId, octets.reveal().toHex())
  if (!fetched) return
  for (const caller of slaves) {
    const { keyIds } = reservation
    const got = await b.keys.deliver({ keyIds, caller, master: archive })
    for (const { keyId, octets } of got) ledger.atSlave(keyId, caller, octets.reveal().toHex())
  }
}

/** Five keys made ahead: one issued by itself, two together, each fetched; the others given up. */
async function exchangeAhead({ a, b }: { a: End; b: End }, ledger: Ledger): Promise<void> {
  const about = { peer: b.site, master: archive, slaves: [ward], lifeMs: 60_000 }
  const made = await a.keys.reserve({ ...about, sizeBits: 64, number: 5, ahead: true })
  try {
    for (const activation of made.activations) {
      const outcome = await b.keys.activate(a.site, readActivation(activation))
      if (outcome.kind === 'refused') throw new Error(outcome.cause)
    }
    for (const number of [1, 2]) {
      const keys = (await a.keys.issueNext([made], number)) ?? []
      assert.equal(keys.length, number)
      for (const { keyId, octets } of keys) ledger.atMaster(keyId, octets.reveal().toHex())
      const keyIds = keys.map(({ keyId }) => keyId)
      const got = await b.keys.deliver({ keyIds, caller: ward, master: archive })
      for (const { keyId, octets } of got) ledger.atSlave(keyId, ward, octets.reveal().toHex())
    }
  } finally {
    await a.keys.abandon(made, 'not asked for')
  }
}

/** The history: every kind of change once or more, in both directions. */
async function history(ends: Ends, ledger: Ledger): Promise<void> {
  const { a, b, time } = ends
  const back = { a: b, b: a }
  const key = { number: 1, sizeBits: 256, fetched: true }
  await survive(ends, () => grow(ends, 1))
  await survive(ends, () => grow(ends, 2))
  await survive(ends, () => exchange(ends, ledger, key))
  await survive(ends, () => exchange(back, ledger, { ...key, number: 2 }))
  await survive(ends, () => exchange(ends, ledger, { ...key, fetched: false }))
  await survive(ends, () => exchange(ends, ledger, { ...key, slaves: [ward, clinic] }))
  await survive(ends, async () => {
    await a.keys.burnPads({ link, source: '1/2', direction: 'send', from: 0, to: 2 })
    await b.keys.burnPads({ link, source: '1/2', direction: 'receive', from: 0, to: 2 })
  })
  await survive(ends, () => exchange(ends, ledger, { ...key, sizeBits: 448 }))
  await survive(ends, async () => {
    const request = { peer: b.site, master: archive, slaves: [ward], lifeMs: 60_000 }
    const lost = await a.keys.reserve({ ...request, sizeBits: 64, number: 1 })
    await a.keys.abandon(lost, 'no answer')
  })
  await survive(ends, () => sendVoids(a, b))
  await survive(ends, async () => {
    await a.keys.quarantine({ link, cause: 'qber' })
    await a.keys.release(link, 'calm again')
  })
  for (let again = 0; again < 3; again++) {
    await survive(ends, () => a.keys.release(link, 'calm again'))
  }
  await survive(ends, () => reconnect(ends))
  await survive(ends, async () => {
    const unconfirmed = { link, epoch: 1, sequence: 3, key: blockBits(3), provenance: origin }
    await a.keys.ingest(unconfirmed)
    await a.keys.voidBlock({ link, position: unconfirmed, cause: 'tag failed' })
  })
  await time.advance(60_000)
  for (const end of [a, b]) await survive(ends, () => end.keys.tend())
  await survive(ends, () => grow(ends, 4))
  await survive(ends, () => exchangeAhead(ends, ledger))
  await survive(ends, () => sendVoids(a, b))
  await survive(ends, () => exchange(ends, ledger, { ...key, number: 3 }))
  await survive(ends, () => exchange(back, ledger, { ...key, number: 3 }))
  for (const end of [a, b]) await survive(ends, () => end.keys.tend())
}

/** The log of each end tells once of each key that its master had, and of no other such a thing. */
async function assertTold({ a, b }: Ends, ledger: Ledger): Promise<void> {
  const had = { issued: new Set<string>(), voided: new Set<string>() }
  for (const { kind, facts } of [...(await a.events()), ...(await b.events())]) {
    if (!OF_MASTERS.includes(kind)) continue
    const { keyIds } = JSON.parse(facts) as { keyIds?: readonly string[] }
    const into = kind === 'key.voided' ? had.voided : had.issued
    for (const id of keyIds ?? []) {
      assert(kind === 'key.voided' || !into.has(id), `${id} was given out twice, by the log`)
      into.add(id)
    }
  }
  for (const id of ledger.masters.keys()) {
    assert(had.issued.has(id) && !had.voided.has(id), `the log does not tell that ${id} was had`)
  }
}

/** What must hold once everything has come to rest. */
async function assertAtRest(ends: Ends): Promise<void> {
  const { a, b, time } = ends
  await time.advance(200_000)
  // A death in the last destruction shows only now.
  for (const end of [a, b]) await survive(ends, () => end.keys.tend())
  for (const end of [a, b]) end.fuse.defuse()
  for (const end of [a, b]) await survive(ends, () => end.keys.tend())
  assertCountsAgree(ends)
  for (const [end, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    const pool = end.keys.pool(peer.site)
    assert.deepEqual([pool.heldBlocks, pool.pendingVoids, pool.waitingKeys], [0, 0, 0])
    assert.equal(await end.count('keystore_reservation'), 0)
    assert.equal(await end.count('keystore_ahead'), 0)
    assert.equal(await end.count('keystore_key', "state = 'activated'"), 0)
    await end.keys.authenticationSources(link)
    for await (const finding of end.keys.scrub()) assert.equal(finding.kind, 'progress')
    assert.deepEqual(
      end.alarms.filter(({ kind }) => !ORDINARY.includes(kind)),
      [],
    )
    const slots = [...end.disk.files.keys()].length
    const blocks = await end.count('keystore_block', "state in ('held', 'available')")
    assert.equal(slots, blocks, 'each block that is left has its slot file, and no other has')
  }
  // What is left is usable to the last bit, and the ends agree on it.
  const ledger = new Ledger()
  const left = a.keys.pool(b.site).availableBits / 64
  for (let at = 0; at < left; at++) {
    await exchange(ends, ledger, { number: 1, sizeBits: 64, fetched: true })
  }
  ledger.check()
  assert.equal(a.keys.pool(b.site).availableBits, 0)
}

const OF_MASTERS: readonly string[] = ['key.issued', 'key.perhaps-issued', 'key.voided']
const LATE: readonly string[] = ['KEYSTORE_EXHAUSTED', 'KEYSTORE_SOURCE_UNKNOWN']

/** Alarms that belong to the history, and the one of a store that refuses. */
const ORDINARY: readonly string[] = ['key-expired', 'link-quarantined', 'destruction-failed']

const limits = { tombstoneMs: 100_000, reservesKept: 2 }

async function newEnds(...spare: Fuse[]): Promise<Ends> {
  return { ...(await twoEnds({ limits, reserveOctets: 96 })), spare }
}

test('the history runs through undisturbed', async () => {
  const ends = await newEnds()
  const ledger = new Ledger()
  await history(ends, ledger)
  ledger.check()
  assert(ledger.masters.size >= 11)
  assert.equal(ledger.slaves.size, 15)
  await assertAtRest(ends)
  await assertTold(ends, ledger)
})

for (const done of [false, true]) {
  for (const who of ['a', 'b'] as const) {
    const when = done ? 'after' : 'before'
    test(`a key store killed ${when} any effect (${who}) loses and repeats nothing`, async () => {
      let deaths = 0
      for (let at = 1; ; at++) {
        const ends = await newEnds(new Fuse(1 + (at % 7), done))
        const fuse = new Fuse(at, done)
        await survive(ends, () => ends[who].open(fuse))
        const ledger = new Ledger()
        try {
          await history(ends, ledger)
          ledger.check()
          if (!fuse.dead) break
          deaths++
          await assertAtRest(ends)
          await assertTold(ends, ledger)
        } catch (error) {
          throw new Error(`Died ${when} effect ${at} of ${who}`, { cause: error })
        }
      }
      assert(deaths > 40, `the history has only ${deaths} effects`)
    })
  }
}

test('a store that refuses now and then never makes the ends disagree', async () => {
  for (let at = 1; at < 60; at++) {
    const ends = await newEnds()
    const ledger = new Ledger()
    const flaky = at % 2 === 0 ? ends.a : ends.b
    flaky.refuse(at, at + 2)
    try {
      await history(ends, ledger)
      ledger.check()
      flaky.refuse()
      for (const end of [ends.a, ends.b]) await end.keys.tend()
      await reconnect(ends)
      assertCountsAgree(ends)
      // A slot file whose block was refused is swept away at the next opening.
      await flaky.open()
      await reconnect(ends)
      await assertAtRest(ends)
      await assertTold(ends, ledger)
    } catch (error) {
      throw new Error(`${flaky.site} refused effects ${at} and ${at + 2}`, { cause: error })
    }
  }
})
