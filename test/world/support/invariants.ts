/**
 * What must be true of a world once faults are over: the list in the header of `#world`, as code.
 *
 * Each check asks the sites as an operator would, and holds the answers against the accounts that
 * were kept outside them.
 *
 * @module
 */

import { noteOf } from '#base'
import type { FindingView, StatusView, TransferView } from '#contract'
import { stringsIn, type Site } from '#site'
import type { World, WorldSite } from '#world'
import type { Charts } from './charts.ts'
import { noSignal, textsOf } from './hospital.ts'
import type { KeyLedger } from './key-ledger.ts'
import type { LogWatch } from './log-watch.ts'
import type { AcceptedTransfer, RecordLedger } from './record-ledger.ts'

export interface Accounts {
  readonly world: World
  readonly keys: KeyLedger
  readonly records: RecordLedger
  readonly log: LogWatch
  readonly charts: readonly Charts[]
}

/** Checks everything, and reports to the world whatever is not as it must be. */
export async function checkAll(accounts: Accounts): Promise<void> {
  const transfers = await checkTransfers(accounts)
  await checkRecords(accounts, transfers)
  await checkVerification(accounts)
  await accounts.log.compareAll()
  checkEntries(accounts, transfers)
  await checkLines(accounts)
}

/** One transfer as its two ends know it. */
interface Ends {
  readonly out: TransferView & { readonly site: string }
  readonly in: readonly (TransferView & { readonly site: string })[]
}

/** Every transfer that any site knows, by its id. */
export async function transfersOf(world: World): Promise<Map<string, Ends>> {
  const all = await Promise.all(
    world.sites.map(async (site) => {
      const listed = await asked(world, site, (to) => to.admin.transfers(ALL, null, noSignal()))
      return listed.map((one) => ({ ...one, site: site.id }))
    }),
  )
  const rows = all.flat()
  const ends = new Map<string, Ends>()
  for (const out of rows.filter(({ direction }) => direction === 'out')) {
    const into = rows.filter(({ direction, transfer }) => {
      return direction === 'in' && transfer === out.transfer
    })
    ends.set(out.transfer, { out, in: into })
  }
  const strays = rows.filter(({ transfer }) => !ends.has(transfer))
  for (const { site, transfer } of strays) world.report(`${site}: ${transfer} has no sender`)
  return ends
}

/** Each transfer has arrived whole and once, under what its mode asks for. */
async function checkTransfers({ world, keys, records }: Accounts): Promise<Map<string, Ends>> {
  const transfers = await transfersOf(world)
  for (const accepted of records.transfers) {
    if (!transfers.has(accepted.transfer)) world.report(`transfer ${accepted.transfer} is lost`)
  }
  const modes = new Map(records.transfers.map((one) => [one.transfer, one.mode]))
  const sessions = new Map<string, string>()
  for (const [id, ends] of transfers) {
    const fault = faultOf(ends)
    if (fault !== undefined) world.report(`transfer ${id} from ${ends.out.site} ${fault}`)
    const { protection } = ends.out
    if (protection === null || ends.out.state !== 'delivered') continue
    const quantum = protection.used === 'hybrid-quantum'
    if (quantum !== protection.keyIds.length > 0) world.report(`transfer ${id} hides its keys`)
    if (modes.get(id) === 'require-quantum' && !quantum) {
      world.report(`transfer ${id} went without a quantum key`)
    }
    for (const keyId of protection.keyIds) {
      if (keys.has(keyId)) world.report(`key ${keyId} of a session was served as well`)
      const before = sessions.get(keyId) ?? protection.sessionId
      if (before !== protection.sessionId) world.report(`key ${keyId} is of two sessions`)
      sessions.set(keyId, protection.sessionId)
    }
  }
  return transfers
}

function faultOf({ out, in: into }: Ends): string | undefined {
  const imported = into.filter(({ state }) => state === 'imported')
  if (out.mode === 'one-time-pad') {
    const refused = out.state === 'refused' && out.reason === 'MODE_RESERVED'
    return refused && into.length === 0 ? undefined : `is ${out.state} in a reserved mode`
  }
  if (out.state !== 'delivered') return `is ${out.state}: ${out.reason}`
  if (imported.length !== 1) return `was imported ${imported.length} times`
  const [one] = imported
  if (one.site !== out.peer || one.peer !== out.site) return 'arrived at another site'
  if (one.items !== out.items) return `has ${one.items} items of ${out.items}`
  if (one.protection?.sessionId !== out.protection?.sessionId) return 'has two protections'
  return undefined
}

/** Every record that was acknowledged reads to the letter, wherever it must be. */
async function checkRecords(
  { world, records }: Accounts,
  transfers: ReadonlyMap<string, Ends>,
): Promise<void> {
  const delivered = (id: string): boolean => transfers.get(id)?.out.state === 'delivered'
  for (const site of world.sites) {
    for (const kept of records.charts) {
      const least = records.leastAt(kept, site.id, delivered)
      if (least === undefined) continue
      const found = await tried(world, site, 'search', (to) =>
        to.admin.findPatient({}, { value: kept.chart.nhsNumber }, noSignal()),
      )
      if (found === undefined) continue
      if (found.length !== 1) {
        world.report(`${site.id} knows a patient ${found.length} times`)
        continue
      }
      const texts = await tried(world, site, 'record', (to) => textsOf(to, found[0].patient))
      if (texts === undefined) continue
      records.count(records.reads, site.id)
      for (const fault of records.faultsOf(kept, texts, least)) world.report(`${site.id}: ${fault}`)
    }
  }
}

/** As `asked`; reports what the site refuses. */
async function tried<T>(
  world: World,
  site: WorldSite,
  what: string,
  work: (site: Site) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await asked(world, site, work)
  } catch (error) {
    world.report(`${site.id} refuses ${what}: ${noteOf(error).code}`)
    return undefined
  }
}

/** Each site's own verification finds nothing. */
async function checkVerification({ world }: Accounts): Promise<void> {
  for (const site of world.sites) {
    for (const finding of (await tried(world, site, 'verification', verify)) ?? []) {
      if (finding.kind !== 'fault') continue
      const { part, place, problem } = finding
      world.report(`${site.id} finds in ${part} at ${place}: ${problem}`)
    }
  }
}

async function verify(site: Site): Promise<readonly FindingView[]> {
  const findings: FindingView[] = []
  for await (const finding of site.admin.verify({}, null, noSignal())) findings.push(finding)
  return findings
}

/** The log of each site has the entry of everything that happened there, as often as it did. */
function checkEntries(accounts: Accounts, transfers: ReadonlyMap<string, Ends>): void {
  const { world, keys, records, log } = accounts
  for (const { id } of world.sites) {
    const events = log.events(id)
    const factsOf = (kinds: readonly string[], fact: string): readonly string[] =>
      events.filter((one) => kinds.includes(one.kind)).flatMap((one) => one.facts[fact] as string)
    const expectAll = (
      kind: string,
      fact: string,
      wanted: readonly string[],
      others: readonly string[] = [],
    ): void => {
      const found = countsOf(factsOf([kind, ...others], fact))
      for (const [value, times] of countsOf(wanted)) {
        const entries = found.get(value) ?? 0
        if (entries !== times) {
          world.report(
            `${id} logs ${kind} of ${value} ${entries} times, it happened ${times} times`,
          )
        }
      }
    }
    // Where a crash came before the entry, another stands for it.
    expectAll('key.issued', 'keyIds', keys.madeAt(id), ['key.perhaps-issued'])
    checkDeliveries(accounts, id)
    const sent = [...transfers.values()].filter(({ out }) => out.site === id)
    const idsOf = (some: readonly Ends[]): readonly string[] => some.map(({ out }) => out.transfer)
    expectAll('transfer.queued', 'transfer', idsOf(sent))
    const delivered = [...transfers.values()].filter(({ out }) => out.state === 'delivered')
    expectAll(
      'transfer.delivered',
      'transfer',
      idsOf(delivered.filter(({ out }) => out.site === id)),
    )
    expectAll(
      'transfer.imported',
      'transfer',
      idsOf(delivered.filter(({ out }) => out.peer === id)),
    )
    for (const [kind, least] of [
      ['vault.sealed', records.imports.get(id) ?? 0],
      ['vault.filed', records.filed.get(id) ?? 0],
      ['vault.opened', records.reads.get(id) ?? 0],
    ] as const) {
      const entries = events.filter((one) => one.kind === kind).length
      if (entries < least) world.report(`${id} logs ${kind} ${entries} times of ${least}`)
    }
  }
}

/** A key is used up before it leaves: the log may hold more deliveries than came about. */
function checkDeliveries({ world, keys, log }: Accounts, site: string): void {
  const logged = log
    .events(site)
    .filter(({ kind }) => kind === 'key.delivered')
    .flatMap(({ actor, facts }) =>
      (facts['keyIds'] as readonly string[]).map((id) => `${id} ${actor}`),
    )
  const counts = countsOf(logged)
  for (const [name, times] of counts) {
    if (times > 1) world.report(`${site} logs the delivery of ${name} ${times} times`)
  }
  for (const name of keys.deliveredAt(site)) {
    if (!counts.has(name)) world.report(`${site} does not log the delivery of ${name}`)
  }
}

function countsOf(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** No line of a log holds a text of a patient. */
export async function checkLines({
  world,
  charts,
}: Pick<Accounts, 'world' | 'charts'>): Promise<void> {
  const lines = new Set(
    world.sites.flatMap(({ log }) => log.lines.map((line) => JSON.stringify(line))),
  )
  const all = [...lines].join('\n')
  const bundles = charts.flatMap((of) =>
    [of.staff, ...of.charts.flatMap(({ versions }) => versions)].map(({ bundle }) => bundle),
  )
  const texts = new Set((await Promise.all(bundles.map(stringsIn))).flat())
  for (const text of texts) {
    if (all.includes(text)) world.report(`a log holds a text of ${text.length} octets of a record`)
  }
}

/** What a site says of itself, while it serves. */
export const statusOf = (world: World, site: WorldSite): Promise<StatusView> =>
  asked(world, site, (to) => to.admin.status({}, null, noSignal()))

/** Asks as the operator, with as much time as it takes. */
export const asked = <T>(
  world: World,
  site: WorldSite,
  work: (site: Site) => Promise<T>,
): Promise<T> => world.passing(site.call('check', work))

/** Whether a transfer is at its end. */
export const isOver = ({ out }: Ends): boolean =>
  out.state === 'delivered' || out.state === 'refused'

export type { AcceptedTransfer, Ends }

const ALL = { limit: '1000' }
