/**
 * Which nodes of the network the operator of this site has declared compromised.
 *
 * Durable, and never forgotten: a pardon ends a declaration for what comes after, while keys and
 * records from before stay as exposed as they were. Each site decides for itself; a declaration is
 * told to nobody, for whoever could declare for others could cut them off.
 *
 * @module
 */

import {
  bind,
  epochMs,
  linkId,
  siteId,
  statement,
  tablesOf,
  type Clock,
  type EpochMs,
  type Migration,
  type Row,
  type SiteId,
  type Statement,
  type Store,
} from '#base'
import type { AuditTrail } from '#audit'
import type { Origin } from '#keystore'
import { exposureOf, type Adversary, type Exposure } from '#relay'

/** That a node works for an adversary. */
export interface Declaration {
  /** A site, or another party that provenance names, such as the process of a simulated fibre. */
  readonly node: SiteId
  readonly at: EpochMs
  /** Whether the adversary is taken to break ML-KEM-1024 and X25519 as well. */
  readonly breaksWrap: boolean
  /** Whether it is kept out even where it lies on the last way; else such a way stays in use. */
  readonly cut: boolean
  /** Until when; undefined while it stands. */
  readonly pardonedAt: EpochMs | undefined
}

export interface DeclarationsInput {
  readonly site: SiteId
  readonly store: Store
  readonly clock: Clock
  readonly audit: AuditTrail
}

export class Declarations {
  readonly #input: DeclarationsInput
  #all: readonly Declaration[]

  static async open(input: DeclarationsInput): Promise<Declarations> {
    const rows = await input.store.read(bind(SELECT, input.site))
    return new Declarations(input, rows.map(declarationOf))
  }

  private constructor(input: DeclarationsInput, all: readonly Declaration[]) {
    this.#input = input
    this.#all = all
  }

  get standing(): readonly Declaration[] {
    return this.#all.filter(({ pardonedAt }) => pardonedAt === undefined)
  }

  /** Nodes by which no way leads: all that stand, or only those that are cut. */
  avoided(which: 'all' | 'cut'): ReadonlySet<SiteId> {
    const some = this.standing.filter(({ cut }) => cut || which === 'all')
    return new Set(some.map(({ node }) => node))
  }

  /**
   * Who may have known, by now, what was secret at a time: every node whose declaration was not over
   * by then. Since when a node was compromised nobody knows, so it counts for all the time before.
   */
  adversaryOf(at: EpochMs): Adversary {
    return adversaryFrom(this.#all.filter(({ pardonedAt }) => (pardonedAt ?? Infinity) > at))
  }

  /** Who may know what is secret now. */
  get adversary(): Adversary {
    return adversaryFrom(this.standing)
  }

  /**
   * Whether bits that came like this may be used: not if declared nodes lack nothing of them but the
   * wrap. A node that is left in use on a last way does not count.
   */
  accepts(origin: Origin): boolean {
    const adversary = { ...this.adversary, compromised: this.avoided('cut') }
    const place = { link: NO_LINK, epoch: 0, sequence: 0, offset: 0, octets: 1 }
    const part = { ...origin, ...place, from: this.#input.site, to: this.#input.site }
    return !isKnown(exposureOf({ parts: [part] }, adversary).exposure)
  }

  /** Declares nodes compromised, those included that are already; durable and logged. */
  async declare(
    nodes: readonly SiteId[],
    how: { readonly breaksWrap: boolean; readonly cut: boolean; readonly actor: string },
  ): Promise<void> {
    const { clock, site, audit, store } = this.#input
    const { breaksWrap, cut, actor } = how
    const at = clock.now()
    const made = nodes.map((node): Declaration => {
      const known = this.standing.find((one) => one.node === node)
      return {
        ...{ node, pardonedAt: undefined, at: known?.at ?? at },
        breaksWrap: breaksWrap || known?.breaksWrap === true,
        cut: cut || known?.cut === true,
      }
    })
    const facts = { nodes: [...nodes], breaksWrap, cut }
    await store.commit([
      ...made.map((one) => put(site, one)),
      audit.append({ kind: 'network.node-declared', at, actor, facts }),
    ])
    const others = this.#all.filter(
      (one) => one.pardonedAt !== undefined || !nodes.includes(one.node),
    )
    this.#all = [...others, ...made]
  }

  /** Ends the declarations of these nodes; durable and logged. @returns those that stood */
  async pardon(nodes: readonly SiteId[], actor: string): Promise<readonly SiteId[]> {
    const { clock, site, audit, store } = this.#input
    const pardonedAt = clock.now()
    const ended = this.standing.filter(({ node }) => nodes.includes(node))
    if (ended.length === 0) return []
    const names = ended.map(({ node }) => node)
    const over = ended.map((one) => ({ ...one, pardonedAt }))
    await store.commit([
      ...over.map((one) => put(site, one)),
      audit.append({
        ...{ kind: 'network.node-pardoned', at: pardonedAt, actor },
        facts: { nodes: names },
      }),
    ])
    this.#all = [...this.#all.filter((one) => !ended.includes(one)), ...over]
    return names
  }
}

/** Whether nothing but a wrap, if that, keeps the adversary from a key. */
export const isKnown = (exposure: Exposure): boolean => exposure === 'wrapped' || exposure === 'key'

/** Stands for where bits lie, which says nothing about who knows them. */
const NO_LINK = linkId('none')
const adversaryFrom = (some: readonly Declaration[]): Adversary => ({
  compromised: new Set(some.map(({ node }) => node)),
  breaksWrap: some.some(({ breaksWrap }) => breaksWrap),
})

function declarationOf(row: Row): Declaration {
  const end = row['pardoned_at']
  return {
    node: siteId(String(row['node'])),
    at: epochMs(Number(row['declared_at'])),
    breaksWrap: Number(row['breaks_wrap']) === 1,
    cut: Number(row['cut']) === 1,
    pardonedAt: end === null ? undefined : epochMs(Number(end)),
  }
}

const put = (site: SiteId, { node, at, breaksWrap, cut, pardonedAt }: Declaration): Statement =>
  bind(PUT, site, node, at, breaksWrap ? 1 : 0, cut ? 1 : 0, pardonedAt ?? null)

interface DeclarationTables {
  network_declaration: {
    site_id: string
    node: string
    declared_at: number
    breaks_wrap: number
    cut: number
    pardoned_at: number | null
  }
}
const db = tablesOf<DeclarationTables>()
const SELECT = statement(
  db
    .selectFrom('network_declaration')
    .selectAll()
    .where('site_id', '=', '')
    .orderBy('node')
    .orderBy('declared_at'),
)
const PUT = statement(
  db
    .insertInto('network_declaration')
    .values({
      site_id: '',
      node: '',
      declared_at: 0,
      breaks_wrap: 0,
      cut: 0,
      pardoned_at: null,
    })
    .onConflict((on) =>
      on.columns(['site_id', 'node', 'declared_at']).doUpdateSet((row) => ({
        breaks_wrap: row.ref('excluded.breaks_wrap'),
        cut: row.ref('excluded.cut'),
        pardoned_at: row.ref('excluded.pardoned_at'),
      })),
    ),
)

export const declarationMigrations: readonly Migration[] = [
  {
    id: 'network-declaration-1',
    statements: [
      `CREATE TABLE network_declaration (
        site_id TEXT NOT NULL, node TEXT NOT NULL, declared_at BIGINT NOT NULL,
        breaks_wrap BIGINT NOT NULL, cut BIGINT NOT NULL, pardoned_at BIGINT,
        PRIMARY KEY (site_id, node, declared_at))`,
    ],
  },
]
