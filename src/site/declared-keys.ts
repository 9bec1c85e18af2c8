/**
 * Keys that declared nodes know: given up, or made to wait, and taken back when a declaration ends.
 *
 * Bits of which declared nodes lack nothing but a wrap are discarded, at both ends. Keys of links
 * that end at a declared node wait, since the link lives on their reserve; when the declaration
 * ends they are discarded, and only what grows later is used.
 *
 * @module
 */

import type { LinkId, SiteId } from '#base'
import { isLive } from '#keystore'
import type { Alarms } from './alarms.ts'
import type { Declarations } from './declarations.ts'
import { discardBlocks, type DiscardsInput } from './discards.ts'
import type { MappedLink } from './network-map.ts'

export interface DeclaredKeysInput extends DiscardsInput {
  readonly links: readonly Pick<MappedLink, 'link' | 'peer' | 'suspicion'>[]
  readonly declarations: Pick<Declarations, 'standing' | 'avoided' | 'accepts'>
  readonly alarms: Pick<Alarms, 'standing'>
}

/** Gives up what declared nodes know, or lets it wait. Doing it again does nothing more. */
export async function giveUpDeclared(input: DeclaredKeysInput): Promise<{
  readonly discardedBlocks: number
  readonly waitingLinks: LinkId[]
}> {
  const { declarations, keystore, links } = input
  if (declarations.standing.length === 0) return { discardedBlocks: 0, waitingLinks: [] }
  const cut = declarations.avoided('cut')
  const waitingLinks = links.filter(({ peer }) => cut.has(peer)).map(({ link }) => link)
  for (const link of waitingLinks) {
    if (quarantineOf(input, link) !== CAUSE) await keystore.quarantine({ link, cause: CAUSE })
  }
  const blocks = keystore.survey().filter((block) => {
    // A link that waits needs its authentication reserve to go on; what it has is discarded later.
    if (!isLive(block) || waitingLinks.includes(block.link)) return false
    return !block.provenance.parts.every((part) => declarations.accepts(part))
  })
  await discardBlocks(input, blocks, CAUSE)
  return { discardedBlocks: blocks.length, waitingLinks }
}

/** Discards what has waited because of nodes that are pardoned, and lets their links go on. */
export async function takeBackPardoned(
  input: DeclaredKeysInput,
  pardoned: readonly SiteId[],
): Promise<void> {
  const { links, keystore, alarms } = input
  for (const runner of links.filter(({ peer }) => pardoned.includes(peer))) {
    const { link } = runner
    if (quarantineOf(input, link) !== CAUSE) continue
    const blocks = keystore.survey().filter((one) => one.link === link && isLive(one))
    await discardBlocks(input, blocks, CAUSE)
    await keystore.release(link, 'pardoned')
    // What the link itself is suspected of is another matter.
    const other = alarms.standing.find(
      ({ subject, severity }) => subject === link && severity === 'critical',
    )
    const suspicion = runner.suspicion ?? other?.kind
    if (suspicion !== undefined) await keystore.quarantine({ link, cause: suspicion })
  }
}

function quarantineOf({ keystore }: DeclaredKeysInput, link: LinkId): string | undefined {
  const pools = keystore.peers.flatMap((peer) => keystore.pool(peer).links)
  return pools.find((one) => one.link === link)?.quarantine
}

/** Cause of quarantine and discard; not an alarm of a link, so that sound blocks do not lift it. */
const CAUSE = 'declared-compromised'
