/**
 * What the people and applications of one hospital do all day: ask for keys and fetch them, import
 * records and correct them, send them and read them. Keeps account of every answer.
 *
 * Whoever gets no answer asks again, as a person would; a refusal for a reason outside is ordinary
 * while faults last, and a fault once they are over.
 *
 * @module
 */

import { PortRefusal, Refusal, utf8, type SeededRandom } from '#base'
import type { ModeName } from '#contract'
import type { Site } from '#site'
import { SiteDown, type World, type WorldSite } from '#world'
import type { Chart, Charts } from './charts.ts'
import type { KeyLedger, WorldKey } from './key-ledger.ts'
import type { AcceptedTransfer, KeptChart, RecordLedger } from './record-ledger.ts'

/** Means of the pauses between two pieces of work of one kind, in minutes. */
export interface Rhythm {
  readonly keys: number
  readonly imports: number
  readonly sends: number
  readonly reads: number
}

export interface HospitalInput {
  readonly world: World
  readonly site: WorldSite
  readonly peers: readonly WorldSite[]
  readonly charts: Charts
  readonly keys: KeyLedger
  readonly records: RecordLedger
  readonly rhythm: Rhythm
  readonly random: SeededRandom
}

/** One application, by its SAE ID. */
export interface Application {
  readonly site: WorldSite
  readonly sae: string
}

type Answer<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'down' }

export class Hospital {
  /** Refusals and errors by code: for whoever wants to know what a day was like. */
  readonly refusals = new Map<string, number>()
  /** Keys that were acknowledged to the master and not there for the slave at its first request. */
  keysMissed = 0
  readonly #input: HospitalInput
  #stopped = false
  #calm = false
  #work: Promise<unknown> = Promise.resolve()
  #working = 0
  readonly #waiting = new Set<() => void>()

  constructor(input: HospitalInput) {
    this.#input = input
  }

  /** Begins the day. */
  start(): void {
    const { random, peers } = this.#input
    const loops = [
      ...peers.map((peer) => this.#askForKeys(peer, random.fork())),
      this.#import(random.fork()),
      this.#send(random.fork()),
      this.#read(random.fork()),
    ]
    this.#working = loops.length
    for (const loop of loops) void loop.then(() => this.#working--)
    this.#work = Promise.all(loops)
  }

  /** Faults are over: from now on nobody may be refused for one. */
  expectCalm(): void {
    this.#calm = true
  }

  /** Ends the day after what is under way; an import that is not acknowledged yet is repeated. */
  stop(): void {
    this.#stopped = true
    for (const wake of this.#waiting) wake()
  }

  /** Whether all work has ended. Rejects where `start` would, with a bug of these tests. */
  get isDone(): boolean {
    return this.#working === 0
  }

  get done(): Promise<unknown> {
    return this.#work
  }

  /** One request over GS QKD 014. @returns its answer, or undefined if none came */
  async north(
    { site, sae }: Application,
    path: string,
    body: object,
    note: (status: number, text: string) => void,
  ): Promise<{ readonly status: number; readonly text: string } | undefined> {
    const answer = await this.#ask(site, `north ${path.split('/').at(-1) ?? ''}`, async (to) => {
      const { status, body: octets } = await to.north({
        ...{ method: 'POST', path: `/api/v1/keys/${path}`, query: new URLSearchParams() },
        contentType: 'application/json',
        body: utf8(JSON.stringify(body)),
        client: { commonName: sae, uriNames: [], serialNumber: '01', fingerprint: '01' },
      })
      const text = typeof octets === 'string' ? octets : Buffer.from(octets).toString('utf8')
      note(status, text)
      return { status, text }
    })
    if (answer.kind !== 'value') return undefined
    if (!STATUSES.has(answer.value.status)) this.#fault(`${path} got ${answer.value.status}`)
    if (answer.value.status === 503) this.#refused(`503 ${answer.value.text}`)
    return answer.value
  }

  /** Asks for keys, and fetches them at every slave. @returns whether every slave got them */
  async shareKeys(
    master: Application,
    slaves: readonly Application[],
    asked: { readonly number: number; readonly size: number },
    random: SeededRandom,
  ): Promise<boolean> {
    const { keys } = this.#input
    const [first, ...others] = slaves.map(({ sae }) => sae)
    const more = others.length === 0 ? {} : { additional_slave_SAE_IDs: others }
    const by = { site: master.site.id, sae: master.sae }
    const made = await this.north(
      master,
      `${first}/enc_keys`,
      { ...asked, ...more },
      (status, text) => {
        if (status === 200) keys.gaveToMaster(by, [first, ...others], keysIn(text))
      },
    )
    if (made === undefined) return false
    if (made.status !== 200) {
      if (made.status !== 503) this.#fault(`enc_keys was refused with ${made.status}`)
      return false
    }
    const given = keysIn(made.text)
    keys.acknowledged(given)
    if (random.chance(0.3)) await this.#pause(random, FETCH_MINUTES)
    const ids = given.map(({ key_ID }) => key_ID)
    if (random.chance(0.1)) await this.#tryForeign(master, slaves, ids)
    let all = true
    for (const slave of slaves) all = (await this.#fetch(master, slave, ids, random)) && all
    return all
  }

  /** Fetches keys, again if nobody knows whether they were given out. */
  async #fetch(
    master: Application,
    slave: Application,
    ids: readonly string[],
    random: SeededRandom,
  ): Promise<boolean> {
    for (let attempt = 1; attempt <= FETCHES_MAX; attempt++) {
      const answer = await this.fetchOnce(master, slave, ids)
      if (answer?.status === 200) {
        if (random.chance(0.3)) await this.fetchOnce(master, slave, ids)
        return true
      }
      if (answer?.status === 401) this.#fault(`${slave.sae} may not have its own keys`)
      if (answer?.status === 400) {
        if (attempt === 1) this.keysMissed += ids.length
        return false
      }
      await this.#pause(random, 1)
    }
    return false
  }

  /** Asks a slave's KME for keys. The account finds whatever is given out twice, to the wrong application, or differs. */
  fetchOnce(master: Application, slave: Application, ids: readonly string[]) {
    const to = { site: slave.site.id, sae: slave.sae }
    const body = { key_IDs: ids.map((key_ID) => ({ key_ID })) }
    return this.north(slave, `${master.sae}/dec_keys`, body, (status, text) => {
      if (status === 200) this.#input.keys.gaveToSlave(to, ids, keysIn(text))
    })
  }

  /** An application that is no slave of these keys asks for them. */
  async #tryForeign(
    master: Application,
    slaves: readonly Application[],
    ids: readonly string[],
  ): Promise<void> {
    const other = applicationsAt(slaves[0].site).find(
      ({ sae }) => !slaves.some((one) => one.sae === sae),
    )
    if (other !== undefined) await this.fetchOnce(master, other, ids)
  }

  async #askForKeys(peer: WorldSite, random: SeededRandom): Promise<void> {
    const { site, rhythm } = this.#input
    while (await this.#pause(random, rhythm.keys)) {
      const there = applicationsAt(peer)
      const slaves = random.chance(0.2) ? there : [random.pick(there)]
      const asked = { number: 1 + random.below(4), size: random.pick([256, 256, 128, 1024]) }
      await this.shareKeys(random.pick(applicationsAt(site)), slaves, asked, random)
    }
  }

  async #import(random: SeededRandom): Promise<void> {
    const { charts, rhythm } = this.#input
    await this.importStaff(random)
    const versions = Math.max(...charts.charts.map((chart) => chart.versions.length))
    for (let version = 0; version < versions; version++) {
      for (const chart of charts.charts) {
        if (!(await this.#pause(random, rhythm.imports))) return
        await this.importChart(chart, version, random)
      }
    }
  }

  /** Imports those whom the charts refer to, until that is acknowledged. */
  async importStaff(random: SeededRandom): Promise<void> {
    const { staff } = this.#input.charts
    await this.#importUntilStored(staff.bundle, staff.texts.size, random)
  }

  /** Imports one version of a record, until that is acknowledged; versions in order. */
  async importChart(chart: Chart, version: number, random: SeededRandom): Promise<KeptChart> {
    const { site, records } = this.#input
    const kept = records.charts.find((one) => one.chart === chart) ?? records.keep(chart, site.id)
    const { bundle, texts } = chart.versions[version]
    kept.tried = version
    const fresh = version === 0 ? texts.size : 1
    const patients = await this.#importUntilStored(bundle, fresh, random)
    kept.stored = version
    kept.patient = patients.at(0)
    return kept
  }

  /** Repeats an import until it is acknowledged. @param fresh versions that it writes */
  async #importUntilStored(
    bundle: Uint8Array,
    fresh: number,
    random: SeededRandom,
  ): Promise<readonly string[]> {
    const { site, records } = this.#input
    let unknown = false
    for (;;) {
      const answer = await this.#ask(site, 'import', (to) =>
        to.admin.importRecords({}, bundle, noSignal()),
      )
      if (answer.kind === 'value') {
        const { written, patients } = answer.value
        // What nobody acknowledged may be here nevertheless: all of it, or nothing.
        if (written !== fresh && !(written === 0 && unknown)) {
          this.#fault(`an import wrote ${written} of ${fresh} versions`)
        }
        if (written > 0) records.count(records.imports, site.id)
        if (written > 0 && patients.length > 0) records.count(records.filed, site.id)
        return patients
      }
      if (answer.kind === 'refused') this.#expectPort('import', answer.code)
      unknown = true
      await this.#wait(random, 1)
    }
  }

  async #send(random: SeededRandom): Promise<void> {
    const { site, peers, records, rhythm } = this.#input
    while (await this.#pause(random, rhythm.sends)) {
      const here = records.charts.filter(({ patient }) => patient !== undefined)
      const own = here.filter(({ origin }) => origin === site.id)
      if (own.length === 0) continue
      const mode = random.pick(MODES)
      await this.send(random.pick(own), random.pick(peers), mode)
    }
  }

  /** Puts a transfer on the list. @returns it, if that was acknowledged */
  async send(
    kept: KeptChart,
    to: WorldSite,
    mode: ModeName | undefined,
  ): Promise<AcceptedTransfer | undefined> {
    const { site, records } = this.#input
    const { patient, stored } = kept
    if (patient === undefined) return undefined
    const wish = mode === undefined ? { patient, to: to.id } : { patient, to: to.id, mode }
    const answer = await this.#ask(site, 'send', (from) => from.admin.send({}, wish, noSignal()))
    if (answer.kind === 'refused') this.#expectPort('send', answer.code)
    if (answer.kind !== 'value') return undefined
    const { transfer } = answer.value
    const accepted = { transfer, kept, from: site.id, to: to.id, mode, least: stored }
    records.transfers.push(accepted)
    return accepted
  }

  async #read(random: SeededRandom): Promise<void> {
    const { site, records, rhythm } = this.#input
    while (await this.#pause(random, rhythm.reads)) {
      const own = records.charts.filter(({ origin, stored }) => origin === site.id && stored >= 0)
      if (own.length === 0) continue
      await this.readOwn(random.pick(own))
    }
  }

  /** Reads a record that was imported here, and compares. */
  async readOwn(kept: KeptChart): Promise<void> {
    const { site, records } = this.#input
    const { patient, stored } = kept
    if (patient === undefined) return
    const answer = await this.#ask(site, 'read', (to) => textsOf(to, patient))
    if (answer.kind === 'refused') this.#expectPort('read', answer.code)
    if (answer.kind !== 'value') return
    records.count(records.reads, site.id)
    for (const fault of records.faultsOf(kept, answer.value, stored)) this.#fault(fault)
  }

  async #ask<T>(
    site: WorldSite,
    what: string,
    work: (site: Site) => Promise<T>,
  ): Promise<Answer<T>> {
    const { time } = this.#input.world
    const late = time.after(ANSWER_MS_MAX, () => this.#fault(`${site.id} has not answered ${what}`))
    try {
      return { kind: 'value', value: await site.call(what, work) }
    } catch (error) {
      if (error instanceof SiteDown) {
        if (this.#calm) this.#fault(`${site.id} was down at ${what}`)
        return { kind: 'down' }
      }
      if (!(error instanceof Refusal)) {
        this.#fault(`${site.id} failed at ${what}: ${String(error)}`)
        return { kind: 'refused', code: 'INTERNAL' }
      }
      const { code } = error as Refusal
      this.#refused(`${what} ${code}`)
      if (!(error instanceof PortRefusal)) this.#fault(`${site.id} refused ${what}: ${code}`)
      return { kind: 'refused', code }
    } finally {
      late()
    }
  }

  /** Ports may refuse while faults last. */
  #expectPort(what: string, code: string): void {
    if (this.#calm) this.#fault(`${what} was refused in calm: ${code}`)
  }

  #refused(what: string): void {
    this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1)
  }

  #fault(what: string): void {
    this.#input.world.report(`${this.#input.site.id}: ${what}`)
  }

  /** A pause of random length around a mean. @returns whether the day goes on */
  async #pause(random: SeededRandom, minutes: number): Promise<boolean> {
    if (this.#stopped) return false
    await this.#wait(random, minutes)
    return !this.#stopped
  }

  /** Ends early when the day does. */
  #wait(random: SeededRandom, minutes: number): Promise<void> {
    const { time } = this.#input.world
    return new Promise((resume) => {
      const wake = (): void => {
        cancel()
        this.#waiting.delete(wake)
        resume()
      }
      const cancel = time.after(1 + Math.floor(2 * random.unit() * minutes * 60_000), wake)
      this.#waiting.add(wake)
    })
  }
}

/** The two applications of a site. */
export const applicationsAt = (site: WorldSite): readonly Application[] =>
  ['archive', 'ward'].map((name) => ({ site, sae: `${site.id}-${name}` }))

/** The texts of a patient's record, opened. */
export async function textsOf(site: Site, patient: string): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const { resource } of site.admin.readRecord({ patient }, null, noSignal())) {
    texts.push(resource)
  }
  return texts
}

export const noSignal = (): AbortSignal => new AbortController().signal

const keysIn = (text: string): readonly WorldKey[] =>
  (JSON.parse(text) as { readonly keys: readonly WorldKey[] }).keys

/** Answers of GS QKD 014 to well-formed requests of known applications. */
const STATUSES: ReadonlySet<number> = new Set([200, 400, 401, 503])
const MODES = [
  undefined,
  'prefer-quantum',
  'prefer-quantum',
  'require-quantum',
  'require-quantum',
  'post-quantum',
  'one-time-pad',
] as const
const FETCHES_MAX = 5
/** How long a slave waits at most, on average, before it fetches. */
const FETCH_MINUTES = 2
/** No request of ours may take longer. */
const ANSWER_MS_MAX = 10 * 60_000
