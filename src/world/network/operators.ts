/**
 * The operators of a simulated network: they declare nodes compromised and pardon them, each at his
 * own site, and hear when somebody is cut off.
 *
 * Whose site is down at that moment does it when the site is up again. As all sites see one picture,
 * one watch stands for those of all.
 *
 * @module
 */

import { siteId, type SiteId, type Statement, type Store } from '#base'
import type { Network } from '#relay'
import { Alarms, giveUpDeclared, IsolationWatch, takeBackPardoned } from '#site'
import { MemoryLog, seededRandom, type SimulatedTime } from '../ports/mod.ts'
import type { Accounts } from './accounts.ts'
import type { NetworkFibre } from './fibre.ts'
import { cutOffBySuspicion } from './last-path.ts'
import type { NetworkNode, Run } from './node.ts'
import type { Picture } from './picture.ts'

export interface OperatorsInput {
  readonly seed: number
  readonly time: SimulatedTime
  readonly store: Store
  readonly network: Network
  readonly accounts: Accounts
  readonly picture: Picture
  readonly nodes: () => Iterable<NetworkNode>
  readonly fibresAt: (site: SiteId) => readonly NetworkFibre[]
}

export class Operators {
  readonly #input: OperatorsInput
  readonly #alarms: Alarms
  readonly #watch: IsolationWatch
  /** Nodes that are declared, and how often. */
  readonly #declared = new Map<SiteId, number>()

  static async open(input: OperatorsInput): Promise<Operators> {
    const { seed, time, store } = input
    const alarms = await Alarms.open({
      ...{ site: siteId('operators'), store, audit: NO_AUDIT, log: new MemoryLog() },
      ...{ clock: time.view(), random: seededRandom(seed, 'operators') },
    })
    return new Operators(input, alarms)
  }

  private constructor(input: OperatorsInput, alarms: Alarms) {
    const hospitals = input.network.nodes.filter(({ kind }) => kind === 'hospital')
    this.#input = input
    this.#alarms = alarms
    this.#watch = new IsolationWatch({
      watched: hospitals.map(({ site }) => site),
      declarations: { avoided: () => this.#nodesDeclared },
      alarm: (change) => void change(alarms),
    })
  }

  get #nodesDeclared(): ReadonlySet<SiteId> {
    return new Set(this.#declared.keys())
  }

  /** Every operator declares a node. */
  async declare(node: SiteId): Promise<void> {
    this.#declared.set(node, (this.#declared.get(node) ?? 0) + 1)
    await this.#everywhere()
  }

  /** Every operator pardons it, unless somebody has declared it again since. */
  async pardon(node: SiteId): Promise<void> {
    const left = (this.#declared.get(node) ?? 1) - 1
    if (left > 0) this.#declared.set(node, left)
    else this.#declared.delete(node)
    await this.#everywhere()
  }

  /** Brings one site up to what has been declared and pardoned. */
  async bringUp({ site, run }: NetworkNode): Promise<void> {
    if (run === undefined) return
    const { declarations } = run
    const known = new Set(declarations.standing.map(({ node }) => node))
    const keys = this.#declaredKeys(site, run)
    const ended = [...known].filter((node) => !this.#declared.has(node))
    const fresh = [...this.#declared.keys()].filter((node) => node !== site && !known.has(node))
    const actor = 'operator'
    if (ended.length > 0) await takeBackPardoned(keys, await declarations.pardon(ended, actor))
    if (fresh.length > 0) await declarations.declare(fresh, { breaksWrap: false, cut: true, actor })
    const { discardedBlocks } = await giveUpDeclared(keys)
    this.#input.accounts.count('blocks discarded for declared nodes', discardedBlocks)
  }

  /** Nobody may be cut off without an alarm, and no alarm may stand without a cause. */
  look(): void {
    const { picture, accounts } = this.#input
    this.#watch.look(picture.topology)
    const cut = cutOffBySuspicion(picture.topology, this.#nodesDeclared)
    accounts.most('hospitals cut off at once, with an alarm', cut.size)
    const said = new Set(this.#alarms.standing.map(({ subject }) => siteId(subject)))
    const silent = [...cut].filter((site) => !said.has(site))
    const idle = [...said].filter((site) => !cut.has(site))
    accounts.check('nobody is cut off silently', silent.length === 0, () => silent.join(' '))
    accounts.check('alarms of isolation have a cause', idle.length === 0, () => idle.join(' '))
  }

  async #everywhere(): Promise<void> {
    for (const node of this.#input.nodes()) await this.bringUp(node)
    this.#input.picture.renew()
  }

  #declaredKeys(site: SiteId, run: Run): Parameters<typeof giveUpDeclared>[0] {
    const { keystore, declarations, alarms, request, log } = run
    const links = this.#input.fibresAt(site).map(({ suspicion, input: { link } }) => {
      return { link: link.link, peer: link.a === site ? link.b : link.a, suspicion }
    })
    const peers = { request, serve: () => undefined }
    return { keystore, declarations, alarms, log, links, peers }
  }
}

const NO_AUDIT = {
  append: (): Statement => ({ sql: 'select 1', parameters: [] }),
  record: (): Promise<number> => Promise.resolve(0),
}
