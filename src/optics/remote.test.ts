/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId, type Connection } from '#base'
import { seededRandom, SimulatedNetwork, SimulatedTime } from '#world/ports'
import type { DetectionBatch } from './device.ts'
import { SimulatedFibre } from './fibre.ts'
import { roughLink } from './fixtures.test.ts'
import { OpticsRefusal, type OpticsRefusalCode } from './refusal.ts'
import {
  BATCHES_AHEAD_MAX,
  remoteReceiver,
  remoteTransmitter,
  REQUESTS_MAX,
  serveReceiver,
  serveTransmitter,
} from './remote.ts'
import { decodeDeviceMessage, encodeDeviceMessage } from './wire.ts'

const refusedWith = (code: OpticsRefusalCode) => (error: unknown) =>
  error instanceof OpticsRefusal && error.code === code

const settings = encodeDeviceMessage({ kind: 'settings', settings: roughLink.settings })
const [fibreSite, daemonSite] = [siteId('fibre'), siteId('daemon')]

/** A fibre that serves both its devices over a simulated network. */
function served(): {
  time: SimulatedTime
  network: SimulatedNetwork
  fibre: SimulatedFibre
  dial: (channel: string) => Promise<Connection>
} {
  const time = new SimulatedTime()
  const network = new SimulatedNetwork(time)
  const fibre = new SimulatedFibre({
    link: roughLink,
    random: seededRandom(1),
    allowSimulatedRandomness: true,
    batchSlots: 10_000,
  })
  network.of(fibreSite).accept(
    () => true,
    (connection) => {
      if (connection.channel === 'transmitter') serveTransmitter(fibre.transmitter, connection)
      else serveReceiver(fibre.receiver, connection)
    },
  )
  const dial = async (channel: string): Promise<Connection> => {
    const dialled = network.of(daemonSite).dial(fibreSite, channel)
    await time.advance(2)
    return dialled
  }
  return { time, network, fibre, dial }
}

/** Waits for a promise while simulated time passes. */
async function during<T>(time: SimulatedTime, promise: Promise<T>): Promise<T> {
  const settled = promise.then(
    () => true,
    () => true,
  )
  await time.advance(10)
  assert.equal(await Promise.race([settled, Promise.resolve(false)]), true, 'it has settled')
  return promise
}

test('devices behind a connection report what the fibre made', async () => {
  const { time, fibre, dial } = served()
  const transmitter = await during(time, remoteTransmitter(await dial('transmitter')))
  const receiver = await during(time, remoteReceiver(await dial('receiver')))
  assert.deepEqual(transmitter.settings, roughLink.settings)
  assert.deepEqual(receiver.settings, roughLink.settings)
  const taken: DetectionBatch[] = []
  receiver.receive((detections) => void taken.push(detections))
  for (let batch = 0; batch < 3; batch++) fibre.produce()
  await time.advance(20)
  assert.deepEqual(
    taken.map(({ batch }) => batch),
    [0, 1, 2],
  )
  const direct = new SimulatedFibre({
    link: roughLink,
    random: seededRandom(1),
    allowSimulatedRandomness: true,
    batchSlots: 10_000,
  })
  for (const { batch, slots } of taken) {
    direct.produce()
    const { choices } = await during(time, transmitter.choicesAt(batch, slots))
    assert.deepEqual(choices, (await direct.transmitter.choicesAt(batch, slots)).choices)
  }
})

test('a refusal crosses the connection with its code', async () => {
  const { time, fibre, dial } = served()
  const transmitter = await during(time, remoteTransmitter(await dial('transmitter')))
  fibre.produce()
  const ask = (batch: number, ...slots: number[]) =>
    during(time, transmitter.choicesAt(batch, Uint32Array.from(slots)))
  await assert.rejects(ask(7, 1), refusedWith('OPTICS_BATCH_UNKNOWN'))
  await assert.rejects(ask(0, 10_000), refusedWith('OPTICS_SLOTS_INVALID'))
  assert.equal((await ask(0, 5, 6)).choices.length, 2)
  await assert.rejects(ask(0, 5, 6), refusedWith('OPTICS_BATCH_REPEATED'))
})

test('batches wait in the fibre while no receiver is connected, and go on to the next', async () => {
  const { time, network, fibre, dial } = served()
  const first = await during(time, remoteReceiver(await dial('receiver')))
  const before: number[] = []
  first.receive(({ batch }) => void before.push(batch))
  fibre.produce()
  await time.advance(5)
  network.setCut(fibreSite, daemonSite, true)
  await first.closed
  for (let batch = 0; batch < 3; batch++) fibre.produce()
  await time.advance(5)
  network.setCut(fibreSite, daemonSite, false)
  const second = await during(time, remoteReceiver(await dial('receiver')))
  const after: number[] = []
  second.receive(({ batch }) => void after.push(batch))
  await time.advance(20)
  assert.deepEqual(before, [0])
  // Batch 1 was on its way when the connection was gone: lost, as a gap in the numbers shows.
  assert.deepEqual(after, [2, 3])
})

test('open questions are refused when the connection ends', async () => {
  const { time, network, fibre, dial } = served()
  const transmitter = await during(time, remoteTransmitter(await dial('transmitter')))
  fibre.produce()
  const asked = transmitter.choicesAt(0, Uint32Array.of(1))
  const refused = assert.rejects(asked, refusedWith('OPTICS_CLOSED'))
  await Promise.resolve()
  network.setCut(fibreSite, daemonSite, true)
  await refused
  await assert.rejects(
    during(time, transmitter.choicesAt(1, Uint32Array.of(1))),
    refusedWith('OPTICS_CLOSED'),
  )
  await during(time, transmitter.closed)
})

test('a question that is still on its way when the connection ends is refused', async () => {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  const { promise: stuck, reject: fail } = Promise.withResolvers<void>()
  const connection: Connection = {
    peer: fibreSite,
    channel: 'transmitter',
    closed,
    close,
    send: () => stuck,
    receive: (take) => void take(settings),
  }
  const transmitter = await remoteTransmitter(connection)
  const asked = transmitter.choicesAt(0, Uint32Array.of(1))
  close()
  await new Promise((resume) => void setImmediate(resume))
  fail(new Error('gone'))
  await assert.rejects(asked, refusedWith('OPTICS_CLOSED'))
})

test('a transmitter is asked a limited number of questions at a time', async () => {
  const { time, dial } = served()
  const transmitter = await during(time, remoteTransmitter(await dial('transmitter')))
  const slots = Uint32Array.of(1)
  const asked = Array.from({ length: REQUESTS_MAX }, (_, batch) =>
    assert.rejects(transmitter.choicesAt(batch, slots), refusedWith('OPTICS_BATCH_UNKNOWN')),
  )
  await assert.rejects(
    transmitter.choicesAt(REQUESTS_MAX, slots),
    refusedWith('OPTICS_REQUESTS_TOO_MANY'),
  )
  await assert.rejects(transmitter.choicesAt(0, slots), refusedWith('OPTICS_BATCH_REPEATED'))
  await during(time, Promise.all(asked))
})

/** An end that sends these messages to whoever dials it, instead of a fibre. */
async function impostor(...messages: readonly Uint8Array[]): Promise<{
  time: SimulatedTime
  connection: Connection
}> {
  const time = new SimulatedTime()
  const network = new SimulatedNetwork(time)
  network.of(fibreSite).accept(
    () => true,
    (connection) => {
      for (const octets of messages) void connection.send(octets)
      connection.receive((octets) => {
        const message = decodeDeviceMessage(octets)
        if (message.kind !== 'choice-request') return
        const choices = { batch: message.request.batch, choices: new Uint8Array(99) }
        void connection.send(encodeDeviceMessage({ kind: 'choices', choices }))
      })
    },
  )
  const dialled = network.of(daemonSite).dial(fibreSite, 'transmitter')
  await time.advance(1)
  return { time, connection: await dialled }
}

const unasked = encodeDeviceMessage({
  kind: 'choices',
  choices: { batch: 0, choices: Uint8Array.of(1) },
})

test('a fibre that starts with anything but valid settings is left', async () => {
  for (const octets of [Uint8Array.of(9), settings.subarray(1), unasked]) {
    const { time, connection } = await impostor(octets)
    await assert.rejects(during(time, remoteTransmitter(connection)), refusedWith('OPTICS_CLOSED'))
  }
})

test('a fibre that answers what was not asked, or repeats its settings, is left', async () => {
  for (const octets of [unasked, settings]) {
    const { time, connection } = await impostor(settings, octets)
    await during(time, remoteTransmitter(connection))
    await during(time, connection.closed)
  }
  const { time, connection } = await impostor(settings, unasked)
  await during(time, remoteReceiver(connection))
  await during(time, connection.closed)
})

test('a fibre that answers other slots than asked is left', async () => {
  const { time, connection } = await impostor(settings)
  const transmitter = await during(time, remoteTransmitter(connection))
  await assert.rejects(
    during(time, transmitter.choicesAt(0, Uint32Array.of(1))),
    refusedWith('OPTICS_MESSAGE_INVALID'),
  )
  await connection.closed
})

test('a daemon that sends anything but questions is left, and the fibre runs on', async () => {
  const { time, fibre, dial } = served()
  for (const channel of ['transmitter', 'receiver']) {
    for (const octets of [Uint8Array.of(0), settings]) {
      const connection = await dial(channel)
      await connection.send(octets)
      await during(time, connection.closed)
    }
  }
  fibre.produce()
  assert.equal(fibre.counts.batches, 1)
})

test('a receiver sends a few batches ahead, and goes on as they are taken', async () => {
  const { time, fibre, dial } = served()
  const receiver = await during(time, remoteReceiver(await dial('receiver')))
  const waiting: (() => void)[] = []
  const begun: number[] = []
  receiver.receive(async ({ batch }) => {
    begun.push(batch)
    await new Promise<void>((resume) => waiting.push(resume))
  })
  for (let batch = 0; batch < BATCHES_AHEAD_MAX + 4; batch++) fibre.produce()
  await time.advance(20)
  assert.deepEqual(begun, [0])
  // One is being handed over beside those ahead.
  assert.equal(fibre.counts.batchesQueued, 3)
  waiting.shift()?.()
  await time.advance(20)
  assert.deepEqual(begun, [0, 1])
  assert.equal(fibre.counts.batchesQueued, 2)
})

test('a word that a batch was taken which was never sent ends the connection', async () => {
  const { time, dial } = served()
  const connection = await dial('receiver')
  await connection.send(encodeDeviceMessage({ kind: 'taken', batch: 7 }))
  await during(time, connection.closed)
})
