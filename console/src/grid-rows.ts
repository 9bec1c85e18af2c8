/**
 * The grid of permissions in as few rows as say the same.
 *
 * Pure; knows no screen.
 *
 * @module
 */

/** Members as in `GridCell` of the contract. */
interface Cell {
  readonly class: string
  readonly purpose: string
  readonly action: string
  readonly needs: string
}

export interface GridRow {
  readonly kind: string
  readonly actions: readonly string[]
  readonly purposes: readonly string[]
  readonly needs: string
}

/** Purposes that come with the same needs stand together, then actions that have the same of both. */
export function gridRows(cells: readonly Cell[]): readonly GridRow[] {
  const byPurpose = together(cells, ({ class: kind, action, needs }) => [kind, action, needs])
  const lines = byPurpose.map((some) => {
    const [{ class: kind, action, needs }] = some
    return { kind, action, needs, purposes: some.map(({ purpose }) => purpose).toSorted() }
  })
  const same = together(lines, ({ kind, needs, purposes }) => [kind, needs, ...purposes])
  return same.map((some) => {
    const [{ kind, needs, purposes }] = some
    return { kind, needs, purposes, actions: some.map(({ action }) => action).toSorted() }
  })
}

/** Things with the same key, each set with at least one, in the order in which they came. */
function together<T>(
  all: readonly T[],
  keyOf: (one: T) => readonly string[],
): readonly (readonly [T, ...T[]])[] {
  const sets = new Map<string, [T, ...T[]]>()
  for (const one of all) {
    const key = JSON.stringify(keyOf(one))
    const set = sets.get(key)
    if (set === undefined) sets.set(key, [one])
    else set.push(one)
  }
  return [...sets.values()]
}
