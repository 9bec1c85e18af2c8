/**
 * Who is cut off from every other hospital because links are under suspicion or nodes were declared
 * compromised: said aloud, for the last path to a hospital is never cut silently.
 *
 * A hospital without a link that is up is not reported here; that its link is down, the link says.
 *
 * @module
 */

import type { LinkId, SiteId } from '#base'
import { isolationBy, withLink, type Isolation, type Topology } from '#relay'
import type { Alarms } from './alarms.ts'
import type { Declarations } from './declarations.ts'

export interface IsolationWatchInput {
  readonly declarations: Pick<Declarations, 'avoided'>
  readonly watched: readonly SiteId[]
  /** Changes an alarm; logs what the store refuses. */
  readonly alarm: (change: (alarms: Alarms) => Promise<unknown>) => void
}

/** What keeping nodes out would cut, beside what is kept out already; those nodes not counted. */
export function isolationWithout(
  topology: Topology,
  nodes: readonly SiteId[],
  avoided: ReadonlySet<SiteId>,
): Isolation {
  const out = new Set(nodes)
  const { isolated, pairsLost } = isolationBy(topology, linksAt(topology, out), avoided)
  return { isolated: isolated.filter((site) => !out.has(site)), pairsLost }
}

/** Hospitals that would reach no other one without a link; undefined of one that is not planned. */
export const cutOffBy = (topology: Topology, link: LinkId): readonly SiteId[] | undefined =>
  topology.network.linkAt.has(link) ? isolationBy(topology, [link]).isolated : undefined

/** Raises `network.site-isolated` for sites that are cut off, and clears it when they are not. */
export class IsolationWatch {
  readonly #input: IsolationWatchInput
  #isolated: readonly SiteId[] = []

  constructor(input: IsolationWatchInput) {
    this.#input = input
  }

  /** Sites that were cut off at the last look. */
  get isolated(): readonly SiteId[] {
    return this.#isolated
  }

  look(topology: Topology): void {
    const { declarations, watched, alarm } = this.#input
    const { isolated, suspects } = isolatedNow(topology, declarations.avoided('all'))
    this.#isolated = isolated.filter((site) => watched.includes(site))
    for (const subject of watched) {
      if (!this.#isolated.includes(subject)) alarm((alarms) => alarms.clear(ISOLATED, subject))
      else {
        const message = wordsOf(subject, suspects)
        const cause = { kind: ISOLATED, severity: 'critical', subject, message } as const
        alarm((alarms) => alarms.raise(cause))
      }
    }
  }
}

/** Whom suspicion and declared nodes cut off, of all who could be reached without them. */
function isolatedNow(
  topology: Topology,
  avoided: ReadonlySet<SiteId>,
): { readonly isolated: readonly SiteId[]; readonly suspects: readonly string[] } {
  const { links } = topology.network
  const suspects = links.filter((_, at) => topology.states[at]?.suspect === true)
  if (suspects.length === 0 && avoided.size === 0) return { isolated: [], suspects: [] }
  let trusting = topology
  for (const [at, state] of topology.states.entries()) {
    if (state?.suspect === true) trusting = withLink(trusting, at, { ...state, suspect: false })
  }
  const out = [...suspects.map(({ link }) => link), ...linksAt(topology, avoided)]
  const { isolated } = isolationBy(trusting, out)
  return {
    isolated: isolated.filter((site) => !avoided.has(site)),
    suspects: suspects
      .filter(({ a, b }) => isolated.includes(a) || isolated.includes(b))
      .map(nameOf),
  }
}

const linksAt = ({ network }: Topology, nodes: ReadonlySet<SiteId>) =>
  network.links.filter(({ a, b }) => nodes.has(a) || nodes.has(b)).map(nameOf)

const nameOf = <T>({ link }: { readonly link: T }): T => link

function wordsOf(site: SiteId, suspects: readonly string[]): string {
  const some = suspects.slice(0, NAMED_MAX).join(', ')
  const why = some === '' ? 'its ways lead over declared nodes' : `${some} under suspicion`
  return `No sound way leads to ${site} (${why}): sessions that require quantum keys wait, others go on without and are marked. What is known of the links: photonward link history; lastPath and network pardon let ways be used`
}

/** Links that one alarm names. */
const NAMED_MAX = 4
const ISOLATED = 'network.site-isolated'
