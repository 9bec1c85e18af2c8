/**
 * The texts of the access policies: those in the folder of a site, or those we bring.
 *
 * A hospital that has a folder `policies` beside its configuration is decided by the `.cedar` files in
 * it alone; the schema stays ours, for it lists the words that the code knows. Whether the texts can
 * be used is said by whoever opens them.
 *
 * @module
 */

import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PolicySources } from '#site'

/** The policies that decide at a site, in the order of their files' names. */
export function policiesAt(folder: string): PolicySources {
  const own = join(folder, 'policies')
  const from = existsSync(own) ? own : OURS
  const policies = globSync('*.cedar', { cwd: from })
    .toSorted()
    .map((name) => readFileSync(join(from, name), 'utf8'))
  return { schema: readFileSync(join(OURS, 'photonward.cedarschema'), 'utf8'), policies }
}

const OURS = join(import.meta.dirname, '../access/policies')
