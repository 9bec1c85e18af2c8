import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '#world/ports'
import { bindParts, bindsGeneral, bindsParticular } from './parts.ts'

const parts = { general: '{"who":"pacs"}', particular: '[{"whom":"somebody"}]' }

test('both parts of an event open what was bound, each with its own salt and no other text', () => {
  const { commitment, inner, salts } = bindParts(seededRandom(1), parts)
  const general = { text: parts.general, salt: salts.general, inner }
  assert(bindsGeneral(commitment, general))
  assert(bindsParticular(inner, { text: parts.particular, salt: salts.particular }))
  assert(!bindsGeneral(commitment, { ...general, text: parts.particular }))
  assert(!bindsGeneral(commitment, { ...general, salt: salts.particular }))
  assert(!bindsGeneral(commitment, { ...general, inner: salts.particular }))
  assert(!bindsParticular(inner, { text: parts.general, salt: salts.particular }))
  assert(!bindsParticular(inner, { text: parts.particular, salt: salts.general }))
})

test('the same event is bound differently each time, and so is each of its parts', () => {
  const random = seededRandom(2)
  const [first, second] = [bindParts(random, parts), bindParts(random, parts)]
  assert.notDeepEqual(first.commitment, second.commitment)
  assert.notDeepEqual(first.inner, second.inner)
  assert.notDeepEqual(first.salts.general, first.salts.particular)
})
