/**
 * The grid as a page for people: one table for each role, rows that are alike put together.
 *
 * @module
 */

import type { PolicyEngine } from './engine.ts'
import { gridOf, needsText, type Cell } from './grid.ts'
import { INVARIANTS, SEPARATE } from './invariants.ts'
import { PURPOSES, ROLES } from './vocabulary.ts'

/** The page, in Markdown. The same policies give the same text. */
export function gridPage(engine: PolicyEngine): string {
  const { cells } = gridOf(engine)
  const byEverybody = groups(cells, spotOf).filter((some) => some.length === ROLES.length)
  const common = byEverybody.map(([first]) => first)
  const shared = new Set(common.map(spotOf))
  const sorted = [...engine.policies.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const policies = sorted.map(
    ({ id, effect, step, mask, form }) =>
      `| \`${id}\` | ${effect} | ${step} | ${[...mask, ...(form === undefined ? [] : [form])].join(' ')} |`,
  )
  return [
    '# Who may: policies and grid',
    '',
    'What the policies of `src/access/policies` permit, worked out over every role, class, purpose and',
    'action. What is not listed is denied. Labels, consents and denials narrow it further: see the',
    'guards and the sentences below, and [how a decision is made](../internals/access.md).',
    '',
    '## Sentences that hold over the whole grid',
    '',
    ...INVARIANTS.map(({ id, says }) => `- ${says} (\`${id}\`).`),
    `- Nobody holds two of these together and may do anything: ${SEPARATE.map((two) => two.join(' and ')).join('; ')} (\`separation\`).`,
    '',
    '## Policies',
    '',
    '| policy | effect | step | shown masked, or as |',
    '| --- | --- | --- | --- |',
    ...policies,
    '',
    '## Grid',
    '',
    ...tableOf('everybody', common),
    ...ROLES.flatMap((role) =>
      tableOf(
        role,
        cells.filter((cell) => cell.role === role && !shared.has(spotOf(cell))),
      ),
    ),
  ].join('\n')
}

const spotOf = (cell: Cell): string =>
  `${cell.class}|${cell.purpose}|${cell.action}|${needsText(cell)}`

const tableOf = (heading: string, cells: readonly Cell[]): readonly string[] => [
  `### ${heading}`,
  '',
  '| classes | for | may |',
  '| --- | --- | --- |',
  ...rowsOf(cells),
  '',
]

/** Cells of one class and purpose joined, then purposes that are alike, then classes. */
function rowsOf(own: readonly Cell[]): readonly string[] {
  const spots = groups(own, (cell) => `${cell.class}|${cell.purpose}`).map((spot) => ({
    class: spot[0].class,
    purpose: spot[0].purpose,
    may: groups(spot, needsText)
      .map((some) => `${some.map(({ action }) => action).join(', ')}${needsText(some[0])}`)
      .join('; '),
  }))
  const byClass = groups(spots, ({ class: name, may }) => `${name}|${may}`).map((some) => ({
    class: some[0].class,
    purposes: purposesText(some.map(({ purpose }) => purpose)),
    may: some[0].may,
  }))
  return groups(byClass, ({ purposes, may }) => `${purposes}|${may}`).map(
    (some) =>
      `| ${some.map((one) => one.class).join(', ')} | ${some[0].purposes} | ${some[0].may} |`,
  )
}

const purposesText = (purposes: readonly string[]): string =>
  purposes.length === PURPOSES.length ? 'any purpose' : purposes.join(', ')

/** Items that share a key, in the order of their first. No group is empty. */
function groups<T>(items: readonly T[], keyOf: (item: T) => string): (readonly [T, ...T[]])[] {
  const found = new Map<string, [T, ...T[]]>()
  for (const item of items) {
    const group = found.get(keyOf(item))
    if (group === undefined) found.set(keyOf(item), [item])
    else group.push(item)
  }
  return [...found.values()]
}
