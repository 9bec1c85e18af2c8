import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, siteId, type RandomSource } from '#base'
import { linkOf, presetNamed } from '#optics'
import { linkParameters, type AuthenticationSource } from '#qkd'
import { originOf } from './link-session.ts'

const parameters = linkParameters({
  link: linkId('bristol-cambridge'),
  pulses: linkOf(presetNamed('world-slow')).settings,
  transmitter: siteId('cambridge'),
  receiver: siteId('bristol'),
  epsilons: { secrecy: 1e-40, correctness: 1e-41 },
})
const real: RandomSource = { kind: 'operating-system', octets: (size) => new Uint8Array(size) }
const source = (id: string): AuthenticationSource => {
  const run = { hashKey: new Uint8Array(16), pads: new Uint8Array(16), next: 0 }
  return { id, send: run, receive: run }
}
const said = (sources: readonly string[], simulated: boolean) =>
  originOf(
    { parameters, device: 'fibre-1', random: real, sources: sources.map(source) },
    { simulated, epsilons: { ...parameters.epsilons, authentication: 1e-33 } },
  )

test('a block says what its session was authenticated by', () => {
  const { authentication } = said(['3/7', '3/8'], false)
  assert.equal(authentication, 'wegman-carter-from-reserve')
  const first = said(['bootstrap-0198c5a0'], false)
  assert.equal(first.authentication, 'wegman-carter-from-signatures')
})

test('whoever plays a simulated fibre is among those who know the bits', () => {
  assert.deepEqual(said(['3/7'], true).seenBy, ['bristol', 'cambridge', 'fibre-1'])
  assert.deepEqual(said(['3/7'], false).seenBy, ['bristol', 'cambridge'])
  assert.equal(said(['3/7'], true).source, 'simulated')
})

test('ε counts forged tags, alike at both ends and never less than an end reports', () => {
  const { secrecy, correctness } = parameters.epsilons
  const { epsilon } = said(['3/7'], false)
  assert(epsilon > secrecy + correctness + 1e-29)
  assert(epsilon < 1e-28)
})
