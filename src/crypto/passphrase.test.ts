import assert from 'node:assert/strict'
import { test } from 'node:test'
import { argon2id } from '@noble/hashes/argon2.js'
import { hex } from '#base'
import { keyFromPassphrase } from './mod.ts'

test('a key from a passphrase is argon2id with 3 passes over 64 MiB in 4 lanes', () => {
  const passphrase = new TextEncoder().encode('correct horse battery staple')
  const salt = new Uint8Array(16).fill(7)
  const key = keyFromPassphrase(passphrase, salt)
  assert.equal(hex(key), hex(argon2id(passphrase, salt, { t: 3, m: 65_536, p: 4, dkLen: 32 })))
  assert.notEqual(hex(key), hex(keyFromPassphrase(passphrase, salt.with(0, 8))))
  assert.throws(() => keyFromPassphrase(passphrase, new Uint8Array(15)), {
    name: 'AssertionFailure',
  })
})
