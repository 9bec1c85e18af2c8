/**
 * What every part of the vault works with: ports, keys and limits of one site.
 *
 * @module
 */

import type { Clock, Disk, RandomSource, SiteId, Store } from '#base'
import type { AuditEntry, AuditTrail, EntryFilter, KeptEntry, KeptFilter } from '#audit'
import type { DualSigner, DualVerifier } from '#crypto'
import type { Steps } from '#health'
import type { Charts } from './charts.ts'
import type { Groups } from './groups.ts'
import type { SiteHolders } from './holders.ts'
import type { KeptVersions } from './kept-versions.ts'
import type { Keyring } from './keyring.ts'
import type { Kinds } from './kinds.ts'
import type { Places } from './search-place.ts'
import type { SiteKeyFiles } from './site-keys.ts'
import type { Surveys } from './survey.ts'
import type { Tags } from './tags.ts'
import type { TrailKey } from './trail-key.ts'

/** The log as the vault needs it: to write, and for a scrub to read its own entries. */
export interface VaultLog extends AuditTrail {
  entries(filter?: EntryFilter, limit?: number): Promise<readonly AuditEntry[]>
  kept(filter: KeptFilter, limit?: number): Promise<readonly KeptEntry[]>
}

/** Keys under which a site's groups verify, newest first; none for a site we do not know. */
export type VerifiersOf = (site: SiteId) => readonly DualVerifier[]

/** Keys under which something stored may be signed: those of today, then those of before. */
export const storedVerifiersOf =
  ({ verifiersOf, formerVerifiersOf }: Pick<VaultPorts, 'verifiersOf' | 'formerVerifiersOf'>) =>
  (site: SiteId): readonly DualVerifier[] => [
    ...verifiersOf(site),
    ...(formerVerifiersOf?.(site) ?? []),
  ]

/** The ports and identities of one vault. */
export interface VaultPorts {
  readonly site: SiteId
  readonly store: Store
  readonly disk: Disk
  readonly clock: Clock
  readonly random: RandomSource
  readonly audit: VaultLog
  readonly signer: DualSigner
  readonly verifiersOf: VerifiersOf
  /**
   * Keys under which a site's groups verified before, for what is stored here: it was verified when
   * it came, and does not become unsigned when a statement ends. Default none.
   */
  readonly formerVerifiersOf?: VerifiersOf
  /** Refuses whatever is not certainly about an invented patient: the demo profile. */
  readonly acceptOnlySynthetic: boolean
}

/** As opened. Owned by the `Vault`. */
export interface VaultContext extends VaultPorts {
  readonly keyring: Keyring
  readonly siteKeyFiles: SiteKeyFiles
  readonly tags: Tags
  readonly kinds: Kinds
  readonly places: Places
  readonly trail: TrailKey
  readonly groups: Groups
  readonly charts: Charts
  readonly versions: KeptVersions
  readonly siteHolders: SiteHolders
  readonly surveys: Surveys
}

/** Runs steps to their end, letting the site do other work every few milliseconds. */
export async function paced<T>(clock: Clock, steps: Steps<T>): Promise<T> {
  const rest = pauses(clock)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
    await rest()
  }
}

/** To be awaited between pieces of work: lets the site do other work every few milliseconds. */
export function pauses(clock: Clock): () => Promise<void> {
  let since = clock.monotonicMs()
  return async () => {
    if (clock.monotonicMs() - since < STRETCH_MS) return
    await new Promise<void>((resume) => void clock.after(0, resume))
    since = clock.monotonicMs()
  }
}

/** One result for each item, one step each. */
export function* eachStep<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => R,
): Steps<readonly R[]> {
  const results: R[] = []
  for (const [index, item] of items.entries()) {
    results.push(work(item, index))
    yield
  }
  return results
}

/** Work done in one stretch before anything else of the site may run. */
const STRETCH_MS = 12
