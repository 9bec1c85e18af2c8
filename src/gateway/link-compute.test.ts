import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId } from '#base'
import { parametersOf } from '#site'
import { workerCompute } from './link-compute.ts'

const parameters = parametersOf('bristol', {
  link: 'bristol-cambridge',
  peer: 'cambridge',
  role: 'transmitter',
  device: { name: 'fibre-1', host: 'localhost', port: 9300 },
  preset: 'world-slow',
  bound: 'wiesemann-2024',
  blockBits: 100_000,
  secrecy: 1e-9,
  correctness: 1e-12,
  qberMax: 0.08,
})

test('the secrets of a session leave the main thread with it', async () => {
  const seat = workerCompute.open(siteId('bristol'), parameters)
  try {
    const whole = (octets: number): Uint8Array => new Uint8Array(octets).fill(7)
    const shared = new Uint8Array(16 * 65).fill(7)
    const send = { hashKey: whole(16), pads: whole(16 * 64), next: 0 }
    const receive = { hashKey: shared.subarray(0, 16), pads: shared.subarray(16), next: 0 }
    const sources = [{ id: 'bootstrap-1', send, receive }]
    const stepped = seat.step({ kind: 'started', sources, nextEpoch: 1, nowMs: 0 })
    for (const secret of [send.hashKey, send.pads, shared]) {
      // An array that has moved has no octets any more, and no way to look at them.
      assert(secret.length === 0 || secret.every((octet) => octet === 0))
    }
    const { effects, status } = await stepped
    assert.equal(status.padsLeft.send, 64, 'the engine has them')
    assert.deepEqual(
      effects.map(({ kind }) => kind),
      ['send'],
    )
  } finally {
    seat.close()
  }
})
