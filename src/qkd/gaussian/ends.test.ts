/** What both Gaussian ends refuse, beside the nearest input that they take. @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '#base'
import type { ModulationBatch, QuadratureBatch } from '#optics'
import { seededRandom } from '#world/ports'
import { QkdRefusal, type QkdRefusalCode } from '../refusal.ts'
import { disclose, GaussianReceiver } from './ends.ts'
import type { GaussianParameters } from './parameters.ts'

const parameters: GaussianParameters = {
  modulationVariance: 4,
  receiver: {
    ...{ detection: 'homodyne', efficiency: 0.6, electronicNoise: 0.05 },
    ...{ shotNoise: 1e4, range: 2047 },
  },
  reconciliation: 0.95,
  epsilon: 1e-10,
  estimationShare: 0.5,
  blockSymbols: 4000,
  excessNoiseMax: 0.02,
}

/** Numbers between −1 and 1 times `scale`: a channel is not what is tested here. */
function numbers(count: number, scale: number): Float32Array {
  const random = new SeededRandom(1)
  return Float32Array.from({ length: count }, () => scale * (2 * random.unit() - 1))
}

const head = { batch: 0, symbolCount: 4000, simulated: true }
const modulation: ModulationBatch = { ...head, x: numbers(4000, 3), p: numbers(4000, 2) }
const values = numbers(4000, 300)
const quadratures = Uint8Array.from({ length: 4000 }, (_, at) => at % 2)
const measurement: QuadratureBatch = { ...head, detection: 'homodyne', quadratures, values }

const refused =
  (code: QkdRefusalCode) =>
  (error: unknown): boolean =>
    error instanceof QkdRefusal && error.code === code

test('a batch that no receiver measures is refused, and the next is taken', () => {
  const receiver = new GaussianReceiver(parameters, seededRandom(8))
  const spoilt = (value: number): Float32Array => values.map((one, at) => (at === 7 ? value : one))
  const bad: readonly QuadratureBatch[] = [
    { ...measurement, values: spoilt(NaN) },
    { ...measurement, values: spoilt(Infinity) },
    { ...measurement, values: spoilt(2048) },
    { ...measurement, values: values.subarray(1) },
    { ...measurement, quadratures: quadratures.subarray(1) },
    { ...measurement, quadratures: quadratures.map((one, at) => (at === 3999 ? 2 : one)) },
    { ...measurement, symbolCount: 4001 },
    { ...measurement, symbolCount: 2 ** 20 + 1 },
    { ...measurement, symbolCount: NaN },
    { ...measurement, batch: -1 },
    { ...measurement, batch: 0.5 },
    { ...measurement, watchedShotNoise: -1 },
    { ...measurement, watchedShotNoise: NaN },
    { ...measurement, detection: 'heterodyne', x: values, p: values },
  ]
  for (const batch of bad) assert.throws(() => receiver.measured(batch), refused('BATCH_INVALID'))
  const asked = receiver.measured({ ...measurement, values: spoilt(2047) })
  assert.throws(() => receiver.measured(measurement), refused('MESSAGE_OUT_OF_ORDER'))
  const told = disclose(asked, modulation)
  for (const answer of [
    { ...told, batch: 1 },
    { ...told, values: told.values.subarray(1) },
    { ...told, values: told.values.map((one, at) => (at === 0 ? NaN : one)) },
    { ...told, values: told.values.map((one, at) => (at === 0 ? 1e6 : one)) },
  ]) {
    assert.throws(() => receiver.disclosed(answer), refused('MESSAGE_INVALID'))
  }
  const report = receiver.disclosed(told)
  assert(report !== undefined && report.symbols === 4000)
  assert.equal(report.observables.saturatedShare, 1 / 4000)
  assert.throws(() => receiver.disclosed(told), refused('MESSAGE_OUT_OF_ORDER'))
  assert.throws(() => receiver.measured(measurement), refused('BATCH_INVALID'))
})

test('the transmitter tells what was asked of the batch that was sent, and nothing else', () => {
  const detection = 'heterodyne'
  const heterodyne = { ...parameters, receiver: { ...parameters.receiver, detection } } as const
  const receiver = new GaussianReceiver(heterodyne, seededRandom(9))
  const asked = receiver.measured({ ...head, detection, x: values, p: values })
  assert.equal(asked.positions.length, 2000)
  assert.equal(new Set(asked.positions).size, 2000)
  const told = disclose(asked, modulation).values
  assert.equal(told.length, 4000)
  assert.deepEqual(
    [told[2], told[3]],
    [modulation.x[asked.positions[1]], modulation.p[asked.positions[1]]],
  )
  const { positions } = asked
  for (const message of [
    { ...asked, batch: 1 },
    { ...asked, symbolCount: 3999 },
    { ...asked, positions: positions.subarray(0, 0) },
    { ...asked, positions: positions.toReversed() },
    { ...asked, positions: Uint32Array.of(5, 5) },
    { ...asked, positions: Uint32Array.of(4000) },
    { ...asked, quadratures: new Uint8Array(1999) },
    { ...asked, quadratures: new Uint8Array(2000).fill(2) },
  ]) {
    assert.throws(() => disclose(message, modulation), refused('MESSAGE_INVALID'))
  }
  const short = { ...modulation, p: modulation.p.subarray(1) }
  assert.throws(() => disclose(asked, short), refused('BATCH_INVALID'))
  assert(disclose({ ...asked, positions: Uint32Array.of(0, 3999) }, modulation).values.length === 4)
})

test('parameters that no link has are refused', () => {
  const of = (edit: Partial<GaussianParameters>): GaussianReceiver =>
    new GaussianReceiver({ ...parameters, ...edit }, seededRandom(1))
  of({ epsilon: 0.1, blockSymbols: 1000, estimationShare: 0.999, excessNoiseMax: 0 })
  for (const edit of [
    { modulationVariance: -4 },
    { modulationVariance: NaN },
    { reconciliation: 1.01 },
    { epsilon: 0 },
    { epsilon: 0.11 },
    { estimationShare: 1 },
    { blockSymbols: 999 },
    { excessNoiseMax: -0.01 },
    { receiver: { ...parameters.receiver, shotNoise: 0 } },
    { receiver: { ...parameters.receiver, efficiency: 1.1 } },
    { receiver: { ...parameters.receiver, electronicNoise: -0.1 } },
    { receiver: { ...parameters.receiver, range: Infinity } },
  ]) {
    assert.throws(() => of(edit), refused('PARAMETERS_INVALID'), JSON.stringify(edit))
  }
})
