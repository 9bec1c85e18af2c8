/**
 * The review of broken glass: what waits, what was looked at under it, and what a second person found.
 *
 * Reviews are made by privacy officers, with a second factor, and never by whoever broke the glass.
 * At the admin socket an officer proves who it is with the request; at the console the session does.
 * Each look at one grant is an access to its patient, and in the log as such.
 *
 * @module
 */

import { uuid, type EpochMs, type Ports } from '#base'
import {
  AccessRefusal,
  isOpen,
  type BreakGlassGrant,
  type BreakGlassOutcome,
  type GlassKeeper,
} from '#access'
import { accountOf } from '#audit'
import type { AccessView, GlassView, glassRoutes, Handlers } from '#contract'
import type { Vault } from '#vault'
import { byOf, secondOf, type Asker, type PeopleDesk } from './people.ts'
import { accessView, limitOf } from './trail-admin.ts'

/** What these routes stand on. */
export interface GlassDesk {
  readonly glass: GlassKeeper
  readonly people: PeopleDesk
  readonly vault: Vault
}

/** The handlers of `glassRoutes`. @param desk   refuses where no records are kept */
export function glassHandlers(
  desk: () => GlassDesk,
  { asker, clock }: { readonly asker: Asker; readonly clock: Ports['clock'] },
): Handlers<typeof glassRoutes> {
  const shown = (grant: BreakGlassGrant) => glassView(desk(), grant, clock.now())
  return {
    glasses: async ({ which = 'waiting', after, limit }) => {
      const { glass } = desk()
      if (which === 'waiting') {
        const urgent = glass.state.toSorted((a, b) => a.reviewDueAt - b.reviewDueAt)
        return { glasses: await Promise.all(urgent.map(shown)), next: null }
      }
      const most = limitOf(limit)
      const page = await glass.list({ limit: most, ...(after !== undefined && { after }) })
      const glasses = await Promise.all(page.map(shown))
      return { glasses, next: page.length < most ? null : (page.at(-1)?.id ?? null) }
    },
    glass: async ({ grant: id }) => {
      const grant = await grantNamed(desk(), id)
      return { glass: await shown(grant), accesses: await accessesUnder(desk(), grant, asker) }
    },
    closeGlass: async ({ grant }) => {
      const about = { grant: uuid(grant), by: byOf(asker), at: clock.now() }
      return await shown(changed(await desk().glass.close(about)))
    },
    reviewGlass: async ({ grant }, { finding, note, as }) => {
      const { people, glass, vault } = desk()
      const by = await secondOf(people, asker, as, clock)
      const { roles } = await people.people.named(by)
      if (!roles.includes(REVIEWER)) {
        const why = 'Broken glass is reviewed by a privacy officer'
        throw new AccessRefusal('ACCESS_REVIEW_FORBIDDEN', why)
      }
      const wish = { grant: uuid(grant), by, at: clock.now(), finding, note }
      const reviewed = changed(await glass.review(wish))
      const patient = await vault.patientNamed(reviewed.patient)
      const deed = { kind: 'vault.told', actor: by, act: 'other' } as const
      await vault.tell({ ...deed, told: toldUnder(by, reviewed) }, patient)
      return await shown(reviewed)
    },
  }
}

const toldUnder = (actor: string, { id }: BreakGlassGrant) => ({
  account: { ...accountOf(actor), roles: [REVIEWER], grant: id, marks: ['review'] },
})

/** What was looked at, and tried, under a grant: newest first. */
async function accessesUnder(
  { vault }: GlassDesk,
  { id, patient: name, openedAt, expiresAt, closedAt = expiresAt }: BreakGlassGrant,
  asker: Asker,
): Promise<AccessView[]> {
  const patient = await vault.patientNamed(name)
  // Erased since: whom it was about is gone with the key, and so is what was looked at.
  if (patient === undefined) return []
  const actor = byOf(asker)
  const found: AccessView[] = []
  for (let before: number | undefined; found.length < ACCESSES_MAX;) {
    const { events, next } = await vault.events(
      { patient, since: openedAt, until: closedAt, before, limit: PAGE },
      { actor, act: 'find', told: { account: accountOf(actor) } },
    )
    found.push(...events.filter(({ facts }) => facts.account.grant === id).map(accessView))
    if (next === undefined) break
    before = next
  }
  return found.slice(0, ACCESSES_MAX)
}

async function grantNamed({ glass }: GlassDesk, id: string): Promise<BreakGlassGrant> {
  const grant = await glass.named(id)
  if (grant !== undefined) return grant
  throw unknownGrant()
}

/** The grant as it became. @throws AccessRefusal */
function changed(outcome: BreakGlassOutcome): BreakGlassGrant {
  if (outcome.kind === 'done') return outcome.grant
  if (outcome.why === 'unknown-grant') throw unknownGrant()
  throw new AccessRefusal('ACCESS_REVIEW_FORBIDDEN', WHY[outcome.why] ?? outcome.why)
}

const unknownGrant = (): AccessRefusal =>
  new AccessRefusal('ACCESS_GRANT_UNKNOWN', 'No broken glass of that name waits for a review')

async function glassView(
  { people }: GlassDesk,
  grant: BreakGlassGrant,
  now: EpochMs,
): Promise<GlassView> {
  const { id, by, patient, reason, text, review } = grant
  const { openedAt, expiresAt, closedAt = null, reviewDueAt } = grant
  const state = stateOf(grant, now)
  return {
    ...{ grant: id, by: await somebody(people, by), patient, reason, text, state },
    ...{ openedAt, expiresAt, closedAt, reviewDueAt },
    review: review === undefined ? null : { ...review, by: await somebody(people, review.by) },
  }
}

function stateOf(grant: BreakGlassGrant, now: EpochMs): GlassView['state'] {
  if (grant.review !== undefined) return 'reviewed'
  if (isOpen(grant, now)) return 'open'
  return now > grant.reviewDueAt ? 'overdue' : 'waiting'
}

/** Somebody with the name that colleagues use; without one for whoever is no person here. */
async function somebody({ people }: PeopleDesk, person: string) {
  return { person, name: (await people.find(person))?.name ?? null }
}

const REVIEWER = 'privacy-officer'
const WHY: Readonly<Partial<Record<string, string>>> = {
  'own-grant': 'Whoever broke the glass does not review it',
  'still-open': 'It is open still: close it first, or wait until its hour is over',
  'already-reviewed': 'It has been reviewed',
  'already-closed': 'It is over already',
  'note-too-short': 'Say what was found, in ten characters at least',
  'note-too-long': 'Say what was found in at most 2000 characters',
}
const PAGE = 200
/** Accesses that are shown of one grant. */
const ACCESSES_MAX = 1000
