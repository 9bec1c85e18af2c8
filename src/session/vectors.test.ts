/** `spec/vectors/hybrid-session.json`, made by another implementation, through this room's code. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { epochMs, fromCbor, fromHex, hex, keyId, kmeId, saeId, SecretBytes, siteId } from '#base'
import {
  agreeX25519,
  decapsulate,
  kemKeyPairOf,
  signingKeyPairOf,
  verifierOf,
  x25519KeyPairOf,
  type DualSigner,
} from '#crypto'
import { complete, Initiated } from './initiator.ts'
import { decodeAnswer, decodeConfirm, decodeHello, splitAnswer, type Party } from './message.ts'
import { contextOf, deriveKeys, initiatorTag, responderTag } from './schedule.ts'

interface Vector {
  readonly comment: string
  readonly purpose: 'transfer'
  readonly class: string
  readonly offered: string
  readonly mode: string
  readonly used: string
  readonly epoch: number
  readonly initiatorPolicy: number
  readonly responderPolicy: number
  readonly seeds: Readonly<Record<string, string>>
  readonly keys: readonly { readonly keyId: string; readonly octets: string }[]
  readonly hello: string
  readonly answer: string
  readonly confirm: string
  readonly context: string
  readonly psk: string
  readonly classical: string
  readonly postQuantum: string
  readonly transcript: string
  readonly responderTag: string
  readonly initiatorTag: string
  readonly initiatorToResponder: string
  readonly responderToInitiator: string
  readonly exporter: string
  readonly exportedVectors40: string
}

type PartyNames = Readonly<Record<'site' | 'sae' | 'kme', string>>

const file = join(import.meta.dirname, '../../spec/vectors/hybrid-session.json')
const vectors = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly initiator: PartyNames
  readonly responder: PartyNames
  readonly sessions: readonly Vector[]
}
const party = ({ site, sae, kme }: PartyNames): Party => ({
  site: siteId(site),
  sae: saeId(sae),
  kme: kmeId(kme),
})
const [bristol, cambridge] = [party(vectors.initiator), party(vectors.responder)]

for (const vector of vectors.sessions) {
  const initiator = signerOf(vector, 'initiator')
  const responder = signerOf(vector, 'responder')
  const [helloOctets, answerOctets] = [fromHex(vector.hello), fromHex(vector.answer)]

  test(`session vector, ${vector.comment}: messages are read as they were written`, () => {
    const hello = decodeHello(helloOctets, verifierOf(initiator))
    const { signed, tag } = splitAnswer(answerOctets)
    const answer = decodeAnswer(signed, verifierOf(responder))
    assert.deepEqual([hello.from, hello.to], [bristol, cambridge])
    assert.deepEqual([answer.from, answer.to], [cambridge, bristol])
    assert.deepEqual(
      [hello.purpose, hello.dataClass, hello.mode, hello.epoch, hello.policyVersion],
      [vector.purpose, vector.class, vector.offered, vector.epoch, vector.initiatorPolicy],
    )
    assert.deepEqual(
      [answer.mode, answer.used, answer.policyVersion],
      [vector.mode, vector.used, vector.responderPolicy],
    )
    assert.deepEqual(
      hello.keys.map((key) => key.keyId),
      vector.keys.map((key) => keyId(key.keyId)),
    )
    assert.equal(hex(tag), vector.responderTag)
    assert.equal(hex(decodeConfirm(fromHex(vector.confirm)).tag), vector.initiatorTag)
  })

  test(`session vector, ${vector.comment}: the schedule gives the published keys`, () => {
    const hello = decodeHello(helloOctets, verifierOf(initiator))
    const { signed } = splitAnswer(answerOctets)
    const answer = decodeAnswer(signed, verifierOf(responder))
    const signers = {
      initiatorKeys: verifierOf(initiator),
      responderKeys: verifierOf(responder),
    }
    const context = contextOf({ hello, answer, ...signers })
    assert.equal(hex(context), vector.context)
    const { privateKey } = x25519KeyPairOf(fromHex(vector.seeds['initiatorX25519']))
    const kem = kemKeyPairOf('ml-kem-1024', fromHex(vector.seeds['initiatorMlKem']))
    const secrets = {
      psk: fromHex(vector.psk),
      classical: agreeX25519(privateKey, answer.x25519),
      postQuantum: decapsulate('ml-kem-1024', kem.decapsulationKey, answer.mlKem),
    }
    assert.equal(hex(secrets.classical), vector.classical)
    assert.equal(hex(secrets.postQuantum), vector.postQuantum)
    const by = { purpose: hello.purpose, context, hello: helloOctets, answer: signed }
    const keys = deriveKeys(secrets, by)
    assert.equal(hex(keys.transcript), vector.transcript)
    assert.equal(hex(keys.initiatorToResponder), vector.initiatorToResponder)
    assert.equal(hex(keys.responderToInitiator), vector.responderToInitiator)
    assert.equal(hex(keys.exporter), vector.exporter)
    assert.equal(hex(responderTag(keys)), vector.responderTag)
    assert.equal(hex(initiatorTag(keys, responderTag(keys))), vector.initiatorTag)
  })

  test(`session vector, ${vector.comment}: an initiator completes it to its last octet`, () => {
    const state = new Initiated({
      self: bristol,
      peer: cambridge,
      selfKeys: verifierOf(initiator),
      peerKeys: verifierOf(responder),
      hello: decodeHello(helloOctets, verifierOf(initiator)),
      helloOctets,
      x25519: x25519KeyPairOf(fromHex(vector.seeds['initiatorX25519'])),
      mlKem: kemKeyPairOf('ml-kem-1024', fromHex(vector.seeds['initiatorMlKem'])),
      psk: SecretBytes.take(fromHex(vector.keys.map(({ octets }) => octets).join(''))),
    })
    const { confirm, session } = complete(state, answerOctets, epochMs(0))
    assert.equal(hex(confirm), vector.confirm)
    assert.deepEqual(fromCbor(confirm, 200), fromCbor(fromHex(vector.confirm), 200))
    assert.equal(hex(session.sendKey.reveal()), vector.initiatorToResponder)
    assert.equal(hex(session.receiveKey.reveal()), vector.responderToInitiator)
    assert.equal(hex(session.exportSecret('vectors', 40).reveal()), vector.exportedVectors40)
    assert.equal(session.protection.transcript, vector.transcript)
  })
}

function signerOf(vector: Vector, role: 'initiator' | 'responder'): DualSigner {
  return {
    mlDsa: signingKeyPairOf('ml-dsa-65', fromHex(vector.seeds[`${role}MlDsa`])),
    ed25519: signingKeyPairOf('ed25519', fromHex(vector.seeds[`${role}Ed25519`])),
  }
}
