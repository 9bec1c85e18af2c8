/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bind,
  linkId,
  Refusal,
  SecretBytes,
  SeededRandom,
  siteId,
  statement,
  tablesOf,
  type Network,
  type SiteId,
} from '#base'
import type { AuditTrail } from '#audit'
import { keystoreMigrations, openKeystore } from '#keystore'
import {
  linkOf,
  namedLink,
  OpticsRefusal,
  presetNamed,
  type Alignment,
  type PulseSettings,
  type ReceiverDevice,
  type TransmitterDevice,
} from '#optics'
import { linkParameters, type AuthenticationSource, type PadRun } from '#qkd'
import {
  hostile,
  MemoryDisk,
  MemoryLog,
  MemoryStore,
  seededRandom,
  SimulatedNetwork,
  SimulatedTime,
} from '#world/ports'
import { Alarms, alarmMigrations } from './alarms.ts'
import { LinkHistory, linkHistoryMigrations } from './link-history.ts'
import { openingLink, type Bootstrap } from './link-opening.ts'
import { inlineCompute, type Devices } from './link-ports.ts'
import { LinkRunner } from './link-runner.ts'
import { Peers } from './peers.ts'

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')
const link = linkId('bristol-cambridge')
const pulses = linkOf(presetNamed('world-slow')).settings
const parameters = linkParameters({
  ...{ link, pulses, transmitter: bristol, receiver: cambridge, reserveOctets: 4096 },
  epsilons: { secrecy: 1e-9, correctness: 1e-12 },
})

/** A device that nothing comes from, and that can go away. */
class Dark implements TransmitterDevice, ReceiverDevice {
  readonly settings: PulseSettings
  readonly #gone = Promise.withResolvers<void>()
  readonly closed = this.#gone.promise
  readonly close = this.#gone.resolve
  readonly choicesAt = () => Promise.reject(new Error('dark'))
  readonly receive = () => undefined
  readonly aligning: PromiseWithResolvers<Alignment>[] = []
  readonly align = () => {
    if (!this.isSlow) return Promise.resolve({ firstBatch: 0, slots: 0 })
    const asked = Promise.withResolvers<Alignment>()
    this.aligning.push(asked)
    return asked.promise
  }
  isSlow: boolean

  constructor(settings: PulseSettings, isSlow: boolean) {
    this.settings = settings
    this.isSlow = isSlow
  }
}

/** The fibre of the link: gives a device to whoever reaches it, while it is there. */
class DarkFibre implements Devices {
  readonly reached: Dark[] = []
  away = false
  settings: PulseSettings = pulses
  /** Whether an alignment lasts until the test says so. */
  isSlow = false

  readonly #reach = (): Promise<Dark> => {
    if (this.away) return Promise.reject(new Error('Nobody answers'))
    const device = new Dark(this.settings, this.isSlow)
    this.reached.push(device)
    return Promise.resolve(device)
  }
  readonly transmitter = this.#reach
  readonly receiver = this.#reach

  die(): void {
    this.away = true
    for (const device of this.reached.splice(0)) device.close()
  }
}

/** Sources as two ends find them after a bootstrap; the exchange has its own tests. */
function newBootstraps(): Bootstrap {
  const random = seededRandom(3)
  const run = (): PadRun => ({ hashKey: random.octets(16), pads: random.octets(16 * 64), next: 0 })
  let left: AuthenticationSource | undefined
  const copy = ({ hashKey, pads, next }: PadRun) => {
    return { hashKey: hashKey.slice(), pads: pads.slice(), next }
  }
  let made = 0
  return {
    initiate: () => {
      const [send, receive] = [run(), run()]
      const id = `bootstrap-${String(made++)}`
      left = { id, send: copy(receive), receive: copy(send) }
      return Promise.resolve({ id, send, receive })
    },
    collect: () => {
      const source = left
      left = undefined
      return source
    },
  }
}

const leaves = tablesOf<{ leaf: { kind: string } }>()
const LEAF = statement(leaves.insertInto('leaf').values({ kind: '' }))
const leafTable = { id: 'leaf-1', statements: ['create table leaf (kind text not null)'] }

async function end(
  site: SiteId,
  peer: SiteId,
  world: { time: SimulatedTime; network: Network; fibre: DarkFibre; bootstrap: Bootstrap },
) {
  const { time, network, fibre, bootstrap } = world
  const store = new MemoryStore([
    ...keystoreMigrations,
    ...alarmMigrations,
    ...linkHistoryMigrations,
    leafTable,
  ])
  const log = new MemoryLog()
  const clock = time.view()
  const random = seededRandom(site === bristol ? 1 : 2)
  const audit: AuditTrail = {
    append: ({ kind }) => bind(LEAF, kind),
    record: () => Promise.resolve(0),
  }
  const peers = new Peers({ network, clock, log, peers: [peer] })
  const alarms = await Alarms.open({ site, store, clock, random, audit, log })
  using wrappingRoot = SecretBytes.take(new Uint8Array(32).fill(7))
  const keystore = await openKeystore({
    ...{ site, store, disk: new MemoryDisk(), clock, random, audit, wrappingRoot },
    links: [{ link, transmitter: bristol, receiver: cambridge, reserveOctets: 4096, peer }],
    onChange: () => undefined,
    onAlarm: () => undefined,
  })
  const preShared = { marks: () => Promise.resolve([]), take: () => Promise.reject(new Error()) }
  const runner = new LinkRunner({
    waitsFrom: () => undefined,
    ...{
      device: 'fibre-1',
      site,
      peer,
      parameters,
      network,
      peers,
      keystore,
      alarms,
      audit,
      preShared,
      clock,
      random,
      log,
    },
    ...{ devices: fibre, compute: inlineCompute(random), bootstrap },
    history: await LinkHistory.open({ site, link, store, log }),
  })
  const openings: Uint8Array[] = []
  peers.serve('link/open', (from, payload) => {
    openings.push(payload)
    return runner.answerOpening(from, payload)
  })
  peers.start()
  runner.start()
  return { runner, log, alarms, openings }
}

async function twoEnds() {
  const time = new SimulatedTime()
  const network = new SimulatedNetwork(time)
  const bootstrap = newBootstraps()
  const fibres = [new DarkFibre(), new DarkFibre()] as const
  const [fibreA, fibreB] = fibres
  const a = await end(bristol, cambridge, {
    ...{ time, network: network.of(bristol), fibre: fibreA, bootstrap },
  })
  const b = await end(cambridge, bristol, {
    ...{ time, network: network.of(cambridge), fibre: fibreB, bootstrap },
  })
  const states = () => [a.runner.view().state, b.runner.view().state]
  return { time, network, a, b, fibreA, fibreB, states }
}

test('a fibre that goes away and comes back is reached by both ends, and a session opens', async () => {
  const { time, a, fibreA, fibreB, states } = await twoEnds()
  await time.advance(5_000)
  assert.deepEqual(states(), ['running', 'running'])
  const { epoch } = a.runner.view()
  for (const fibre of [fibreA, fibreB]) fibre.die()
  await time.advance(20_000)
  assert.deepEqual(states(), ['down', 'down'])
  assert(a.log.lines.some(({ event }) => event === 'link.device-gone'))
  for (const fibre of [fibreA, fibreB]) fibre.away = false
  await time.advance(45_000)
  assert.deepEqual(states(), ['running', 'running'])
  assert.deepEqual([fibreA.reached.length, fibreB.reached.length], [1, 1])
  assert(a.runner.view().epoch > epoch, 'a session of its own')
})

test('a link that is bootstrapped again says so; at its very first session that is ordinary', async () => {
  const { time, a, b, fibreA, states } = await twoEnds()
  const kinds = () => [a, b].map(({ alarms }) => alarms.standing.map(({ kind }) => kind))
  await time.advance(5_000)
  assert.deepEqual(states(), ['running', 'running'])
  assert.deepEqual(kinds(), [[], []])
  // No block was made, so no reserve: the next session rests on signatures once more.
  fibreA.die()
  await time.advance(5_000)
  fibreA.away = false
  await time.advance(45_000)
  assert.deepEqual(states(), ['running', 'running'])
  assert.deepEqual(kinds(), [['link.bootstrapped'], ['link.bootstrapped']])
})

test('a link does not count as running while its receiver is away', async () => {
  const { time, fibreB, states } = await twoEnds()
  await time.advance(5_000)
  fibreB.die()
  await time.advance(100)
  assert.deepEqual(states(), ['running', 'recovering'])
  fibreB.away = false
  await time.advance(10_000)
  assert.deepEqual(states(), ['running', 'running'])
})

test('a transmitter that goes away while the peer is asked is reached anew', async () => {
  const { time, fibreA, states } = await twoEnds()
  // After the dial of its device, and before the peer's answer.
  await time.advance(1)
  assert.equal(fibreA.reached.length, 1)
  fibreA.reached.splice(0)[0].close()
  await time.advance(5_000)
  assert.equal(fibreA.reached.length, 1)
  assert.deepEqual(states(), ['running', 'running'])
})

test('a device of another kind, or with other settings, is not used; the right one is', async () => {
  const pairs = namedLink('metro-bbm92').link.settings
  const brighter = pulses.intensities.map((one, at) =>
    at === 0 ? { ...one, meanPhotonNumber: 2 * one.meanPhotonNumber } : one,
  )
  const others = [
    pairs,
    { ...pulses, source: 'entangled-pairs' as const },
    { ...pulses, intensities: brighter },
    { ...pulses, clockHz: 2 * pulses.clockHz },
    { ...pulses, keyBasisProbability: { transmitter: 0.5, receiver: 0.5 } },
  ]
  for (const settings of others) {
    for (const which of ['fibreA', 'fibreB'] as const) {
      const ends = await twoEnds()
      const { time, states, a, b } = ends
      ends[which].settings = settings
      await time.advance(5_000)
      assert.notDeepEqual(states(), ['running', 'running'])
      const { log } = which === 'fibreA' ? a : b
      assert(log.lines.some(({ facts }) => facts['code'] === 'DEVICE_SETTINGS_DIFFER'))
      ends[which].settings = pulses
      await time.advance(60_000)
      assert.deepEqual(states(), ['running', 'running'])
    }
  }
})

test('a request to open that comes late, or again, is refused, and the session goes on', async () => {
  const { time, a, b, fibreA, states } = await twoEnds()
  await time.advance(5_000)
  fibreA.reached.splice(0)[0].close()
  await time.advance(10_000)
  const { epoch } = a.runner.view()
  const [first, last, ...more] = b.openings
  assert.deepEqual(more, [])
  for (const payload of [first, last]) {
    await assert.rejects(b.runner.answerOpening(bristol, payload), { code: 'OPENING_STALE' })
  }
  await time.advance(5_000)
  assert.deepEqual([states(), a.runner.view().epoch], [['running', 'running'], epoch])
})

test('the receiving end calibrates before it runs, and recovers when the operator aligns it', async () => {
  const { time, b, fibreB, states } = await twoEnds()
  fibreB.isSlow = true
  await time.advance(5_000)
  assert.deepEqual(states(), ['running', 'calibrating'])
  const done = async (): Promise<void> => {
    fibreB.reached[0].aligning.shift()?.resolve({ firstBatch: 3, slots: 1 })
    await time.advance(10)
  }
  await done()
  assert.deepEqual(states(), ['running', 'running'])
  b.runner.alignNow()
  await time.advance(10)
  assert.deepEqual(states(), ['running', 'recovering'])
  assert.equal(b.runner.view().reason, 'alignment')
  await done()
  assert.deepEqual(states(), ['running', 'running'])
  const turns = (await b.runner.history.entries(0, 20)).map((entry) => {
    if (entry.kind === 'alignment') return `${entry.cause} ${entry.outcome}`
    return entry.kind === 'state' ? entry.state : entry.kind
  })
  assert.deepEqual(turns, [
    ...['starting', 'calibrating', 'running', 'start done'],
    ...['recovering', 'running', 'operator done'],
  ])
  assert.equal(b.runner.history.totals.alignments, 2)
})

test('a device that cannot align leaves a link that runs; one that goes away meanwhile is reached anew', async () => {
  const { time, b, fibreB, states } = await twoEnds()
  fibreB.isSlow = true
  await time.advance(5_000)
  const refusal = new OpticsRefusal('OPTICS_ALIGNMENT_FAILED', 'No light arrives')
  fibreB.reached[0].aligning.shift()?.reject(refusal)
  await time.advance(10)
  assert.deepEqual(states(), ['running', 'running'])
  assert(b.log.lines.some(({ facts }) => facts['code'] === 'OPTICS_ALIGNMENT_FAILED'))
  const [entry] = (await b.runner.history.entries(0, 20)).filter(({ kind }) => kind === 'alignment')
  assert(entry.kind === 'alignment' && entry.outcome === 'refused')
  b.runner.alignNow()
  await time.advance(10)
  assert.deepEqual(states(), ['running', 'recovering'])
  const [device] = fibreB.reached.splice(0)
  device.close()
  await time.advance(10_000)
  assert.equal(fibreB.reached.length, 1)
  device.aligning.shift()?.reject(refusal)
  await time.advance(10)
  assert.deepEqual(states(), ['running', 'running'])
})

test('who asks at the wrong end, or too early, is told so', async () => {
  const { time, a, b } = await twoEnds()
  assert.throws(() => b.runner.alignNow(), { code: 'DEVICE_AWAY' })
  await time.advance(5_000)
  assert.throws(() => a.runner.alignNow(), { code: 'DEVICE_ELSEWHERE' })
})

test('a hostile request to open is refused by a code or answered, and the link stays as it is', async () => {
  const { time, b, states } = await twoEnds()
  await time.advance(5_000)
  const random = new SeededRandom(30)
  const [opening] = b.openings
  for (let at = 0; at < 500; at++) {
    const changed = hostile(opening, random)
    // As a site does: a request for another link goes elsewhere.
    const asked = Promise.try(() =>
      openingLink(changed) === link ? b.runner.answerOpening(bristol, changed) : undefined,
    )
    const refusal: unknown = await asked.then(
      () => undefined,
      (error: unknown) => error,
    )
    assert(refusal === undefined || refusal instanceof Refusal, String(refusal))
  }
  await time.advance(60_000)
  assert.deepEqual(states(), ['running', 'running'])
})

test('ends that hear hostile words on every wire fail by a code, and meet once that has passed', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const { time, network, a, b, states } = await twoEnds()
    const random = new SeededRandom(seed)
    network.weather = ({ octets }) => {
      return [{ delayMs: 1, octets: random.chance(0.2) ? hostile(octets, random) : octets }]
    }
    await time.advance(60_000)
    network.weather = ({ octets }) => [{ delayMs: 1, octets }]
    await time.advance(120_000)
    // Whoever has met a liar suspends the keys until blocks are made, and goes on.
    for (const state of states()) assert.match(state, /^(running|suspended)$/)
    assert.equal(a.runner.view().epoch, b.runner.view().epoch)
    for (const { log } of [a, b]) {
      const codes = log.lines.map(({ facts }) => facts['code'])
      assert(!codes.includes('INTERNAL'), JSON.stringify(log.lines.slice(-5)))
    }
  }
})
