import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { ExposureView, KeyOriginView, ProtectionView } from '#contract'
import { exposureView, keyOriginText } from './commands/network-exposure.ts'
import { protectionWords } from './views.ts'

const KEY = '0198c5a0-0000-4000-8000-000000000001'
const TRANSFER = '0198c5a0-0000-4000-8000-000000000002'
const none = { nothing: 0, shares: 0, wrapped: 0, key: 0 }
const shares = [
  { way: ['bristol', 'london', 'cambridge'], heldBy: ['bristol', 'cambridge', 'london'] },
]
const plain = stripVTControlCharacters

const report: ExposureView = {
  ...{ compromised: ['london'], breaksWrap: false, declared: true },
  pools: [{ link: 'bristol--cambridge', peer: 'cambridge', octets: { ...none, wrapped: 1000 } }],
  ...{ given: { ...none, wrapped: 32 }, givenKeys: [] },
  sessionKeys: {
    counts: { ...none, wrapped: 1 },
    exposed: [{ keyId: KEY, at: 1, exposure: 'wrapped' }],
  },
  transfers: {
    affected: 1,
    named: [
      {
        ...{ transfer: TRANSFER, direction: 'out', peer: 'cambridge', patient: null },
        standing: 'post-quantum',
      },
    ],
  },
  items: { affected: 0, unknown: 2, named: [] },
  ...{ isolated: ['bristol'], pairsLost: 1, discardedBlocks: 3, waitingLinks: ['bristol-london'] },
}

test('a report says what nodes know, what rests on less, and who is cut off', () => {
  const text = plain(exposureView(report))
  for (const part of [
    'london',
    TRANSFER,
    '→ cambridge',
    'bristol-london',
    '8.00 kbit',
    '3 blocks',
  ]) {
    assert(text.includes(part), `${part} in ${text}`)
  }
  assert(text.includes('ML-KEM-1024 and X25519 alone'))
  assert(text.includes('of 2 some way is not known here'))
  assert(plain(exposureView({ ...report, declared: false })).includes('a trial'))
})

test('a key is shown with the ways of its shares and who held them all', () => {
  const key: KeyOriginView = {
    ...{ keyId: KEY, at: 1, source: 'simulated', epsilon: 1e-9, seenBy: ['bristol', 'cambridge'] },
    parts: [
      {
        ...{ link: 'bristol--cambridge', from: 'bristol', to: 'cambridge', octets: 32, shares },
        coalition: ['london'],
      },
    ],
    exposure: 'wrapped',
  }
  const text = plain(keyOriginText(key))
  assert(text.includes('relayed by bristol–london–cambridge; all shares: london'), text)
  const [part] = key.parts
  const direct = { ...key, parts: [{ ...part, link: 'b-c', shares: [], coalition: [] }] }
  assert(plain(keyOriginText(direct)).includes('link b-c'))
})

test('a protection is shown with what it rests on now, where that is less than it was', () => {
  const protection: ProtectionView = {
    ...{ mode: 'require-quantum', used: 'hybrid-quantum', suite: 'PW-HYB-1', keyIds: [KEY] },
    ...{ keySource: 'simulated', keyPath: 'relayed', sessionId: TRANSFER, transcript: 'ab', at: 1 },
    ...{ keys: [{ keyId: KEY, exposure: 'wrapped', links: [], shares }], standing: 'post-quantum' },
  }
  const words = plain(protectionWords(protection))
  assert(words.includes('NOW RESTS ON ML-KEM-1024 and X25519 alone'), words)
  assert(words.includes('relayed by bristol–london–cambridge'))
  assert(!plain(protectionWords({ ...protection, standing: 'hybrid' })).includes('NOW RESTS ON'))
  const without: ProtectionView = {
    ...protection,
    ...{ used: 'hybrid-post-quantum', keyIds: [], keys: [] },
  }
  assert(!plain(protectionWords(without)).includes('NOW RESTS ON'), 'it never had a QKD key')
  assert(plain(protectionWords({ ...without, standing: 'open' })).includes('can have read it'))
})
