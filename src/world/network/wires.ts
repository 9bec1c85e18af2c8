/**
 * Questions between the sites of a simulated network: they take time, get lost, and do not get
 * through where the country is divided or nobody lives at the other end.
 *
 * Stands for the authenticated connections between sites (`peers.ts` of the site room over TLS). Whoever
 * gets no answer does not know whether the other end has acted.
 *
 * @module
 */

import { PortRefusal, Refusal, type SeededRandom, type SiteId } from '#base'
import type { SimulatedTime } from '../ports/mod.ts'
import type { Accounts } from './accounts.ts'
import type { NetworkFaults } from './scenario.ts'

/** Answers one kind of question. */
export type Handler = (from: SiteId, payload: Uint8Array) => Promise<Uint8Array>

/** A run of a daemon: from its start to its death. */
export interface Life {
  over: boolean
}

/** Who lives at a site now; undefined while nobody does. */
export type Neighbour = (
  site: SiteId,
) => { readonly life: Life; readonly handlers: Readonly<Record<string, Handler>> } | undefined

export class Wires {
  /** Which part of a divided country a site is in; 0 unless said. */
  readonly parts = new Map<SiteId, number>()
  faults: Pick<NetworkFaults, 'questionsLost' | 'answersLost'> = {
    questionsLost: 0,
    answersLost: 0,
  }
  readonly #time: SimulatedTime
  readonly #chance: SeededRandom
  readonly #accounts: Accounts
  readonly #at: Neighbour

  constructor(input: {
    readonly time: SimulatedTime
    readonly chance: SeededRandom
    readonly accounts: Accounts
    readonly at: Neighbour
  }) {
    this.#time = input.time
    this.#chance = input.chance
    this.#accounts = input.accounts
    this.#at = input.at
  }

  /** Whether messages get from one site to another. */
  reaches(a: SiteId, b: SiteId): boolean {
    return (this.parts.get(a) ?? 0) === (this.parts.get(b) ?? 0)
  }

  /** Asks in the name of a run; never settles once that is over. */
  ask(
    by: { readonly site: SiteId; readonly life: Life },
    question: {
      readonly to: SiteId
      readonly method: string
      readonly payload: Uint8Array
      readonly timeoutMs: number
    },
  ): Promise<Uint8Array> {
    const { to, method, payload, timeoutMs } = question
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    let isOpen = true
    const settle = (act: () => void): void => {
      if (!isOpen) return
      isOpen = false
      late()
      if (!by.life.over) act()
    }
    const late = this.#time.after(timeoutMs, () => settle(() => reject(noAnswer())))
    this.#accounts.count('messages')
    this.#time.after(this.#delay(), () => {
      const there = this.#at(to)
      if (there === undefined || !this.reaches(by.site, to)) settle(() => reject(away()))
      else if (this.#isLost('questionsLost')) return
      else
        this.#answer(there, { ...by, to, method, payload }, (act) =>
          settle(() => act(resolve, reject)),
        )
    })
    return promise
  }

  #answer(
    there: NonNullable<ReturnType<Neighbour>>,
    asked: { site: SiteId; to: SiteId; method: string; payload: Uint8Array },
    settle: (
      act: (resolve: (octets: Uint8Array) => void, reject: (error: unknown) => void) => void,
    ) => void,
  ): void {
    const { site, to, method, payload } = asked
    const back = (act: Parameters<typeof settle>[0]): void => {
      if (there.life.over || this.#isLost('answersLost')) return
      this.#time.after(this.#delay(), () => {
        if (this.reaches(site, to)) settle(act)
        else settle((_, reject) => reject(away()))
      })
    }
    // A copy each way: the two ends are two machines.
    Promise.try(() => there.handlers[method](site, payload.slice())).then(
      (octets) => back((resolve) => resolve(octets.slice())),
      (error: unknown) => {
        if (!(error instanceof Refusal)) {
          const why = error instanceof Error ? error.message : 'something that is no error'
          this.#accounts.report(`${to} fails at ${method}: ${why}`)
        }
        back((_, reject) => reject(error))
      },
    )
  }

  #delay(): number {
    return 1 + this.#chance.below(DELAY_MS_MAX)
  }

  #isLost(what: 'questionsLost' | 'answersLost'): boolean {
    const isLost = this.#chance.chance(this.faults[what])
    if (isLost) this.#accounts.count('messages lost')
    return isLost
  }
}

const away = (): PortRefusal => new PortRefusal('NETWORK_UNREACHABLE', 'The site does not answer')
const noAnswer = (): PortRefusal => new PortRefusal('NETWORK_CLOSED', 'No answer came in time')

/** A message takes up to so long. */
const DELAY_MS_MAX = 10
