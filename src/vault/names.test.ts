import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { siteId } from '#base'
import { isResourceId } from '#health'
import {
  idAt,
  isForeignId,
  isLongName,
  meantBy,
  nameIn,
  referenceAt,
  requireOwnName,
} from './names.ts'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789-.ABCXYZ'
const ids = fc
  .string({ unit: fc.constantFrom(...Array.from(LETTERS)), minLength: 1, maxLength: 64 })
  .filter((id) => !isForeignId(id))
const sites = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).map(siteId)
const types = fc.constantFrom('Patient', 'Observation')

test('every resource of another site has a name here, which FHIR allows and no other has', () => {
  fc.assert(
    fc.property(sites, sites, types, ids, ids, (here, origin, type, id, other) => {
      fc.pre(here !== origin)
      const shown = idAt(here, { origin, type, id })
      assert(isResourceId(shown) && isForeignId(shown), shown)
      assert.equal(shown === idAt(here, { origin, type, id: other }), id === other)
      assert.throws(() => requireOwnName({ type, id: shown }), { code: 'VAULT_RECEIVED' })
      if (isLongName(shown)) return
      assert.deepEqual(meantBy(here, { type, id: shown }), { origin, type, id })
    }),
  )
})

test('a name means the same at every site, and at its own leads home', () => {
  fc.assert(
    fc.property(sites, sites, sites, types, ids, (origin, second, third, type, id) => {
      fc.pre(new Set([origin, second, third]).size === 3)
      const own = `${type}/${id}`
      const atSecond = referenceAt(second, origin, own)
      assert.equal(referenceAt(third, origin, own), atSecond)
      // The second site writes a resource of its own about it, and sends that on.
      assert.equal(referenceAt(third, second, atSecond), atSecond)
      const home = referenceAt(origin, second, atSecond)
      assert.equal(home, isLongName(nameIn(atSecond).id) ? atSecond : own)
    }),
  )
})

test('names that are near to those of another site are own ones', () => {
  for (const id of [
    'from-cambridge',
    'from-.7',
    'from-Cambridge.7',
    'from.7',
    'from-a-.7',
    'x.7',
  ]) {
    assert.equal(isForeignId(id), false, id)
    requireOwnName({ type: 'Patient', id })
  }
})
