/**
 * Alarms of one kind about one thing, together: an attack that comes and goes is one line.
 *
 * Pure; knows no screen.
 *
 * @module
 */

/** Members as in `AlarmView` of the contract. */
export interface Told {
  readonly id: string
  readonly at: number
  readonly kind: string
  readonly severity: 'notice' | 'warning' | 'critical'
  readonly subject: string
  readonly message: string
  readonly clearedAt: number | null
}

export interface AlarmGroup {
  /** Kind and subject. */
  readonly key: string
  readonly newest: Told
  readonly firstAt: number
  readonly count: number
  readonly standing: number
}

/** @param alarms   newest first. @returns groups: those that stand first, then the newest first */
export function groupsOf(alarms: readonly Told[]): readonly AlarmGroup[] {
  const groups = new Map<string, AlarmGroup>()
  for (const alarm of alarms) {
    const key = `${alarm.kind} ${alarm.subject}`
    const before = groups.get(key)
    const standing = (before?.standing ?? 0) + (alarm.clearedAt === null ? 1 : 0)
    const count = (before?.count ?? 0) + 1
    groups.set(key, { key, newest: before?.newest ?? alarm, firstAt: alarm.at, count, standing })
  }
  const stands = ({ standing }: AlarmGroup): number => (standing > 0 ? 0 : 1)
  return [...groups.values()].toSorted((a, b) => stands(a) - stands(b) || b.newest.at - a.newest.at)
}

/** Pages that overlap, as one list, newest first; what was told later counts. */
export function merged(older: readonly Told[], newer: readonly Told[]): readonly Told[] {
  const all = new Map([...older, ...newer].map((one) => [one.id, one]))
  return [...all.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1))
}
