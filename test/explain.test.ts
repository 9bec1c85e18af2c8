/** `link explain --preset`: the average block of a preset, and the nearest refused requests. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { door } from '#base'
import { ExplanationShape } from '#contract'
import { OpticsRefusal, presetNames } from '#optics'
import { QkdRefusal } from '#qkd'
import type { ExplainOptions } from '#cli'
import { explainPreset } from '../study/explain.ts'

const request: ExplainOptions = {
  preset: 'lab-25km',
  lengthKm: undefined,
  bound: 'wiesemann-2024',
  blockBits: 4e6,
  efficiency: 1.06,
  optimise: false,
}

const THREE_STATE = 'three-state-102km'

const open = door(ExplanationShape, 'explanation')

test('every preset is explained within the contract, with every value a number', () => {
  for (const preset of presetNames()) {
    const bounds = preset === THREE_STATE ? ['three-state'] : ['wiesemann-2024', 'rusca-2018']
    for (const bound of bounds) {
      const { sections, verdict } = open(explainPreset({ ...request, preset, bound }))
      for (const { terms } of sections) {
        for (const { name, value, meaning } of terms) {
          assert(Number.isFinite(value), `${preset} ${name}`)
          assert(meaning !== '', name)
        }
      }
      assert(verdict !== '')
    }
  }
})

test('a longer fibre gives less key, and in the end none with the reason', () => {
  const at = (lengthKm: number) => explainPreset({ ...request, lengthKm })
  const lengths = [5, 25, 45].map((km) => at(km).secretBits)
  assert.deepEqual(
    lengths,
    lengths.toSorted((a, b) => b - a),
  )
  const far = at(300)
  assert.equal(far.secretBits, 0)
  assert.match(far.why, /^No key: /)
})

test('searched settings give no lower secret rate than those of any preset', () => {
  const rateOf = (preset: string, optimise: boolean): number => {
    const { sections } = explainPreset({ ...request, preset, bound: undefined, optimise })
    const terms = sections.flatMap((one) => one.terms)
    return terms.find(({ name }) => name === 'secretBitsPerSecond')?.value ?? NaN
  }
  for (const preset of presetNames()) {
    assert(rateOf(preset, true) >= rateOf(preset, false), preset)
  }
})

test('three states are explained by their own bound, with what is crossed, and by no other', () => {
  const asked = { ...request, preset: THREE_STATE, bound: undefined }
  const { bound, sections, verdict, secretBits } = open(explainPreset(asked))
  assert.deepEqual([bound, verdict], ['three-state', 'key'])
  assert(secretBits > 500_000)
  const terms = sections.flatMap((one) => one.terms)
  const valueOf = (name: string) => terms.find((term) => term.name === name)?.value ?? NaN
  const crossed = valueOf('crossedZeros1') + valueOf('crossedZeros2')
  assert.equal(crossed, valueOf('crossedDetections'))
  for (const other of ['wiesemann-2024', 'rusca-2018', 'lim-2014', 'tomamichel-2012']) {
    assert.throws(() => explainPreset({ ...asked, bound: other }), QkdRefusal)
  }
  assert.throws(() => explainPreset({ ...request, bound: 'three-state' }), QkdRefusal)
  const far = explainPreset({ ...asked, lengthKm: 300 })
  assert.equal(far.secretBits, 0)
  assert.match(far.why, /^No key: /)
})

test('pairs are explained by their own bound, and by no other', () => {
  for (const preset of ['metro-bbm92', 'metro-bbm92-chsh', 'thuringia-69km']) {
    const asked = { ...request, preset, bound: undefined, blockBits: 1e6 }
    const { bound, sections, verdict, secretBits } = open(explainPreset(asked))
    assert.deepEqual([bound, verdict], ['tomamichel-2012', 'key'])
    assert(secretBits > 1e5)
    const terms = sections.flatMap((one) => one.terms)
    assert(terms.every(({ value, meaning }) => Number.isFinite(value) && meaning !== ''))
    const chsh = terms.find(({ name }) => name === 'chsh')?.value ?? NaN
    assert(chsh > 2 && chsh < 2 * Math.SQRT2)
    const measured = terms.find(({ name }) => name === 'chshMeasured')?.value
    assert.equal(measured !== undefined, preset.endsWith('chsh'))
    assert(Math.abs((measured ?? chsh) - chsh) < 0.01)
    for (const other of ['wiesemann-2024', 'rusca-2018', 'lim-2014']) {
      assert.throws(() => explainPreset({ ...asked, bound: other }), QkdRefusal)
    }
    assert.throws(() => explainPreset({ ...asked, optimise: true }), QkdRefusal)
    const near = explainPreset({ ...asked, lengthKm: 5 }).secretBits
    const far = explainPreset({ ...asked, lengthKm: 400 })
    assert(near > 0 && far.secretBits === 0)
    assert.match(far.why, /^No key: /)
  }
})

test('what was published for Thuringia comes out of blocks of 200,000 bits', () => {
  const asked = { ...request, preset: 'thuringia-69km', bound: undefined, blockBits: 200_000 }
  const terms = explainPreset(asked).sections.flatMap((one) => one.terms)
  const rate = terms.find(({ name }) => name === 'secretBitsPerSecond')?.value ?? NaN
  assert(Math.abs(rate - 22.2) < 0.5, `${rate} b/s`)
})

test('an unknown preset, an unknown bound and one that does not fit are refused', () => {
  assert.throws(() => explainPreset({ ...request, preset: 'nowhere' }), OpticsRefusal)
  assert.throws(() => explainPreset({ ...request, bound: 'tomamichel-2012' }), QkdRefusal)
  assert.throws(() => explainPreset({ ...request, bound: 'lim-2014' }), QkdRefusal)
})

test('GG02 tells its estimates beside the truth, a length, and that no key is made', () => {
  const asked = { ...request, preset: 'gg02-25km', bound: undefined }
  const explain = (edit: Partial<ExplainOptions['simulation']> = {}) => {
    const none = { reconciliation: undefined, attack: undefined, amount: undefined }
    return open(explainPreset({ ...asked, simulation: { symbols: 1e5, ...none, ...edit } }))
  }
  const honest = explain()
  assert.match(honest.outcome, /no key is made/)
  assert.deepEqual([honest.bound, honest.verdict], ['leverrier-2010', 'block-too-small'])
  assert.deepEqual([honest.secretBits, honest.alarms], [0, []])
  const terms = new Map(
    honest.sections.flatMap((one) => one.terms).map(({ name, value }) => [name, value]),
  )
  assert(
    honest.sections.every(({ terms: all }) => all.every(({ value }) => Number.isFinite(value))),
  )
  assert.equal(terms.get('transmittanceTrue')?.toFixed(6), (10 ** -0.5).toFixed(6))
  assert.equal(terms.get('excessNoiseTrue')?.toFixed(6), '0.010000')
  assert.equal(terms.get('rateOfInfiniteBlock')?.toFixed(5), '0.08831')
  // A confidence of 10⁻¹⁰ each: this holds for any draw that anybody will see.
  const T = terms.get('transmittanceTrue') ?? NaN
  assert((terms.get('transmittanceLower') ?? NaN) < T && (terms.get('transmittanceUpper') ?? 0) > T)
  const heard = explain({ attack: 'intercept-resend' })
  assert.equal(heard.verdict, 'noise-takes-all')
  assert.match(heard.alarms?.join() ?? '', /^excess-noise: /)
  const cut = explain({ attack: 'fibre-cut', amount: 1e4 })
  assert.deepEqual([cut.verdict, cut.secretBits], ['no-correlation', 0])
  for (const attack of ['saturation', 'local-oscillator', 'entangling-cloner', 'drift']) {
    assert.notEqual(explain({ attack }).verdict, 'length')
  }
})

test('GG02 refuses what is not its own, and others refuse what is', () => {
  const asked = { ...request, preset: 'gg02-25km', bound: undefined }
  const simulation = {
    ...{ symbols: 1e4, reconciliation: undefined },
    ...{ attack: undefined, amount: undefined },
  }
  assert.throws(() => explainPreset({ ...asked, simulation, bound: 'lim-2014' }), QkdRefusal)
  assert.throws(() => explainPreset({ ...asked, simulation, optimise: true }), QkdRefusal)
  const named = { ...simulation, attack: 'blinding' }
  assert.throws(() => explainPreset({ ...asked, simulation: named }), QkdRefusal)
  const much = { ...simulation, attack: 'intercept-resend', amount: 1.5 }
  assert.throws(() => explainPreset({ ...asked, simulation: much }), OpticsRefusal)
  assert.throws(() => explainPreset({ ...request, simulation }), QkdRefusal)
})
