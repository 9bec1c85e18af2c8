/**
 * Scopes in the words of people, for the page on which they are granted.
 *
 * @see SMART App Launch 2.2.0, Scopes
 * @module
 */

import type { Authorizing } from '#site'

type Granted = ReturnType<Authorizing['granted']>

/** One line for each thing that an app would do. */
export function scopeLines({ words, scopes }: Granted): readonly string[] {
  const lines = scopes.map(({ level, type, permissions, category }) => {
    const acts = ACTS.filter(([letters]) => permissions.some((one) => letters.includes(one)))
    const what = type === '*' ? 'everything' : `what is recorded as ${type}`
    const kind = category === undefined ? '' : ` of the category ${category.code}`
    const whose = level === 'patient' ? 'of this patient' : 'that you may reach yourself'
    return `${listed(acts.map(([, act]) => act))} ${what}${kind} ${whose}`
  })
  return [...lines, ...words.flatMap((word) => WORDS[word] ?? [])]
}

function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}

const ACTS = [
  ['rs', 'read'],
  ['c', 'add'],
  ['u', 'change'],
  ['d', 'delete'],
] as const
/** Those that need no word of their own are left out: `launch` shows as the patient. */
const WORDS: Readonly<Record<string, string>> = {
  openid: 'know who you are',
  fhirUser: 'know your own record as a user',
  profile: 'know your name',
  offline_access: 'go on for two weeks while you are away',
  online_access: 'go on while you are signed in here',
}
