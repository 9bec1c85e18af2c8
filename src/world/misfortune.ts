/**
 * What goes wrong in a world, when and to whom: drawn ahead of time from one generator.
 *
 * Episodes of each kind come at random times at their rate, one after the other; messages and
 * single writes meet their faults through `weather` and the sites.
 *
 * @module
 */

import { HOUR_MS, MINUTE_MS, type SeededRandom, type SiteId } from '#base'
import { noAttack } from '#optics'
import type { Episodes, Faults } from './faults.ts'
import type { WorldFibre } from './fibre.ts'
import { fairDials, fairWeather, type SimulatedNetwork, type SimulatedTime } from './ports/mod.ts'
import type { WorldSite } from './site.ts'
import { dialsAt, weatherAt } from './weather.ts'

export interface MisfortuneInput {
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  readonly sites: readonly WorldSite[]
  readonly fibres: readonly WorldFibre[]
  readonly chance: SeededRandom
}

/** Begins what goes wrong, and ends it. */
export class Misfortune {
  readonly #input: MisfortuneInput
  /** Counts `begin` and `end`: what an earlier one has planned does not happen any more. */
  #era = 0

  constructor(input: MisfortuneInput) {
    this.#input = input
  }

  /** From now on things go wrong at these rates. */
  begin(faults: Faults): void {
    this.end()
    const { network, sites, fibres, chance } = this.#input
    network.weather = weatherAt(faults, chance.fork())
    network.dials = dialsAt(faults, chance.fork())
    for (const [a, b] of pairsOf(sites)) this.#cutWires(faults, a.id, b.id)
    for (const site of sites) this.#afflict(site, faults)
    for (const fibre of fibres) this.#attack(fibre, faults)
  }

  /** From now on nothing goes wrong. Sites that are down come up again by themselves. */
  end(): void {
    this.#era++
    const { network, sites, fibres } = this.#input
    network.weather = fairWeather
    network.dials = fairDials
    for (const [a, b] of pairsOf(sites)) network.setCut(a.id, b.id, false)
    for (const site of sites) {
      site.setFull(false)
      site.refuseWrites(0)
      site.spare()
      site.setClock(0)
    }
    for (const fibre of fibres) fibre.leaveAlone()
  }

  #cutWires({ wiresCut }: Faults, a: SiteId, b: SiteId): void {
    const { network } = this.#input
    this.#episodes(
      wiresCut,
      () => network.setCut(a, b, true),
      () => network.setCut(a, b, false),
    )
  }

  #afflict(site: WorldSite, faults: Faults): void {
    const { chance } = this.#input
    site.refuseWrites(faults.writesRefused)
    this.#episodes(
      faults.diskFull,
      () => site.setFull(true),
      () => site.setFull(false),
    )
    this.#moments(faults.storeBreaksPerHour, () => site.breakStore())
    this.#moments(faults.clockJumpsPerHour, () =>
      site.setClock(Math.floor((2 * chance.unit() - 1) * CLOCK_OFF_MS_MAX)),
    )
    const { crashes, restarts } = faults
    this.#moments(crashes.perHour, () => {
      const death = { atEffect: 1 + chance.below(EFFECTS_TO_DEATH_MAX), after: chance.chance(0.5) }
      site.crash(death, this.#lasts(crashes))
    })
    this.#moments(restarts.perHour, () => void site.restart(this.#lasts(restarts)))
  }

  #attack(fibre: WorldFibre, { eavesdropping, fibreCut }: Faults): void {
    const { chance } = this.#input
    const stop = (): void => fibre.setAttack(noAttack)
    this.#episodes(
      eavesdropping,
      () => fibre.setAttack({ kind: 'intercept-resend', fraction: chance.pick([1, 0.5, 0.1]) }),
      stop,
    )
    this.#episodes(
      fibreCut,
      () => fibre.setAttack({ kind: 'fibre-cut', lossDb: chance.pick([Infinity, 10, 3]) }),
      stop,
    )
  }

  /** Episodes of one kind never overlap. */
  #episodes(episodes: Episodes, begin: () => void, end: () => void): void {
    const { time } = this.#input
    this.#next(episodes.perHour, (again) => {
      begin()
      const era = this.#era
      time.after(this.#lasts(episodes), () => {
        if (era !== this.#era) return
        end()
        again()
      })
    })
  }

  #moments(perHour: number, happen: () => void): void {
    this.#next(perHour, (again) => {
      happen()
      again()
    })
  }

  #next(perHour: number, happen: (again: () => void) => void): void {
    if (perHour <= 0) return
    const { time, chance } = this.#input
    const era = this.#era
    const again = (): void => {
      // Times between independent events at a constant rate.
      const hours = -Math.log(1 - chance.unit()) / perHour
      time.after(Math.ceil(hours * HOUR_MS), () => {
        if (era === this.#era) happen(again)
      })
    }
    again()
  }

  #lasts({ minutesMax }: Episodes): number {
    return Math.ceil(this.#input.chance.unit() * minutesMax * MINUTE_MS)
  }
}

function* pairsOf<T>(items: readonly T[]): Generator<readonly [T, T]> {
  for (const [at, a] of items.entries()) for (const b of items.slice(at + 1)) yield [a, b]
}

const CLOCK_OFF_MS_MAX = 24 * HOUR_MS
/** A crash comes within so many effects. */
const EFFECTS_TO_DEATH_MAX = 40
