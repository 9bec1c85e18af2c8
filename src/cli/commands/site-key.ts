/** Commands about the key that wraps the keys of patients. @module */

import type { Command } from 'commander'
import { siteRoutes } from '#contract'
import { newContext } from '../context.ts'

export function addSiteKeyCommands(program: Command): void {
  program
    .command('site-key')
    .description('The key that wraps the keys of patients')
    .command('rotate')
    .description(siteRoutes.rotateSiteKey.summary)
    .action(async () => {
      const { out, site } = newContext(program.opts())
      const rotated = await site().call('rotateSiteKey', {}, null)
      out.data(rotated, ({ version, holders }) => {
        const wrapped = `version ${String(version)} wraps ${String(holders)} keys`
        return `${wrapped}; older copies of the database do not open under it`
      })
    })
}
