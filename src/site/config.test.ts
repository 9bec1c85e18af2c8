/**
 * What a configured link comes to.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex } from '#base'
import { parametersHash } from '#qkd'
import { parametersOf, type LinkConfiguration } from './config.ts'

const LINK: LinkConfiguration = {
  link: 'bristol-cambridge',
  peer: 'cambridge',
  role: 'transmitter',
  device: { name: 'fibre', host: 'localhost', port: 1 },
  preset: 'lab-25km',
  blockBits: 1_000_000,
  secrecy: 1e-10,
  correctness: 1e-15,
  qberMax: 0.08,
}

test('a link corrects by Cascade unless it is told to correct one way, and both ends see which', () => {
  const other = { ...LINK, peer: 'bristol', role: 'receiver' as const }
  const hashes = ([undefined, 'cascade', 'ldpc'] as const).map((reconciliation) => {
    const told = reconciliation === undefined ? {} : { reconciliation }
    const parameters = parametersOf('bristol', { ...LINK, ...told })
    assert.equal(parameters.correction, reconciliation ?? 'cascade')
    assert.deepEqual(parametersOf('cambridge', { ...other, ...told }), parameters)
    return hex(parametersHash(parameters))
  })
  assert.equal(hashes[0], hashes[1])
  assert.notEqual(hashes[1], hashes[2])
})

test('a link may charge both ways and hash linearly, and both ends see it', () => {
  const parameters = (change: Partial<LinkConfiguration>) =>
    parametersOf('bristol', { ...LINK, ...change })
  const usual = parameters({})
  assert.deepEqual([usual.leakCharge, usual.amplification], ['one-way', 'modular'])
  const careful = parameters({ leakCharge: 'two-way', amplification: 'toeplitz' })
  assert.deepEqual([careful.leakCharge, careful.amplification], ['two-way', 'toeplitz'])
  const hashes = [{}, { leakCharge: 'two-way' }, { amplification: 'toeplitz' }] as const
  assert.equal(new Set(hashes.map((one) => hex(parametersHash(parameters(one))))).size, 3)
})
