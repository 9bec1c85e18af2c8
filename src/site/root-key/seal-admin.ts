/**
 * The admin routes about the seal, while a site is open.
 *
 * @module
 */

import type { Handlers, SiteRoutes } from '#contract'
import type { SiteParts } from '../site.ts'
import { rootKeyForm } from './forms.ts'
import { RootKeyRefusal } from './refusal.ts'
import { sealViewOf } from './unsealing.ts'

export function sealHandlers({ options, audit, site }: SiteParts, by: string) {
  const { disk, clock } = options.ports
  const state = async () => sealViewOf(await rootKeyForm(disk), 'open')
  return {
    sealState: state,
    // Whoever comes late with a share is told that it is not needed.
    unseal: state,
    seal: async () => {
      const { form } = await rootKeyForm(disk)
      if (form === 'file' || options.onSeal === undefined) {
        const message =
          'The root key lies open in the folder: protect it first, or sealing keeps nobody out'
        throw new RootKeyRefusal('ROOT_KEY_UNPROTECTED', message)
      }
      await audit.record({ kind: 'site.sealed', at: clock.now(), actor: by, facts: { site } })
      options.onSeal()
      return { sealing: true } as const
    },
  } satisfies Partial<Handlers<SiteRoutes>>
}
