import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { epochMs } from '#base'
import {
  accessEvent,
  profileFor,
  type Act,
  type GeneralFacts,
  type ParticularFacts,
} from './access-event.ts'

/**
 * Texts of version 1 as they were once composed. Entries bind these texts: where one differs, what was
 * logged before can no longer be proven. They are added to, and never changed.
 */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testdata/access-events.json'), 'utf8'),
) as readonly {
  readonly name: string
  readonly general: GeneralFacts
  readonly particular: ParticularFacts
  readonly texts: { readonly general: string; readonly particular: string }
}[]

const ACTS: readonly Act[] = [
  ...(['open', 'older', 'past', 'all', 'bare', 'list', 'bulk', 'find', 'match', 'new'] as const),
  ...(['next', 'mend', 'end', 'many', 'batch', 'join', 'erase', 'hold', 'free', 'other'] as const),
  ...(['sent', 'taken', 'enter', 'leave', 'grade'] as const),
]

for (const { name, general, particular, texts } of golden) {
  test(`an event is composed to the same text for ever: ${name}`, () => {
    assert.deepEqual(accessEvent(general, particular), texts)
    const profile = profileFor(general.act, general.outcome, particular)
    assert.equal(general.profile, profile)
  })
}

test('what differs by its time alone has a text that differs by nothing else', () => {
  const tricky = ',"recorded":"2020-01-01T00:00:00.000Z"'
  const [{ general }] = golden
  const account = { ...general.account, actor: tricky, address: tricky }
  for (const facts of [...golden.map((one) => one.general), { ...general, account }]) {
    const [first, second] = [general.at, epochMs(1_700_000_000_000)].map(
      (at) => accessEvent({ ...facts, at }, { v: 1 }).general,
    )
    assert.equal(second, first.replace('2026-11-18T11:06:40.123Z', '2023-11-14T22:13:20.000Z'))
    const { recorded } = JSON.parse(second) as { recorded: string }
    assert.equal(recorded, '2023-11-14T22:13:20.000Z')
  }
})

test('every act and outcome has a text of before', () => {
  const acts = new Set(golden.map(({ general }) => general.act))
  assert.deepEqual(
    ACTS.filter((act) => !acts.has(act)),
    [],
  )
  const outcomes = new Set(golden.map(({ general }) => general.outcome))
  assert.deepEqual([...outcomes].toSorted(), ['done', 'failed', 'refused'])
  assert(golden.every(({ general }) => general.at === epochMs(1_795_000_000_123)))
})
