/**
 * The envelope: sealing and opening whole containers, data key and wrap included, on one core.
 *
 * The peer is bare AES-256-GCM of the same library, one call for a whole message: what sealing
 * would cost without keys of its own, commitments, chunks and a header.
 *
 * @module
 */

import { createCipheriv } from 'node:crypto'
import { SecretBytes, siteId, uuid } from '#base'
import { systemRandom } from '#crypto'
import { newDataKey, open, seal, WrapCounter, WrappingKey } from '#envelope'
import { cpuSeconds, type Benchmark, type Group } from './bench.ts'

export const group: Group = {
  name: 'envelope',
  open: () => {
    const key = new WrappingKey({
      id: uuid('5f0c1e5a-3d0b-4f6e-9a55-0d6c1f3a7b21'),
      key: SecretBytes.take(systemRandom.octets(32)),
      counter: new WrapCounter(),
    })
    const list = [sealing(key, BIG, 'GB/s'), opening(key), sealing(key, RECORD, 'records/s')]
    return Promise.resolve({ list })
  },
}

type Unit = 'GB/s' | 'records/s'

function sealing(key: WrappingKey, octets: number, unit: Unit): Benchmark {
  const plaintext = systemRandom.octets(octets)
  const rounds = ROUND_OCTETS / octets
  return {
    name: `envelope.seal.${String(octets / 1024)}KiB`,
    claim: `sealing, ${String(octets / 1024)} KiB, a data key of its own, one wrap`,
    unit,
    bar: unit === 'GB/s' ? 1 : 25_000,
    better: 'more',
    peer: {
      name: 'bare AES-256-GCM',
      value: () => rate(unit, octets, rounds, () => void bareGcm(plaintext)),
    },
    run: () => rate(unit, octets, rounds, () => void sealed(key, plaintext)),
  }
}

function opening(key: WrappingKey): Benchmark {
  const container = sealed(key, systemRandom.octets(BIG))
  return {
    name: 'envelope.open.1024KiB',
    claim: 'opening, 1024 KiB, every octet checked',
    unit: 'GB/s',
    bar: 1,
    better: 'more',
    run: () =>
      rate('GB/s', BIG, ROUND_OCTETS / BIG, () => {
        open({ container, by: key, expected: header })
      }),
  }
}

async function rate(unit: Unit, octets: number, rounds: number, once: () => void): Promise<number> {
  const seconds = await cpuSeconds(() => {
    for (let round = 0; round < rounds; round++) once()
  })
  return unit === 'GB/s' ? (rounds * octets) / seconds / 1e9 : rounds / seconds
}

function sealed(key: WrappingKey, plaintext: Uint8Array): Uint8Array {
  using dataKey = newDataKey(systemRandom)
  return seal({ header, plaintext, dataKey, wrapUnder: [key], random: systemRandom })
}

function bareGcm(plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', systemRandom.octets(32), systemRandom.octets(12))
  const first = cipher.update(plaintext)
  return Buffer.concat([first, cipher.final(), cipher.getAuthTag()])
}

const header = {
  tenant: siteId('bench'),
  object: uuid('2b1e9f04-7c6a-4d35-8f21-6a9d3c5e7b10'),
  version: 1,
  contentType: 1,
}

const BIG = 2 ** 20
const RECORD = 4096
const ROUND_OCTETS = 2 ** 28
