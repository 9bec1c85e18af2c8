/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
} from 'age-encryption'
import { identityToRecipient } from 'age-encryption'
import fc from 'fast-check'
import { concat, utf8 } from '#base'
import { seededRandom } from '#world/ports'
import { bech32, readBech32 } from './bech32.ts'
import { openAge, sealAge } from './file.ts'
import { newIdentity, readIdentities, readRecipient, recipientOf } from './recipients.ts'

const KINDS = { x25519: generateX25519Identity, hybrid: generateHybridIdentity } as const
const SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]

for (const [kind, generate] of Object.entries(KINDS)) {
  test(`what we seal for ${kind} recipients, age-encryption opens, at every border of a chunk`, async () => {
    const [text, other] = [await generate(), await generate()]
    const to = [other, text].map(async (one) => readRecipient(await identityToRecipient(one)))
    const recipients = await Promise.all(to)
    for (const size of SIZES) {
      const plaintext = seededRandom(size).octets(size)
      const sealed = await whole(sealAge(pieces(plaintext), recipients, seededRandom(1)))
      const decrypter = new Decrypter()
      decrypter.addIdentity(text)
      assert.deepEqual(new Uint8Array(await decrypter.decrypt(sealed)), plaintext, `${size}`)
    }
  })

  test(`what age-encryption seals for ${kind} recipients, we open`, async () => {
    const text = await generate()
    const identities = readIdentities(`# made by another\n${text}\n`)
    assert.equal(recipientOf(identities[0]), await identityToRecipient(text))
    for (const size of SIZES) {
      const plaintext = seededRandom(size).octets(size)
      const encrypter = new Encrypter()
      encrypter.addRecipient(await identityToRecipient(await generate()))
      encrypter.addRecipient(await identityToRecipient(text))
      const sealed = new Uint8Array(await encrypter.encrypt(plaintext))
      assert.deepEqual(await whole(openAge(pieces(sealed), identities)), plaintext, `${size}`)
    }
  })

  test(`a ${kind} file that was changed, cut or extended anywhere is refused`, async () => {
    const identities = readIdentities(await generate())
    const to = [readRecipient(recipientOf(identities[0]))]
    const plaintext = seededRandom(1).octets(65_536 + 10)
    const sealed = await whole(sealAge([plaintext], to, seededRandom(2)))
    const header = sealed.length - (65_536 + 16 + 26 + 16)
    const places = [
      ...Array(header + 20).keys(),
      header + 65_551,
      header + 65_570,
      sealed.length - 1,
    ]
    for (const at of places) {
      const changed = new Uint8Array(sealed)
      changed[at] ^= 1
      await assert.rejects(whole(openAge([changed], identities)), { name: 'AgeRefusal' }, `${at}`)
    }
    for (const end of [
      0,
      10,
      header - 1,
      header,
      header + 16,
      header + 16 + 65_552,
      sealed.length - 1,
    ]) {
      const cut = sealed.subarray(0, end)
      await assert.rejects(
        whole(openAge([cut], identities)),
        { code: 'AGE_FILE_INVALID' },
        `${end}`,
      )
    }
    const longer = concat(sealed, Uint8Array.of(0))
    await assert.rejects(whole(openAge([longer], identities)), { code: 'AGE_FILE_INVALID' })
  })
}

test('a file for somebody else does not open, and kinds are never mixed in one', async () => {
  const own = readIdentities(newIdentity(seededRandom(1)))
  const classical = readIdentities(await generateX25519Identity())
  const to = [readRecipient(recipientOf(own[0]))]
  const sealed = await whole(sealAge([utf8('text')], to, seededRandom(3)))
  for (const others of [classical, readIdentities(newIdentity(seededRandom(2)))]) {
    await assert.rejects(whole(openAge([sealed], others)), { code: 'AGE_IDENTITY_DENIED' })
  }
  const mixed = [...to, readRecipient(recipientOf(classical[0]))]
  await assert.rejects(whole(sealAge([], mixed, seededRandom(3))), {
    code: 'RECIPIENTS_MIXED_INVALID',
  })
  await assert.rejects(whole(sealAge([], [], seededRandom(3))), { code: 'RECIPIENT_INVALID' })
})

test('recipients and identities are taken to the letter only', () => {
  const identity = newIdentity(seededRandom(1))
  const recipient = recipientOf(readIdentities(identity)[0])
  const changed = `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`
  for (const wrong of ['', 'age1', changed, recipient.toUpperCase(), identity, `${recipient}q`]) {
    assert.throws(() => readRecipient(wrong), { code: 'RECIPIENT_INVALID' })
  }
  for (const wrong of ['', '# nothing', recipient, identity.toLowerCase(), `${identity}Q`]) {
    assert.throws(() => readIdentities(wrong), { code: 'IDENTITY_INVALID' })
  }
})

test('Bech32 gives back what it spelled, and finds up to four wrong letters', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), fc.nat(30), (octets, at, by) => {
      const text = bech32('age', octets)
      assert.deepEqual(readBech32(text), { prefix: 'age', octets })
      assert.deepEqual(readBech32(text.toUpperCase())?.octets, octets)
      const place = 4 + (at % (text.length - 4))
      const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.replace(text[place], '')
      const wrong = text.slice(0, place) + letters[by] + text.slice(place + 1)
      assert.equal(readBech32(wrong), undefined)
    }),
  )
})

function* pieces(octets: Uint8Array): Generator<Uint8Array> {
  for (let at = 0, size = 1; at < octets.length; at += size, size = (size * 7) % 40_009) {
    yield octets.subarray(at, at + size)
  }
}

async function whole(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return concat(...all)
}
