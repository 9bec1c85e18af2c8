/**
 * How people look on a terminal.
 *
 * @module
 */

import type { PersonLineView, PersonView, RoleChangeView } from '#contract'
import { dateTime, listing, table } from './output.ts'

export function peopleView(people: readonly PersonView[]): string {
  if (people.length === 0) return 'Nobody: photonward person add --help'
  const rows = people.map((one) => [
    one.login,
    one.name,
    one.kind,
    one.employment,
    one.roles.join(', ') || 'none',
    factorWord(one),
    one.person,
  ])
  return table([['LOGIN', 'NAME', 'KIND', 'STATE', 'ROLES', 'SECOND FACTOR', 'ID'], ...rows])
}

export function personView(about: {
  readonly person: PersonView
  readonly history: readonly PersonLineView[]
}): string {
  const { person: one, history } = about
  const facts = listing([
    ['login', one.login],
    ['name', one.name],
    ['id', one.person],
    ['kind', one.kind],
    ['state', one.employment],
    ['roles', one.roles.join(', ') || 'none'],
    ['clearances', one.clearances.join(', ') || 'none'],
    ['in FHIR', one.references.join(', ') || 'nobody'],
    ['department', one.department ?? 'none'],
    ['care teams', one.careTeams.join(', ') || 'none'],
    ['password', one.hasPassword ? 'set' : 'none'],
    ...one.bindings.map(
      ({ issuer, subject }) => ['signs in by', `${issuer} as ${subject}`] as const,
    ),
    ...one.factors.map(
      ({ factor, kind, proven }) =>
        ['second factor', `${kind} ${factor}${proven ? '' : ', not proven yet'}`] as const,
    ),
    ...one.delegations.map(
      ({ reason, from, expiresAt }) =>
        ['stands in', `${reason} for ${from} until ${dateTime(expiresAt)}`] as const,
    ),
  ])
  const lines = history.map(({ at, by, what, detail }) => [dateTime(at), by, what, detail])
  return `${facts}\n\n${table([['WHEN', 'BY', 'WHAT', 'DETAIL'], ...lines])}`
}

export function roleChangesView(changes: readonly RoleChangeView[]): string {
  if (changes.length === 0) return 'No change of roles waits'
  const rows = changes.map((one) => [
    one.change,
    one.person,
    [
      ...one.add.map((role) => `+${role}`),
      ...one.remove.map((role) => `-${role}`),
      ...one.clear.map((label) => `+clearance ${label}`),
      ...one.unclear.map((label) => `-clearance ${label}`),
    ].join(' '),
    one.askedBy,
    dateTime(one.expiresAt),
  ])
  return table([['CHANGE', 'PERSON', 'WHAT', 'ASKED BY', 'UNTIL'], ...rows])
}

function factorWord({ factors, hasPassword }: PersonView): string {
  const proven = factors.filter((factor) => factor.proven).map(({ kind }) => kind)
  if (proven.length > 0) return [...new Set(proven)].join(', ')
  return hasPassword ? 'none' : 'no password'
}
