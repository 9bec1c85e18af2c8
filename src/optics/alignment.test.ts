/**
 * Devices that align themselves: what that undoes, what it costs, and what it leaves alone.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId } from '#base'
import { seededRandom, SimulatedNetwork, SimulatedTime } from '#world/ports'
import { NOTHING_SEEN, type DetectionBatch, type ReceiverDevice } from './device.ts'
import type { Attack } from './eve.ts'
import { ALIGNMENT_SECONDS, SimulatedFibre } from './fibre.ts'
import { testLink } from './fixtures.test.ts'
import type { SimulatedLink } from './named-link.ts'
import { roughPairs } from './pair-fixtures.test.ts'
import { OpticsRefusal } from './refusal.ts'
import { remoteReceiver, serveReceiver } from './remote.ts'
import { decodeDeviceMessage, encodeDeviceMessage } from './wire.ts'

const weak = testLink({ lossDb: 10, misalignment: { Z: 0.01, X: 0.01 } })

/** A fibre, and the error rate of its next batches as both devices see it. */
function watched(link: SimulatedLink, batchSlots = 200_000) {
  const fibre = new SimulatedFibre({
    ...{ link, batchSlots, random: seededRandom(4), allowSimulatedRandomness: true },
  })
  const isPairs = link.settings.source === 'entangled-pairs'
  const taken: DetectionBatch[] = []
  fibre.receiver.receive((detections) => void taken.push(detections))
  const qber = async (batches = 1): Promise<number> => {
    let [errors, sifted] = [0, 0]
    for (let made = 0; made < batches; made++) {
      fibre.produce()
      await settle()
      const { batch, slots, outcomes } = taken.at(-1) ?? assert.fail('nothing was received')
      const { choices } = await fibre.transmitter.choicesAt(batch, slots)
      choices.forEach((choice, at) => {
        if (((choice ^ outcomes[at]) & 1) !== 0 || (isPairs && (choice & NOTHING_SEEN) !== 0))
          return
        sifted++
        errors += ((choice ^ outcomes[at]) >> 1) & 1
      })
    }
    return errors / sifted
  }
  /** Aligns, while the fibre goes on. */
  const align = async () => {
    const aligned = fibre.receiver.align()
    let batches = 0
    while (fibre.counts.alignments === 0) {
      assert.equal(fibre.produce(), undefined)
      batches++
    }
    return { ...(await aligned), batches }
  }
  return { fibre, taken, qber, align }
}

const settle = (): Promise<void> => new Promise((resume) => void setImmediate(resume))
const drift = (radiansPerSecond: number): Attack => ({ kind: 'drift', radiansPerSecond })

test('aligning brings the error rate of turned light back; the light turns on from there', async () => {
  const { fibre, qber, align } = watched(weak)
  const seconds = fibre.batchSeconds
  fibre.setAttack(drift(0.3 / (20 * seconds)))
  const [first] = [await qber(), await qber(18)]
  const before = await qber()
  await align()
  const after = await qber()
  assert(first < 0.02 && before > 0.12 && after < 0.02, `${first}, ${before}, ${after}`)
  await qber(18)
  const again = await qber()
  assert(Math.abs(again - before) < 0.02, `${before} and ${again}`)
})

test('of entangled pairs as well', async () => {
  const { fibre, qber, align } = watched(roughPairs)
  const calm = await qber(5)
  fibre.setAttack(drift(0.3 / (10 * fibre.batchSeconds)))
  await qber(10)
  const before = await qber()
  await align()
  const after = await qber(2)
  assert(before > calm + 0.08 && after < calm + 0.03, `${calm}, ${before}, ${after}`)
})

test('what Eve does to the pulses is not aligned away', async () => {
  const { fibre, qber, align } = watched(weak)
  fibre.setAttack({ kind: 'intercept-resend', fraction: 0.4 })
  const before = await qber(4)
  await align()
  const after = await qber(4)
  assert.equal(fibre.attack.kind, 'intercept-resend')
  assert(before > 0.09 && Math.abs(after - before) < 0.01, `${before}, then ${after}`)
})

test('an alignment takes whole batches for its time, says so, and no key comes of them', async () => {
  const { fibre, taken, qber, align } = watched(weak)
  await qber(3)
  const { firstBatch, slots, batches } = await align()
  assert.equal(batches, Math.ceil(ALIGNMENT_SECONDS / fibre.batchSeconds))
  assert.equal(slots, batches * fibre.batchSlots)
  assert.equal(firstBatch, 3 + batches)
  await qber()
  assert.deepEqual(
    taken.map(({ batch }) => batch),
    [0, 1, 2, firstBatch],
  )
  assert.equal(fibre.counts.batchesDropped, 0, 'nothing was lost')
})

const refused = (code: string) => (error: unknown) =>
  error instanceof OpticsRefusal && error.code === code

test('devices align once at a time, and not after they were closed', async () => {
  const { fibre } = watched(weak)
  const first = fibre.receiver.align()
  await assert.rejects(fibre.receiver.align(), refused('OPTICS_REQUESTS_TOO_MANY'))
  fibre.close()
  await assert.rejects(first, refused('OPTICS_CLOSED'))
  await assert.rejects(fibre.receiver.align(), refused('OPTICS_CLOSED'))
})

/** A receiver behind a connection. */
async function served(device: ReceiverDevice) {
  const time = new SimulatedTime()
  const network = new SimulatedNetwork(time)
  const [fibreSite, daemonSite] = [siteId('fibre'), siteId('daemon')]
  network.of(fibreSite).accept(
    () => true,
    (connection) => serveReceiver(device, connection),
  )
  const dialled = network.of(daemonSite).dial(fibreSite, 'receiver')
  await time.advance(2)
  const connection = await dialled
  const reached = remoteReceiver(connection)
  await time.advance(5)
  return { time, network, connection, receiver: await reached, fibreSite, daemonSite }
}

test('an alignment is asked for and answered over the connection, as often as wanted', async () => {
  const { fibre } = watched(weak, 2 ** 22)
  const { time, receiver } = await served(fibre.receiver)
  for (let round = 1; round <= 2; round++) {
    const asked = receiver.align()
    await assert.rejects(receiver.align(), refused('OPTICS_REQUESTS_TOO_MANY'))
    await time.advance(5)
    while (fibre.counts.alignments < round) fibre.produce()
    await time.advance(5)
    const { firstBatch, slots } = await asked
    assert.equal(firstBatch, fibre.counts.batches)
    assert(slots >= ALIGNMENT_SECONDS * weak.settings.clockHz)
  }
})

test('a device that cannot align says so over the connection', async () => {
  const { fibre } = watched(weak)
  const message = 'No light arrives'
  const { time, receiver, connection } = await served({
    ...fibre.receiver,
    align: () => Promise.reject(new OpticsRefusal('OPTICS_ALIGNMENT_FAILED', message)),
  })
  const asked = receiver.align()
  asked.catch(() => undefined)
  await time.advance(5)
  await assert.rejects(asked, refused('OPTICS_ALIGNMENT_FAILED'))
  let isClosed = false
  void connection.closed.then(() => (isClosed = true))
  await time.advance(5)
  assert(!isClosed, 'the device stays in use')
})

test('an alignment whose device goes away is refused', async () => {
  const { fibre } = watched(weak)
  const { time, receiver, network, fibreSite, daemonSite } = await served(fibre.receiver)
  const asked = receiver.align()
  asked.catch(() => undefined)
  await time.advance(5)
  network.setCut(fibreSite, daemonSite, true)
  await time.advance(5)
  await assert.rejects(asked, refused('OPTICS_CLOSED'))
  await assert.rejects(receiver.align(), refused('OPTICS_CLOSED'))
})

test('a device that says it has aligned without having been asked is left', async () => {
  const { fibre } = watched(weak)
  const time = new SimulatedTime()
  const network = new SimulatedNetwork(time)
  const [fibreSite, daemonSite] = [siteId('fibre'), siteId('daemon')]
  network.of(fibreSite).accept(
    () => true,
    (connection) => {
      const alignment = { firstBatch: 7, slots: 1 }
      const { settings } = fibre.receiver
      void connection.send(encodeDeviceMessage({ kind: 'settings', settings }))
      void connection.send(encodeDeviceMessage({ kind: 'aligned', alignment }))
    },
  )
  const dialled = network.of(daemonSite).dial(fibreSite, 'receiver')
  await time.advance(2)
  const receiver = remoteReceiver(await dialled)
  let isClosed = false
  void receiver.then(({ closed }) => closed).then(() => (isClosed = true))
  await time.advance(10)
  assert(isClosed)
})

test('words about alignment have one form each', () => {
  const alignment = { firstBatch: 2 ** 53 - 1, slots: 12_345 }
  const octets = encodeDeviceMessage({ kind: 'aligned', alignment })
  assert.deepEqual(decodeDeviceMessage(octets), { kind: 'aligned', alignment })
  const asked = encodeDeviceMessage({ kind: 'align' })
  assert.deepEqual(decodeDeviceMessage(asked), { kind: 'align' })
  const tooLarge = octets.slice()
  tooLarge.fill(0xff, 9)
  for (const wrong of [Uint8Array.of(...asked, 0), octets.subarray(1), tooLarge]) {
    assert.throws(() => decodeDeviceMessage(wrong), refused('OPTICS_MESSAGE_INVALID'))
  }
})
