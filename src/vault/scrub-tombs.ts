/**
 * The part of a scrub that looks at what was erased: that each erasure is the site's own, is in the
 * log and beside the database, and that nothing is missing that none of them names.
 *
 * @module
 */

import { base64, type Uuid } from '#base'
import { storedVerifiersOf, type VaultContext } from './context.ts'
import { faultOf, type Fault } from './findings.ts'
import { erasedObjects } from './objects.ts'
import { damaged } from './refusal.ts'
import { everyTomb, isTombSigned, keptTombs, readTomb, tombHash, type Tomb } from './tombs.ts'

/** What good tombs name. */
export interface Buried {
  readonly holders: ReadonlySet<Uuid>
  /** Objects that are rightly no more. */
  readonly objects: ReadonlySet<Uuid>
  readonly faults: readonly Fault[]
}

/** Reads all tombs, and holds them against log, files and rows. */
export async function buriedIn(context: VaultContext): Promise<Buried> {
  const holders = new Set<Uuid>()
  const objects = new Set<Uuid>()
  const faults: Fault[] = []
  const logged = await loggedTombs(context)
  const beside = await tombsBeside(context, faults)
  for await (const { holder, tomb } of everyTomb(context)) {
    const place = `vault_tomb ${holder}`
    try {
      const body = checkedTomb(context, holder, tomb)
      holders.add(holder)
      for (const object of body.objects) objects.add(object)
      const hash = base64(tombHash(tomb))
      if (!logged.has(hash)) faults.push({ place, problem: 'the log does not name it' })
      if (!beside.has(hash)) faults.push({ place, problem: 'is not beside the database' })
    } catch (error) {
      faults.push(faultOf(error, place))
    }
  }
  for (const object of await erasedObjects(context)) {
    if (objects.has(object)) continue
    faults.push({ place: `vault_object ${object}`, problem: 'no tomb names the object' })
  }
  return { holders, objects, faults }
}

function checkedTomb(context: VaultContext, holder: Uuid, tomb: Tomb) {
  const place = `vault_tomb ${holder}`
  const { site } = context
  if (!isTombSigned(tomb, storedVerifiersOf(context)(site))) {
    throw damaged(place, 'the signatures do not hold')
  }
  const body = readTomb(tomb)
  if (body.holder === holder && body.site === site) return body
  throw damaged(place, 'is of another holder')
}

/** Hashes of the tombs in the folder. */
async function tombsBeside(context: VaultContext, faults: Fault[]): Promise<ReadonlySet<string>> {
  try {
    return new Set((await keptTombs(context.disk)).map((tomb) => base64(tombHash(tomb))))
  } catch (error) {
    faults.push(faultOf(error, 'tombs'))
    return new Set()
  }
}

/** Hashes of tombs that the log names. */
async function loggedTombs({ audit }: VaultContext): Promise<ReadonlySet<string>> {
  const hashes = new Set<string>()
  for (let after = -1; ;) {
    const page = await audit.entries({ kind: 'vault.erased', after }, ENTRIES_A_PAGE)
    for (const { event } of page) hashes.add(String(event.facts['tomb']))
    const last = page.at(-1)
    if (last === undefined) return hashes
    after = last.index
  }
}

const ENTRIES_A_PAGE = 500
