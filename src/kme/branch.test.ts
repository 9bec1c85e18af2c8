import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  keyId,
  newUuid,
  PortRefusal,
  saeId,
  SecretBytes,
  siteId,
  uuid,
  type HttpRequest,
} from '#base'
import type { BorrowedReservation, LentLot } from '#keystore'
import { Branch, fixedDirectory, Shares, type BranchOptions } from '#kme'
import { MemoryLog, seededRandom, SimulatedTime } from '#world/ports'
import { activationAnswerOctets, readBatch, type ActivationAnswer } from './peering.ts'

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')
const ward = saeId('bristol.ward')
const clinic = saeId('cambridge.clinic')
const limited = saeId('bristol.limited')
const random = seededRandom(1, 'branch')
const ACTIVATED: ActivationAnswer = { kind: 'activated' }

/** A branch whose lots and peer are played, and what was done with them. */
function branch(more: Partial<BranchOptions> & { answer?: ActivationAnswer; stock?: number } = {}) {
  const { answer = ACTIVATED, stock = 1000, ...options } = more
  const done: string[] = []
  let left = stock
  const time = new SimulatedTime()
  const handler = new Branch({
    site: bristol,
    keys: {
      prepare: () => done.push('prepared'),
      reserve: ({ peer, number }) => {
        if (number > left) return Promise.resolve(undefined)
        left -= number
        const keys = Array.from({ length: number }, () => ({
          keyId: keyId(newUuid(random)),
          octets: SecretBytes.take(random.octets(32)),
          provenance: { parts: [] },
        }))
        const lot = { lot: uuid(newUuid(random)) } as LentLot & { used: number; open: number }
        const message = new Uint8Array([1])
        return Promise.resolve({ id: uuid(newUuid(random)), peer, message, keys, lot })
      },
      issue: ({ keys }: BorrowedReservation) => {
        done.push('issued')
        return Promise.resolve(keys)
      },
      abandon: () => void done.push('abandoned'),
      giveUpLot: () => void done.push('lot given up'),
    },
    peers: new Set([cambridge]),
    availableBits: () => 1_000_000,
    directory: fixedDirectory({
      saes: [
        { sae: ward, site: bristol },
        { sae: limited, site: bristol },
        { sae: clinic, site: cambridge },
      ],
      kmes: [],
    }),
    activate: (_peer, octets) => {
      done.push('asked')
      return Promise.resolve(activationAnswerOctets(readBatch(octets).map(() => answer)))
    },
    log: new MemoryLog(),
    callers: {},
    elsewhere: new Set([limited]),
    dialect: {},
    shares: new Shares(time.view(), { saeShare: 1, requestsPerSecond: 100 }),
    ...options,
  })
  return { done, handle: (request: HttpRequest) => handler.handle(request) }
}

function request(more: Partial<HttpRequest> & { sae?: string; body64?: object } = {}): HttpRequest {
  const { sae = ward, body64, ...rest } = more
  const body =
    body64 === undefined ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(body64))
  return {
    method: 'POST',
    path: `/api/v1/keys/${clinic}/enc_keys`,
    query: new URLSearchParams(),
    contentType: 'application/json',
    body,
    client: {
      commonName: sae,
      uriNames: [],
      serialNumber: '01',
      fingerprint: '00',
    },
    ...rest,
  }
}

test('a plain request is answered with keys, after the peer has taken them', async () => {
  const { done, handle } = branch()
  const answer = await handle(request({ body64: { number: 3 } }))
  assert.equal(answer?.status, 200)
  const { body } = answer
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body)
  const { keys } = JSON.parse(text) as { keys: { key_ID: string; key: string }[] }
  assert.equal(new Set(keys.map(({ key }) => key)).size, 3)
  assert.deepEqual(done, ['prepared', 'asked', 'issued'])
  const get = await handle(request({ method: 'GET', query: new URLSearchParams('number=2') }))
  assert.equal(get?.status, 200)
})

test('whatever is not plain is left to the daemon that leads, and costs no bit here', async () => {
  for (const other of [
    request({ path: `/api/v1/keys/${clinic}/status`, method: 'GET' }),
    request({ path: `/api/v1/keys/${clinic}/dec_keys` }),
    request({ path: '/key' }),
    request({ path: `/api/v1/keys/${ward}/enc_keys` }),
    request({ path: '/api/v1/keys/nobody/enc_keys' }),
    request({ sae: limited }),
    request({ sae: clinic }),
    request({ sae: 'bristol.stranger' }),
    request({ client: undefined }),
    request({ body64: { number: 0 } }),
    request({ body64: { number: 129 } }),
    request({ body64: { size: 7 } }),
    request({ body64: { additional_slave_SAE_IDs: ['cambridge.other'] } }),
    request({ body64: { extension_mandatory: [{ photonward_route_type: 'direct' }] } }),
    request({ body64: { extension_optional: [{ photonward_provenance: true }] } }),
    request({ body64: {}, contentType: 'text/plain' }),
  ]) {
    const { done, handle } = branch()
    assert.equal(await handle(other), undefined, `${other.method} ${other.path}`)
    assert.deepEqual(done, [])
  }
})

test('without enough borrowed bits the request is passed on', async () => {
  const { done, handle } = branch({ stock: 2 })
  assert.equal(await handle(request({ body64: { number: 3 } })), undefined)
  assert.deepEqual(done, ['prepared'])
})

test('keys that the peer does not take are given up, and the request is passed on', async () => {
  const failed = branch({ answer: { kind: 'failed' } })
  assert.equal(await failed.handle(request()), undefined)
  assert.deepEqual(failed.done, ['prepared', 'asked', 'abandoned'])
  const refused = branch({ answer: { kind: 'refused', cause: 'block-unknown', unusable: [] } })
  assert.equal(await refused.handle(request()), undefined)
  assert.deepEqual(refused.done, ['prepared', 'asked', 'abandoned', 'lot given up'])
  const away = branch({ activate: () => Promise.reject(new PortRefusal('NETWORK_CLOSED', 'gone')) })
  assert.equal(await away.handle(request()), undefined)
  assert.deepEqual(away.done, ['prepared', 'abandoned'])
})

test('rate and share of an application hold here too', async () => {
  const slow = new Shares(new SimulatedTime().view(), { saeShare: 1, requestsPerSecond: 1 })
  const rated = branch({ shares: slow })
  const answers = [await rated.handle(request()), await rated.handle(request())]
  assert.deepEqual(
    answers.map((answer) => answer?.status),
    [200, 200],
  )
  assert.equal(await rated.handle(request()), undefined, 'one too many')
  const few = branch({ availableBits: () => 255 })
  assert.equal(await few.handle(request()), undefined, 'more than its share')
  assert.deepEqual(few.done, ['prepared'])
})
