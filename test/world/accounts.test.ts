import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chartsOf } from './support/charts.ts'
import { KeyLedger } from './support/key-ledger.ts'
import { RecordLedger, type KeptChart } from './support/record-ledger.ts'

const bristol = { site: 'bristol', sae: 'bristol-ward' }
const cambridge = { site: 'cambridge', sae: 'cambridge-ward' }
const one = { key_ID: '1', key: 'AAAA' }
const two = { key_ID: '2', key: 'BBBB' }

for (const [what, act, expected] of [
  ['made twice', (of) => of.gaveToMaster(bristol, ['cambridge-ward'], [one]), /1 was made twice/],
  [
    'with the octets of another',
    (of) => of.gaveToMaster(bristol, ['cambridge-ward'], [{ ...two, key: 'AAAA' }]),
    /2 has the octets of 1/,
  ],
  [
    'that differs at the two ends',
    (of) => of.gaveToSlave(cambridge, ['1'], [{ ...one, key: 'CCCC' }]),
    /1 differs at the two ends/,
  ],
  [
    'delivered twice',
    (of) => {
      for (let times = 0; times < 2; times++) of.gaveToSlave(cambridge, ['1'], [one])
    },
    /1 was delivered twice/,
  ],
  [
    'for another application',
    (of) => of.gaveToSlave({ ...cambridge, sae: 'cambridge-archive' }, ['1'], [one]),
    /1 went to cambridge-archive/,
  ],
  ['that nobody made', (of) => of.gaveToSlave(cambridge, ['2'], [two]), /2 was delivered, but/],
  ['beside those asked for', (of) => of.gaveToSlave(cambridge, ['1', '2'], [one]), /gave others/],
] as const satisfies readonly (readonly [string, (of: KeyLedger) => void, RegExp])[]) {
  test(`the account of keys finds a key ${what}`, () => {
    const faults: string[] = []
    const ledger = new KeyLedger((fault) => faults.push(fault))
    ledger.gaveToMaster(bristol, ['cambridge-ward'], [one])
    assert.deepEqual(faults, [])
    act(ledger)
    assert.match(faults.join(), expected)
  })
}

test('the account of records finds what is missing, doubled, changed, outdated or foreign', () => {
  const { staff, charts } = chartsOf(1, 2, 2)
  const [chart, other] = charts
  const ledger = new RecordLedger()
  ledger.keepStaff(staff)
  const kept: KeptChart = { ...ledger.keep(chart, 'bristol'), stored: 1, tried: 1 }
  const texts = [...chart.versions[1].texts.values()]
  assert.deepEqual(ledger.faultsOf(kept, [...texts, ...staff.texts.values()], 1), [])
  const first = [...chart.versions[0].texts.values()]
  const faultsOf = (some: readonly string[]): string => ledger.faultsOf(kept, some, 1).join()
  assert.match(faultsOf(texts.slice(1)), /is missing/)
  assert.match(faultsOf([...texts, texts[0]]), /is there twice/)
  assert.match(faultsOf([texts[0].replace('Nowhere', 'Elsewhere'), ...texts.slice(1)]), /is not as/)
  assert.match(faultsOf(first), /is of version 0, expected 1 to 1/)
  assert.deepEqual(ledger.faultsOf(kept, first, 0), [])
  assert.match(faultsOf([...texts, ...other.versions[0].texts.values()]), /belongs to nobody/)
})
