import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  agreeX25519,
  catKdf,
  encapsulate,
  decapsulate,
  hkdf,
  hkdfExpand,
  hmac,
  keyFromPassphrase,
  Keystream,
  newKemKeyPair,
  newSigningKeyPair,
  newX25519KeyPair,
  open,
  PolynomialHash,
  seal,
  seedOf,
  sha256,
  Sha256,
  sha384,
  sha512,
  sign,
  simulatedRandom,
  systemRandom,
} from './mod.ts'

test('nothing leaves the room as a Buffer, whose slice would share memory with a secret', () => {
  const octets = new Uint8Array(32)
  const sealing = { key: octets, nonce: new Uint8Array(12), associated: octets }
  const [kem, dh] = [newKemKeyPair('ml-kem-1024'), newX25519KeyPair()]
  const { sharedSecret, ciphertext } = encapsulate('ml-kem-1024', kem.encapsulationKey)
  const signing = (['ed25519', 'ml-dsa-65'] as const).map((name) => newSigningKeyPair(name))
  const made = [
    seal('aes-256-gcm', sealing, octets),
    open('aes-256-gcm', sealing, seal('aes-256-gcm', sealing, octets)),
    sha256(octets),
    sha384(octets, octets),
    sha512(octets),
    new Sha256().update(octets).digest(),
    hmac('sha384', octets, octets),
    hkdf('sha384', { secret: octets, salt: octets, info: octets, length: 32 }),
    hkdfExpand('sha384', { key: octets, info: octets, length: 32 }),
    kem.encapsulationKey,
    sharedSecret,
    ciphertext,
    decapsulate('ml-kem-1024', kem.decapsulationKey, ciphertext),
    dh.publicKey,
    agreeX25519(dh.privateKey, newX25519KeyPair().publicKey),
    ...signing.flatMap((keys) => [keys.publicKey, seedOf(keys), sign(keys, 'test', octets)]),
    systemRandom.octets(32),
    simulatedRandom(octets).octets(32),
    new Keystream(systemRandom).octets(32),
    new PolynomialHash(new Uint8Array(16)).digest(octets),
    keyFromPassphrase(octets, octets),
    catKdf({
      psk: octets,
      classical: octets,
      postQuantum: octets,
      label: 'test',
      context: octets,
      messageA: octets,
      messageB: octets,
      length: 32,
    }),
  ]
  for (const [at, one] of made.entries()) {
    assert.equal(Object.getPrototypeOf(one), Uint8Array.prototype, `result ${at}`)
  }
})
