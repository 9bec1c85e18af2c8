/**
 * How a record ends: holds by privacy officers, a new site key by the custodians of keys, each with a
 * second factor of now; erasure, for good, by the operator.
 *
 * @module
 */

import { uuid, type Clock } from '#base'
import type { ErasureView, Handlers, SiteRoutes } from '#contract'
import type { ErasureStanding } from '#exchange'
import { AdminRefusal } from './admin-refusal.ts'
import { byOf, checkFresh, type Asker } from './people.ts'
import type { Records } from './records.ts'

/** @param records   refuses at a trusted node, which keeps none */
export function lifetimeHandlers(records: () => Records, asker: Asker, clock: Pick<Clock, 'now'>) {
  const actor = byOf(asker)
  /** @throws AccessRefusal `ACCESS_SECOND_FACTOR_DENIED` for a person who has shown none just now */
  const checkSure = (): void => {
    if (asker.kind === 'person') checkFresh(asker, clock)
  }
  return {
    erase: async ({ patient }, { cause }) =>
      erasureView(await records().exchange.erasures.erase(uuid(patient), { cause, actor })),
    erasure: async ({ patient }) => {
      const standing = await records().exchange.erasures.standing(uuid(patient))
      if (standing !== undefined) return erasureView(standing)
      throw new AdminRefusal('ERASURE_UNKNOWN', 'No such patient was erased here')
    },
    hold: async ({ patient }, { cause }) => {
      checkSure()
      const { vault } = records()
      if (cause !== null) {
        return { patient, hold: await vault.hold(uuid(patient), { cause, actor }) }
      }
      await vault.release(uuid(patient), { actor })
      return { patient, hold: null }
    },
    holdOf: async ({ patient }) => ({
      patient,
      hold: (await records().vault.holdOn(uuid(patient))) ?? null,
    }),
    rotateSiteKey: async () => {
      checkSure()
      return await records().vault.rotate({ actor })
    },
  } satisfies Partial<Handlers<SiteRoutes>>
}

const erasureView = ({ patient, at, cause, objects, sites }: ErasureStanding): ErasureView => ({
  ...{ patient, at, cause, items: objects.length },
  state: sites.every(({ isDone }) => isDone) ? 'complete' : 'pending',
  sites: sites.map(({ site, reason, word, isDone }) => ({
    ...{ site, reason, state: isDone ? 'signed' : 'waiting' },
    ...{ at: word?.at ?? null, items: word?.items ?? 0, verified: word !== undefined },
  })),
})
