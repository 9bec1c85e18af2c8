/** What the attack lab asks for, and what it reads out of a block. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { door } from '#base'
import { AttackShape, attackTexts, type AttackKind, type ExplanationView } from '#contract'
import {
  attackBy,
  commandOf,
  crosses,
  figuresOfBlock,
  firstLevers,
  leverRanges,
  leversOf,
  type Levers,
} from '../console/src/lab-model.ts'
import { linkTexts } from '../console/src/texts-links.ts'

const KINDS = Object.keys(attackTexts) as readonly AttackKind[]
const open = door(AttackShape, 'attack')
const leversAt = (end: 'least' | 'most'): Levers =>
  Object.fromEntries(
    Object.entries(leverRanges).map(([lever, range]) => [lever, range[end]]),
  ) as Levers

test('every attack has sliders that act, from one end to the other', () => {
  assert.deepEqual(Object.keys(leversOf).toSorted(), [...KINDS].toSorted())
  assert.deepEqual(Object.keys(linkTexts.lab.levers), Object.keys(leverRanges))
  for (const kind of KINDS) {
    assert(leversOf[kind].length > 0, kind)
    const [least, most] = [attackBy(kind, leversAt('least')), attackBy(kind, leversAt('most'))]
    for (const attack of [least, most, attackBy(kind, firstLevers)]) open(attack)
    for (const lever of leversOf[kind]) {
      const moved = { ...leversAt('least'), [lever]: leverRanges[lever].most }
      assert.notDeepEqual(attackBy(kind, moved), least, `${kind} ${lever}`)
    }
  }
})

test('light lost is told in dB, and at the end of the slider it is a clean cut', () => {
  const lost = (loss: number) => attackBy('fibre-cut', { ...firstLevers, loss }).fraction
  assert(Math.abs(lost(3) - 0.4988) < 1e-4)
  assert.equal(lost(leverRanges.loss.most), 1)
})

test('the command begins the same attack', () => {
  const bold = attackBy('photon-number-splitting', { ...firstLevers, share: 30, stealth: 20 })
  assert.equal(
    commandOf(bold),
    'photonward attack run photon-number-splitting --fibre <folder> --fraction 0.3 --stealth 0.2',
  )
  assert.equal(
    commandOf(attackBy('intercept-resend', firstLevers)),
    'photonward attack run intercept-resend --fibre <folder>',
  )
  assert.equal(
    commandOf(attackBy('trojan-horse', firstLevers)),
    'photonward attack run trojan-horse --fibre <folder> --power 1000',
  )
})

const explained = (terms: Readonly<Record<string, number>>): ExplanationView => ({
  ...{
    subject: 'link a-b, block 1/2',
    from: 'block',
    outcome: 'discarded',
    bound: 'wiesemann-2024',
  },
  sections: [
    {
      title: 'Counts',
      terms: Object.entries(terms).map(([name, value]) => ({ name, value, meaning: '' })),
    },
  ],
  ...{ secretBits: 0, verdict: 'qber-above-limit', why: '' },
})

test('gain and decoys of a block come out of its counts', () => {
  const figures = figuresOfBlock(
    explained({
      ...{ slots: 1000, detections: 20, keyDetections1: 10, keyDetections2: 4, testErrorRate: 0.2 },
      ...{ meanPhotonNumber1: 0.5, probability1: 0.8, meanPhotonNumber2: 0.1, probability2: 0.2 },
    }),
  )
  assert.equal(figures.gain, 0.02)
  assert.equal(figures.decoyShare, 0.4)
  assert.equal(figures.leastHonest?.toFixed(3), '0.050')
  assert.equal(figures.qber, 0.2)
  const without = figuresOfBlock(explained({ slots: 1000, detections: 20, keyDetections1: 10 }))
  assert.deepEqual([without.decoyShare, without.leastHonest, without.qber], [null, null, null])
})

test('a way crosses a link in either direction, and not by its sites alone', () => {
  const way = ['bristol', 'london', 'cambridge', 'ipswich']
  assert(crosses(way, ['london', 'bristol']))
  assert(crosses(way, ['cambridge', 'ipswich']))
  assert(!crosses(way, ['bristol', 'cambridge']))
})
