import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, utf8 } from '#base'
import { base32, endOfStep, stepOf, totpCode, totpUri } from './totp.ts'

/** RFC 6238, Appendix B: seconds, and the codes of SHA-1, SHA-256 and SHA-512. */
const VECTORS = [
  [59, '94287082', '46119246', '90693936'],
  [1111111109, '07081804', '68084774', '25091201'],
  [1111111111, '14050471', '67062674', '99943326'],
  [1234567890, '89005924', '91819424', '93441116'],
  [2000000000, '69279037', '90698825', '38618901'],
  [20000000000, '65353130', '77737706', '47863826'],
] as const
const SECRET = utf8('12345678901234567890')
const SECRETS = {
  sha1: SECRET,
  sha256: utf8('12345678901234567890123456789012'),
  sha512: utf8('1234567890123456789012345678901234567890123456789012345678901234'),
}

test('codes are those of RFC 6238', () => {
  for (const [seconds, ...codes] of VECTORS) {
    for (const [at, hash] of (['sha1', 'sha256', 'sha512'] as const).entries()) {
      const step = Math.floor(seconds / 30)
      assert.equal(totpCode(SECRETS[hash], step, { hash, digits: 8 }), codes[at])
    }
  }
})

test('a code is right for its step and one beside it, and for no other', () => {
  const at = epochMs(1_795_248_000_000)
  const now = at / 30_000
  for (const [off, isRight] of [
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const) {
    const found = stepOf(totpCode(SECRET, now + off), SECRET, at)
    assert.equal(found, isRight ? now + off : undefined)
  }
  assert.equal(stepOf('', SECRET, at), undefined)
  assert.equal(stepOf('1234567', SECRET, at), undefined)
})

test('a step is over when its code is accepted nowhere', () => {
  const step = 59_841_600
  const code = totpCode(SECRET, step)
  assert.equal(stepOf(code, SECRET, epochMs(endOfStep(step) - 1)), step)
  assert.notEqual(stepOf(code, SECRET, endOfStep(step)), step)
})

test('base32 is that of RFC 4648 without padding', () => {
  const vectors = {
    '': '',
    f: 'MY',
    fo: 'MZXQ',
    foo: 'MZXW6',
    foob: 'MZXW6YQ',
    foobar: 'MZXW6YTBOI',
  }
  for (const [text, spelled] of Object.entries(vectors)) assert.equal(base32(utf8(text)), spelled)
})

test('the address for an app names site and login', () => {
  assert.equal(
    totpUri(SECRET, { site: 'bristol', login: 'a.b' }),
    'otpauth://totp/PhotonWard%20bristol:a.b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=PhotonWard%20bristol',
  )
})
