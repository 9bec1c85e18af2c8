/**
 * A short life of two hospitals on one kind of link: keys grow, until Eve measures everything.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { LinkView } from '#contract'
import { NO_FAULTS, type World } from '#world'
import { live } from './life.ts'
import { expectNoFault } from './seed.ts'

/** @param about.sound   what must hold of both ends' views before she comes */
export async function liveUntilEve(
  t: TestContext,
  about: {
    readonly seed: number
    readonly link: NonNullable<Parameters<typeof live>[0]['link']>
    readonly growMinutes: number
    readonly sound: (views: readonly LinkView[]) => void
    readonly suspect?: (views: readonly LinkView[]) => void
  },
): Promise<void> {
  const { seed, link, growMinutes, sound, suspect } = about
  const told = await live({
    ...{ sites: ['bristol', 'cambridge'], seed, hours: 0.1, faults: NO_FAULTS, patients: 2 },
    ...{ growMinutes, link },
    during: async ({ world }) => {
      sound(viewsOf(world))
      world.fibres[0].setAttack({ kind: 'intercept-resend', fraction: 1 })
      const isSuspected = () => viewsOf(world).some(({ state }) => state === 'suspended')
      assert(await world.until(isSuspected, { minutes: 30 }), 'an eavesdropper is noticed')
      const grown = viewsOf(world).map(({ blocksDistilled }) => blocksDistilled)
      await world.run({ minutes: 4 })
      assert.deepEqual(
        viewsOf(world).map(({ blocksDistilled }) => blocksDistilled),
        grown,
        'no key grows',
      )
      suspect?.(viewsOf(world))
    },
  })
  t.diagnostic(JSON.stringify(told.figures))
  expectNoFault(told, seed)
  const { keysMade = 0 } = told.figures
  assert(keysMade > 3, `${keysMade} keys`)
}

const viewsOf = (world: World): readonly LinkView[] =>
  world.sites.flatMap(({ serving }) => serving?.parts.links[0].view() ?? [])
