/**
 * What two hospitals do all day, while their daemons are killed: keys are asked for and fetched,
 * records imported and sent, at both ends. Keeps account of every answer.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import { AdminError } from './admin.ts'
import type { KeyLedger } from './key-ledger.ts'
import type { TestSite } from './two-sites.ts'

/** Work that can be under way at a site. */
export type Work = 'serving' | 'fetching' | 'importing' | 'sending'

export interface SentRecord {
  readonly transfer: string
  readonly patient: string
  readonly from: TestSite
}

/** The daily work of one site towards the other. */
export class HospitalLoad {
  readonly site: TestSite
  readonly peer: TestSite
  readonly keys: KeyLedger
  /** Bundles whose import was acknowledged. */
  readonly imported: string[] = []
  readonly patients: string[] = []
  readonly sent: SentRecord[] = []
  /** What should never have happened. */
  readonly problems: string[] = []
  readonly #bundles: readonly string[]
  readonly #underWay = new Set<Work>()
  #stopped = false
  #loops: Promise<unknown> | undefined

  constructor(input: {
    site: TestSite
    peer: TestSite
    keys: KeyLedger
    bundles: readonly string[]
  }) {
    this.site = input.site
    this.peer = input.peer
    this.keys = input.keys
    this.#bundles = input.bundles
  }

  isUnderWay(work: Work): boolean {
    return this.#underWay.has(work)
  }

  start(): void {
    const loops = [this.#keys(), this.#records()]
    this.#loops = Promise.all(loops)
  }

  /** Ends the work after what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#loops
  }

  async #keys(): Promise<void> {
    while (!this.#stopped) {
      const made = await this.#try('serving', () =>
        this.site.ward.ask('POST', `${this.peer.ward.id}/enc_keys`, { number: 2 }),
      )
      if (made?.status === 200) {
        const ids = this.keys.made(made)
        await this.#fetch(ids)
      }
      await pause(BREATH_MS)
    }
  }

  /** Fetches keys at the peer, again if nobody knows whether they were given out. */
  async #fetch(ids: readonly string[]): Promise<void> {
    const key_IDs = ids.map((key_ID) => ({ key_ID }))
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#try('fetching', () =>
        this.peer.ward.ask('POST', `${this.site.ward.id}/dec_keys`, { key_IDs }),
      )
      if (answer?.status === 200) this.keys.fetched(answer)
      // Made and acknowledged, asked for the first time: it must be there.
      if (answer?.status === 400 && attempt === 1) this.problems.push('a key was lost')
      if (answer?.status === 200 || answer?.status === 400 || this.#stopped) return
      await pause(BREATH_MS)
    }
  }

  async #records(): Promise<void> {
    for (const bundle of this.#bundles) {
      const outcome = await this.#insist('importing', () => this.site.import(bundle))
      if (outcome === undefined) return
      if (outcome.written > 0 && outcome.unchanged > 0) {
        this.problems.push(`half an import was there: ${JSON.stringify(outcome)}`)
      }
      this.imported.push(bundle)
      this.patients.push(...outcome.patients)
      for (const patient of outcome.patients) {
        if (!(await this.#send(patient))) return
      }
    }
    this.problems.push('the load had too few bundles')
  }

  async #send(patient: string): Promise<boolean> {
    const to = this.peer.name
    const begun = await this.#insist('sending', () =>
      this.site.admin.call('send', {}, { patient, to }),
    )
    if (begun === undefined) return false
    const { transfer } = begun
    this.sent.push({ transfer, patient, from: this.site })
    const end = await this.#insist('sending', async () => {
      const now = await this.site.admin.call('transfer', { transfer }, null)
      return now.state === 'delivered' || now.state === 'refused' ? now : undefined
    })
    return end !== undefined
  }

  /** Tries until it gives a value, or the load is stopped. */
  async #insist<T>(work: Work, task: () => Promise<T | undefined>): Promise<T | undefined> {
    while (!this.#stopped) {
      const value = await this.#try(work, task)
      if (value !== undefined) return value
      await pause(BREATH_MS)
    }
    return undefined
  }

  /** One attempt; undefined if the daemon was away or died in the middle of it. */
  async #try<T>(work: Work, task: () => Promise<T>): Promise<T | undefined> {
    this.#underWay.add(work)
    try {
      return await task()
    } catch (error) {
      if (error instanceof AdminError) this.problems.push(`${work}: ${error.message}`)
      return undefined
    } finally {
      this.#underWay.delete(work)
    }
  }
}

/** Between two pieces of work, so that the load is steady and not all that the machine does. */
const BREATH_MS = 25
