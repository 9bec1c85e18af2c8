/**
 * What goes wrong in a simulated network, drawn from the rates of its faults: each has its beginning
 * and its end, and all of them end.
 *
 * @module
 */

import type { SeededRandom, SiteId } from '#base'
import type { Network } from '#relay'
import type { SimulatedTime } from '../ports/mod.ts'
import type { Accounts } from './accounts.ts'
import type { NetworkFibre } from './fibre.ts'
import type { NetworkNode } from './node.ts'
import type { Operators } from './operators.ts'
import { linksBySite, type Picture } from './picture.ts'
import type { NetworkFaults } from './scenario.ts'
import type { Wires } from './wires.ts'

export interface MisfortuneInput {
  readonly network: Network
  readonly nodes: readonly NetworkNode[]
  readonly fibres: readonly NetworkFibre[]
  readonly time: SimulatedTime
  readonly wires: Wires
  readonly chance: SeededRandom
  readonly accounts: Accounts
  readonly faults: NetworkFaults
  readonly picture: Picture
  readonly operators: Operators
}

export class Misfortune {
  readonly #input: MisfortuneInput
  /** Kills of a site that are not over. */
  readonly #down = new Map<NetworkNode, number>()
  #parts = 0
  #isOver = false

  constructor(input: MisfortuneInput) {
    this.#input = input
  }

  /** Lays down what happens in so many minutes. */
  plan(minutes: number): void {
    const { faults, fibres, nodes, wires, chance } = this.#input
    const days = minutes / 1440
    wires.faults = faults
    const draw = (what: string, perDay: number, work: () => void): void => {
      for (let left = perDay * days; left > 0; left--) {
        if (left < 1 && !chance.chance(left)) break
        this.#input.time.after(chance.unit() * minutes * 60_000, () => {
          this.#input.accounts.count(`faults: ${what}`)
          work()
        })
      }
    }
    const all = fibres.length
    draw('fibre cut', faults.cutsPerLinkDay * all, () => this.#cut(chance.pick(fibres)))
    draw('Eve on a link', faults.evesPerLinkDay * all, () => this.#eavesdrop(chance.pick(fibres)))
    draw('node killed', faults.killsPerNodeDay * nodes.length, () => this.kill(chance.pick(nodes)))
    draw('country divided', faults.partitionsPerDay, () => this.#divide())
    draw('node declared compromised', faults.declarationsPerDay, () => this.#declare())
    draw('clock set', faults.clockJumpsPerNodeDay * nodes.length, () =>
      chance.pick(nodes).jumpClock((chance.unit() * 2 - 1) * 86_400_000),
    )
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** From now on nothing new goes wrong; what is wrong ends when it ends. */
  end(): void {
    this.#isOver = true
    this.#input.wires.faults = { questionsLost: 0, answersLost: 0 }
  }

  /** Kills a daemon, and starts it again later. */
  kill(node: NetworkNode): void {
    const { picture, faults } = this.#input
    this.#down.set(node, (this.#down.get(node) ?? 0) + 1)
    node.kill()
    picture.renewSite(node.site)
    this.#later(faults.downMinutesMax, () => {
      const others = (this.#down.get(node) ?? 1) - 1
      this.#down.set(node, others)
      if (others === 0) void this.#start(node)
    })
  }

  async #start(node: NetworkNode): Promise<void> {
    const { operators, picture } = this.#input
    await node.start()
    await operators.bringUp(node)
    picture.renewSite(node.site)
  }

  #cut(fibre: NetworkFibre): void {
    const { faults } = this.#input
    fibre.cuts++
    fibre.input.turned()
    this.#later(faults.cutMinutesMax, () => {
      fibre.cuts--
      fibre.input.turned()
    })
  }

  #eavesdrop(fibre: NetworkFibre): void {
    fibre.eves++
    this.#later(this.#input.faults.eveMinutesMax, () => fibre.eves--)
  }

  /** Cuts a part off: some site and all that are fewest hops from it. */
  #divide(): void {
    const { network, nodes, wires, chance, faults, picture } = this.#input
    const part = ++this.#parts
    const size = Math.max(1, Math.round(chance.unit() * faults.partitionShareMax * nodes.length))
    const within = sitesAround(network, chance.pick(nodes).site, size)
    for (const site of within) wires.parts.set(site, part)
    picture.renew()
    this.#later(faults.partitionMinutesMax, () => {
      for (const site of within) if (wires.parts.get(site) === part) wires.parts.delete(site)
      picture.renew()
    })
  }

  #declare(): void {
    const { network, chance, operators, faults } = this.#input
    const trusted = network.nodes.filter(({ kind }) => kind === 'trusted-node')
    if (trusted.length === 0) return
    const { site } = chance.pick(trusted)
    void operators.declare(site)
    this.#later(faults.declaredMinutesMax, () => void operators.pardon(site))
  }

  #later(minutesMax: number, work: () => void): void {
    const { time, chance } = this.#input
    time.after((MINUTES_MIN + chance.unit() * minutesMax) * 60_000, work)
  }
}

/** A site and those that are fewest hops away. */
function sitesAround(network: Network, from: SiteId, size: number): ReadonlySet<SiteId> {
  const atSite = linksBySite(network)
  const found = new Set([from])
  // A set is walked in the order in which it grows: that is a search in breadth.
  for (const site of found) {
    for (const at of atSite.get(site) ?? []) {
      const { a, b } = network.links[at]
      if (found.size >= size) return found
      found.add(a === site ? b : a)
    }
  }
  return found
}

const MINUTES_MIN = 0.2
