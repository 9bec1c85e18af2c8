/**
 * The configuration of a running site, member by member, beside what its file says now.
 *
 * @module
 */

import { Refusal } from '#base'
import type { SettingsView } from '#contract'
import { explainConfiguration } from './explain.ts'

/** Tells the settings of a folder; what it holds when this is called is what the daemon began with. */
export function settingsOf(folder: string): () => SettingsView {
  const begun = explainConfiguration(folder)
  const before = JSON.stringify(begun.configuration)
  return () => {
    try {
      const { configuration, defaults, file, checks } = explainConfiguration(folder)
      const members = membersIn(configuration).map(([member, value]) => {
        return { member, value, isDefault: defaults.some((one) => isWithin(member, one)) }
      })
      const flaws = checks.map(({ says, next }) => ({ says, next: next ?? '' }))
      return { file, members, needsRestart: JSON.stringify(configuration) !== before, flaws }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      // The daemon goes on as it began; its next start would be refused.
      const flaws = [
        { says: error.message.slice(0, SAYS_MAX), next: 'mend the file before a restart' },
      ]
      return { file: begun.file, members: [], needsRestart: true, flaws }
    }
  }
}

/** Every value that has no members, under its path. */
function membersIn(value: unknown, path = ''): readonly (readonly [string, string])[] {
  const isInner = typeof value === 'object' && value !== null && Object.keys(value).length > 0
  if (!isInner) return [[path, JSON.stringify(value)]]
  return Object.entries(value).flatMap(([name, inner]) =>
    membersIn(inner, path === '' ? name : `${path}/${name}`),
  )
}

const isWithin = (member: string, path: string): boolean =>
  member === path || member.startsWith(`${path}/`)

const SAYS_MAX = 1024
