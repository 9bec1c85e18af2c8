import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { referencePages } from '../tools/make-reference.ts'

test('the reference pages are what the code says', async () => {
  for (const [path, text] of Object.entries(await referencePages())) {
    const there = readFileSync(join(resolve(import.meta.dirname, '..'), path), 'utf8')
    assert.equal(there, text, `${path} is out of date: run node tools/make-reference.ts`)
  }
})
