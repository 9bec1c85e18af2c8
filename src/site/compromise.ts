/**
 * Declaring nodes compromised: what they know is computed, keys that they know are given up, ways
 * lead round them, and everybody who looks is told.
 *
 * - Bits of pools that they know but for a wrap are discarded, at both ends.
 * - Keys of links that end at a declared node wait while the declaration stands; when it ends, they
 *   are discarded, and only what grows later is used.
 * - What was sent stays as exposed as it is. A new version of a record is sealed under a data key of
 *   its own, which no transmission before it has carried: only that is protected anew.
 *
 * If a hospital would be cut off, nothing is done before the operator has said so, unless policy
 * (`lastPath`) leaves such ways in use. Each site decides for itself.
 *
 * @module
 */

import { logFacts, Refusal, siteId, type SiteId } from '#base'
import type { ExposureView } from '#contract'
import type { Adversary } from '#relay'
import type { Alarms } from './alarms.ts'
import type { SiteConfiguration } from './config.ts'
import type { Declaration, Declarations } from './declarations.ts'
import { giveUpDeclared, takeBackPardoned } from './declared-keys.ts'
import { serveDiscards, type DiscardsInput } from './discards.ts'
import { storedExposure } from './exposure-report.ts'
import { Judge } from './judgement.ts'
import type { KeyMemory } from './key-memory.ts'
import type { MappedLink, NetworkMap } from './network-map.ts'
import type { Records } from './records.ts'

export class CompromiseRefusal extends Refusal<
  /** Neither a site of the network, nor a party that has held bits of any key here. */
  | 'NODE_UNKNOWN'
  /** A site cannot declare itself: its operator would have to trust the answer. */
  | 'NODE_IS_OWN'
  /** Somebody would be cut off, and the operator has not said that they shall be. */
  | 'NETWORK_WOULD_ISOLATE'
> {
  override readonly name = 'CompromiseRefusal'
}

export interface CompromiseInput extends DiscardsInput {
  readonly site: SiteId
  readonly configuration: SiteConfiguration
  /** All that are enrolled. */
  readonly sites: readonly SiteId[]
  readonly links: readonly MappedLink[]
  readonly map: Pick<NetworkMap, 'isolationWithout'>
  readonly declarations: Declarations
  readonly memory: KeyMemory
  /** None at a trusted node. */
  readonly records: Records | undefined
  readonly alarms: Alarms
}

/** What the operator asks. */
export interface CompromiseWish {
  readonly nodes: readonly string[]
  readonly breaksWrap: boolean
  readonly dryRun: boolean
  readonly cutLast: boolean
  readonly actor: string
}

export class Compromise {
  readonly #input: CompromiseInput

  constructor(input: CompromiseInput) {
    this.#input = input
    serveDiscards(input)
  }

  /** Does again what a crash may have left undone: to be called when the site starts. */
  async resume(): Promise<void> {
    try {
      await giveUpDeclared(this.#input)
    } catch (error) {
      this.#input.log.write('error', 'network.declaration-not-applied', logFacts(error))
    }
  }

  /**
   * Says what nodes know between them, all that are declared already included, and declares them.
   *
   * @throws CompromiseRefusal; what the store refuses is rejected, and asked again does the rest
   */
  async declare(wish: CompromiseWish): Promise<ExposureView> {
    const { declarations, map, alarms, configuration } = this.#input
    const { lastPath } = configuration
    const { dryRun, cutLast, actor } = wish
    const nodes = this.#nodesNamed(wish.nodes)
    const { isolated, pairsLost } = map.isolationWithout(nodes)
    const adversary: Adversary = {
      compromised: new Set([...declarations.adversary.compromised, ...nodes]),
      breaksWrap: declarations.adversary.breaksWrap || wish.breaksWrap,
    }
    if (isolated.length > 0 && !dryRun && !cutLast && lastPath === 'wait') {
      throw new CompromiseRefusal(
        'NETWORK_WOULD_ISOLATE',
        `Without these nodes no way leads to ${isolated.slice(0, NAMED_MAX).join(', ')}; say --cut-last if that shall be`,
        { facts: { isolated: isolated.length } },
      )
    }
    const stored = await this.#storedExposure(adversary)
    const report = {
      ...{ compromised: [...adversary.compromised].toSorted(), breaksWrap: adversary.breaksWrap },
      ...{ declared: !dryRun, ...stored, isolated: [...isolated], pairsLost },
    }
    if (dryRun) return { ...report, discardedBlocks: 0, waitingLinks: [] }
    const cut = cutLast || lastPath === 'wait' || isolated.length === 0
    await declarations.declare(nodes, { breaksWrap: wish.breaksWrap, cut, actor })
    const { sessionKeys, transfers, items } = stored
    for (const subject of nodes) {
      const message = `Declared compromised: ${sessionKeys.exposed.length} keys of sessions exposed, ${transfers.affected} transfers and ${items.affected} versions rest on less; ways lead round it`
      await alarms.raise({ kind: DECLARED, severity: 'critical', subject, message })
    }
    return { ...report, ...(await giveUpDeclared(this.#input)) }
  }

  /** Ends declarations: see above. @returns what stands after */
  async pardon(names: readonly string[], actor: string): Promise<readonly Declaration[]> {
    const { declarations, alarms } = this.#input
    const ended = await declarations.pardon(names.map(siteId), actor)
    await takeBackPardoned(this.#input, ended)
    for (const node of ended) await alarms.clear(DECLARED, node)
    return declarations.standing
  }

  #storedExposure(adversary: Adversary) {
    const { keystore, memory, records, declarations } = this.#input
    const judge = new Judge(memory, ({ at }) => {
      const then = declarations.adversaryOf(at)
      return {
        compromised: new Set([...then.compromised, ...adversary.compromised]),
        breaksWrap: then.breaksWrap || adversary.breaksWrap,
      }
    })
    return storedExposure({ keystore, memory, records, judge, adversary })
  }

  /** @throws CompromiseRefusal, or RangeError for what is no name */
  #nodesNamed(names: readonly string[]): readonly SiteId[] {
    const { site, configuration, sites, keystore } = this.#input
    const nodes = [...new Set(names)].map(siteId)
    if (nodes.includes(site)) {
      throw new CompromiseRefusal('NODE_IS_OWN', 'A site does not declare itself compromised')
    }
    const parties = new Set<string>([
      ...sites,
      ...(configuration.network?.nodes ?? []).map((one) => one.site),
    ])
    for (const { provenance } of keystore.survey()) {
      for (const { seenBy, shares = [] } of provenance.parts) {
        for (const party of [...seenBy, ...shares.flatMap(({ heldBy }) => heldBy)]) {
          parties.add(party)
        }
      }
    }
    const unknown = nodes.find((node) => !parties.has(node))
    if (unknown === undefined) return nodes
    throw new CompromiseRefusal('NODE_UNKNOWN', `No key here has to do with a node ${unknown}`, {
      facts: { node: unknown },
    })
  }
}

const DECLARED = 'network.node-compromised'
/** Hospitals that one refusal names. */
const NAMED_MAX = 8
