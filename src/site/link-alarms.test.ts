import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, PortRefusal, siteId, type Statement, type Store } from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { signingKeyPairOf } from '#crypto'
import type { Keystore, Position } from '#keystore'
import type { Alarm, AlarmKind, BlockReport } from '#qkd'
import { MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from './alarms.ts'
import { LinkAlarms } from './link-alarms.ts'

const site = siteId('bristol')
const link = linkId('bristol-cambridge')

/** What outlives a daemon: its store, and the quarantine in it. */
class Machine {
  readonly time = new SimulatedTime()
  readonly memory = new MemoryStore([...auditMigrations, ...alarmMigrations])
  quarantine: string | undefined
  since: object | undefined
  isFull = false
  readonly store: Store = {
    read: (statement) => this.memory.read(statement),
    commit: (statements: readonly Statement[]) =>
      this.isFull ? Promise.reject(full()) : this.memory.commit(statements),
  }

  /** A new daemon over it. */
  async start(waitsFrom: () => Position | undefined = () => undefined) {
    let inForce = this.quarantine
    const keystore = {
      peers: [siteId('cambridge')],
      pool: () => ({ links: [{ link, quarantine: inForce }] }),
      quarantine: ({ cause, since }: { cause: string; since?: object }) => {
        this.since = since
        inForce = cause
        if (this.isFull) return Promise.reject(full())
        this.quarantine = cause
        return Promise.resolve()
      },
      release: () => {
        if (this.isFull) return Promise.reject(full())
        inForce = this.quarantine = undefined
        return Promise.resolve()
      },
    } as unknown as Keystore
    const clock = this.time.view()
    const { store } = this
    const audit = await AuditLog.open({ site, store, clock, signer })
    const random = seededRandom(1)
    const alarms = await Alarms.open({ site, store, clock, random, audit, log: new MemoryLog() })
    const own = new LinkAlarms({ link, alarms, keystore, waitsFrom })
    return { alarms, own, isQuarantined: () => inForce !== undefined }
  }
}

const full = (): PortRefusal => new PortRefusal('STORE_FULL', 'The disk is full')
const signer = {
  name: 'photonward.example/bristol',
  ed25519: signingKeyPairOf('ed25519', new Uint8Array(32).fill(1)),
  mlDsa44: signingKeyPairOf('ml-dsa-44', new Uint8Array(32).fill(2)),
}
const alarm = (kind: AlarmKind, state: Alarm['state'] = 'raised'): Alarm => {
  return { kind, state, severity: 'high', facts: { qber: 0.2 } }
}
const block = (sequence: number, cause?: BlockReport['cause']): BlockReport =>
  ({
    ...{ link, epoch: 1, sequence, outcome: cause === undefined ? 'distilled' : 'discarded' },
    ...(cause && { cause }),
  }) as unknown as BlockReport

test('a suspicion that an earlier run has left is lifted by three sound blocks, not before', async () => {
  const machine = new Machine()
  const before = await machine.start()
  await before.own.take(alarm('qber-above-limit'))
  assert.equal(machine.quarantine, 'qber-above-limit')
  const { alarms, own, isQuarantined } = await machine.start()
  for (const sequence of [0, 1]) {
    await own.blockEnded(block(sequence))
    assert(own.isSuspect() && isQuarantined(), `after ${sequence + 1} blocks`)
  }
  await own.blockEnded(block(2))
  assert(!own.isSuspect() && !isQuarantined())
  assert.equal(machine.quarantine, undefined)
  assert.deepEqual(alarms.standing, [])
})

test('keys that wait without an alarm, for it was never stored, are released as well', async () => {
  const machine = new Machine()
  machine.quarantine = 'decoy-statistics'
  const { own, isQuarantined } = await machine.start()
  assert(own.isSuspect())
  for (const sequence of [0, 1, 2]) await own.blockEnded(block(sequence))
  assert(!own.isSuspect() && !isQuarantined())
})

test('keys that somebody else has put under quarantine stay there', async () => {
  const machine = new Machine()
  machine.quarantine = 'by the operator'
  const { own, isQuarantined } = await machine.start()
  for (const sequence of [0, 1, 2, 3]) await own.blockEnded(block(sequence))
  assert(own.isSuspect() && isQuarantined())
})

test('a condition of an earlier run ends with sound blocks; one of this run stays', async () => {
  const machine = new Machine()
  const before = await machine.start()
  await before.own.take(alarm('rate-collapse'))
  await before.own.take(alarm('double-clicks'))
  const { alarms, own } = await machine.start()
  await own.take(alarm('double-clicks'))
  for (const sequence of [0, 1, 2]) await own.blockEnded(block(sequence))
  assert.deepEqual(
    alarms.standing.map(({ kind }) => kind),
    ['link.double-clicks'],
  )
  await own.take(alarm('double-clicks', 'cleared'))
  assert.deepEqual(alarms.standing, [])
})

test('a full store delays alarm and quarantine, and loses neither', async () => {
  const machine = new Machine()
  const { alarms, own, isQuarantined } = await machine.start()
  machine.isFull = true
  await assert.rejects(own.take(alarm('qber-above-limit')), { code: 'STORE_FULL' })
  assert(isQuarantined(), 'in force at once')
  assert.deepEqual(alarms.standing, [])
  machine.isFull = false
  await own.blockEnded(block(0, 'qber-above-limit'))
  assert.equal(machine.quarantine, 'qber-above-limit')
  assert.deepEqual(
    alarms.standing.map(({ kind }) => kind),
    ['link.qber-above-limit'],
  )
})

test('a release that the store refuses is tried again at the next sound block', async () => {
  const machine = new Machine()
  const { alarms, own, isQuarantined } = await machine.start()
  await own.take(alarm('qber-above-limit'))
  await own.take(alarm('qber-above-limit', 'cleared'))
  for (const sequence of [0, 1]) await own.blockEnded(block(sequence))
  machine.isFull = true
  await assert.rejects(own.blockEnded(block(2)), { code: 'STORE_FULL' })
  assert(own.isSuspect() && isQuarantined())
  machine.isFull = false
  await own.blockEnded(block(3))
  assert(!own.isSuspect() && !isQuarantined())
  assert.deepEqual(alarms.standing, [])
})

test('a late sound block from before the trouble lifts nothing', async () => {
  const { own, isQuarantined } = await new Machine().start()
  await own.take(alarm('qber-above-limit'))
  await own.blockEnded(block(5, 'qber-above-limit'))
  for (const sequence of [2, 3, 4]) await own.blockEnded(block(sequence))
  assert(isQuarantined())
  await own.take(alarm('qber-above-limit', 'cleared'))
  for (const sequence of [6, 7, 8]) await own.blockEnded(block(sequence))
  assert(!isQuarantined())
})

test('while the cause of a suspicion stands, blocks that pass lift nothing', async () => {
  for (const kind of ['photocurrent', 'decoy-statistics', 'incoming-light'] as const) {
    const { own, isQuarantined } = await new Machine().start()
    await own.take(alarm(kind))
    for (const sequence of [0, 1, 2, 3, 4]) await own.blockEnded(block(sequence))
    assert(own.isSuspect() && isQuarantined(), kind)
    await own.take(alarm(kind, 'cleared'))
    for (const sequence of [5, 6]) await own.blockEnded(block(sequence))
    assert(isQuarantined(), 'three blocks after its end, not before')
    await own.blockEnded(block(7))
    assert(!own.isSuspect() && !isQuarantined())
  }
})

test('one failed tag has no end: three later sound blocks are enough', async () => {
  const { own, isQuarantined } = await new Machine().start()
  await own.take(alarm('authentication-failed'))
  await own.blockEnded(block(0, 'authentication-failed'))
  for (const sequence of [1, 2, 3]) await own.blockEnded(block(sequence))
  assert(!isQuarantined())
})

test('under suspicion all keys wait, but on a last way that policy leaves only later ones', async () => {
  for (const since of [undefined, { epoch: 3, sequence: 7 }]) {
    const machine = new Machine()
    const { own, isQuarantined } = await machine.start(() => since)
    await own.take(alarm('qber-above-limit'))
    assert(isQuarantined())
    assert.deepEqual(machine.since, since)
  }
})
