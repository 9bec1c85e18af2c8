/**
 * What an operator at this machine may ask of a site: the handlers of the admin routes.
 *
 * Whoever reaches the admin socket is the operator: the socket lies in the site's own folder, which
 * nobody else may enter. What is opened for him is logged like any other access.
 *
 * @module
 */

import { base64, keyId, siteId, uuid, type Clock } from '#base'
import { consistencyPath, receiptOf, verifyLog } from '#audit'
import type {
  NetworkView,
  AlarmView,
  DeclarationView,
  FindingView,
  Handlers,
  ImportView,
  ItemView,
  LinkView,
  PatientView,
  PoolView,
  SiteRoutes,
  StatusView,
  TransferView,
} from '#contract'
import type { Transfer } from '#exchange'
import type { PatientEntry } from '#vault'
import { administrationOf } from './administration.ts'
import { AdminRefusal } from './admin-refusal.ts'
import type { Alarm } from './alarms.ts'
import type { Declaration } from './declarations.ts'
import { daemonsOf } from './daemons.ts'
import { leadOf } from './lead.ts'
import { explanationOf } from './link-explanation.ts'
import { RECENT_BLOCKS_MAX, type RecentBlock, type RecentBlocks } from './recent-blocks.ts'
import { HISTORY_ENTRIES_MAX } from './link-history.ts'
import type { KmeLink } from './kme-link.ts'
import type { LinkRunner } from './link-runner.ts'
import { lifetimeHandlers } from './lifetime-admin.ts'
import { itemView, protectionIn } from './item-view.ts'
import { Judge, keyOriginView } from './judgement.ts'
import { byOf, demoHolder, peopleHandlers, type Asker } from './people.ts'
import { noteKeysOf, proofText } from './proof.ts'
import { accessHandlers } from './access-admin.ts'
import { glassHandlers } from './glass-admin.ts'
import { portableHandlers } from './portable-admin.ts'
import { sealHandlers } from './root-key/seal-admin.ts'
import { trailHandlers } from './trail-admin.ts'
import type { Records } from './records.ts'
import { signOnPlaces } from './sign-on.ts'
import type { SiteParts } from './site.ts'

/** @param asker   the operator at the admin socket, unless somebody has signed in */
export const adminHandlers = (
  parts: SiteParts,
  asker: Asker = { kind: 'operator' },
): Handlers<SiteRoutes> => {
  const { configuration, ports } = parts.options
  const { clock, random } = ports
  const { site, people } = configuration
  const about = { site, ...people, clock, random, places: signOnPlaces(configuration) }
  const by = byOf(asker)
  return {
    ...siteHandlers(parts, by),
    ...networkHandlers(parts, by),
    ...recordHandlers(parts),
    ...lifetimeHandlers(() => recordsOf(parts), asker, clock),
    ...sealHandlers(parts, by),
    ...portableHandlers(() => vaultOf(parts), ports.random, by),
    ...logHandlers(parts),
    ...peopleHandlers(() => recordsOf(parts).desk, asker, about),
    ...trailHandlers({ ...parts, vault: () => vaultOf(parts), actor: by }),
    ...accessHandlers(
      () => {
        const { deciding, clientNamed, desk: people, vault } = recordsOf(parts)
        const { schema = '' } = parts.options.policies ?? {}
        return { deciding, clientNamed, people, vault, schema }
      },
      { by, clock: ports.clock, site: parts.site },
    ),
    ...glassHandlers(
      () => {
        const { glass, desk: people, vault } = recordsOf(parts)
        return { glass, people, vault }
      },
      { asker, clock: ports.clock },
    ),
  }
}

function siteHandlers(parts: SiteParts, by: string) {
  const { alarms, options } = parts
  return {
    status: () => statusOf(parts),
    links: () => Promise.resolve(linksOf(parts)),
    watchLinks: (_query, _body, signal) => watchLinks(parts, signal),
    linkHistory: async ({ link, since, limit }) => {
      const { history } = kmeLinkNamed(parts, link) ?? linkNamed(parts, link)
      const from = wholeOf(since, 0, Number.MAX_SAFE_INTEGER)
      const entries = await history.entries(from, wholeOf(limit, 100, HISTORY_ENTRIES_MAX))
      return { link, totals: history.totals, entries: [...entries] }
    },
    alignLink: ({ link }) => {
      linkNamed(parts, link).alignNow()
      return Promise.resolve({ asked: true })
    },
    releaseLink: ({ link, discard }) => {
      const found = kmeLinkNamed(parts, link)
      if (found !== undefined && parts.declarations.avoided('cut').has(found.peer)) {
        throw new AdminRefusal('NODE_DECLARED', 'The other end is declared compromised: pardon it')
      }
      if (found !== undefined) return found.release({ discard: discard === 'yes' })
      const why = `The keys of ${linkNamed(parts, link).link} are released by its own sound blocks`
      throw new AdminRefusal('LINK_RELEASES_ITSELF', why)
    },
    switchLink: async ({ link }, { on }) => {
      const { link: subject } = kmeLinkNamed(parts, link) ?? linkNamed(parts, link)
      const edit = { kind: 'enable', subject, isEnabled: on } as const
      await parts.steering.apply(by, () => [edit])
      return { on }
    },
    explainLink: ({ link, block }) => {
      const { blocks, parameters } = linkNamed(parts, link)
      return Promise.resolve(explanationOf(parameters, blockNamed(blocks, block)))
    },
    pools: () => Promise.resolve(poolsOf(parts)),
    administration: () => administrationOf(parts),
    alarms: async ({ after, limit }) => {
      const before = after === undefined ? undefined : uuid(after)
      return (await alarms.newest(wholeOf(limit, 50, 1000), before)).map(alarmView)
    },
    consoleLink: async (_query, wish) => {
      const { configuration, ports } = options
      const about = { profile: configuration.profile, clock: ports.clock }
      const holder = wish && (await demoHolder(recordsOf(parts).desk, wish.as, about))
      const url = options.newConsoleLink?.(holder ?? undefined)
      if (url !== undefined) return { url }
      const why = 'The site has no console: set "consoleListener" in photonward.json'
      throw new AdminRefusal('CONSOLE_ABSENT', why)
    },
    stop: () => {
      options.onStop()
      return Promise.resolve({ stopping: true })
    },
  } satisfies Partial<Handlers<SiteRoutes>>
}

function networkHandlers(parts: SiteParts, by: string) {
  const { compromise, declarations, memory } = parts
  return {
    network: () => Promise.resolve(networkOf(parts)),
    compromise: (_query, { nodes, breaksWrap = false, dryRun = false, cutLast = false }) =>
      compromise.declare({ nodes, breaksWrap, dryRun, cutLast, actor: by }),
    pardon: async (_query, { nodes }) => {
      const standing = await compromise.pardon(nodes, by)
      return { standing: standing.map(declarationView) }
    },
    keyOrigin: async ({ key }) => {
      const found = await memory.find(keyId(key))
      if (found !== undefined) return keyOriginView(found, declarations.adversaryOf(found.at))
      throw new AdminRefusal('KEY_UNKNOWN', 'No session of this site has had a key of that key_ID')
    },
  } satisfies Partial<Handlers<SiteRoutes>>
}

const linksOf = ({ links, kmeLinks }: SiteParts): LinkView[] =>
  [...links, ...kmeLinks].map((link) => link.view())

const kmeLinkNamed = ({ kmeLinks }: SiteParts, name: string): KmeLink | undefined =>
  kmeLinks.find(({ link }) => link === name)

/** @param name   epoch and sequence; the last block if left out. @throws AdminRefusal */
function blockNamed(blocks: RecentBlocks, name: string | undefined): RecentBlock {
  const found = name === undefined ? blocks.last : blocks.named(name)
  if (found !== undefined) return found
  if (blocks.last === undefined) {
    throw new AdminRefusal('BLOCK_PENDING', 'No block of the link has ended yet')
  }
  const kept = `the ${String(RECENT_BLOCKS_MAX)} newest blocks since the daemon began`
  throw new AdminRefusal('BLOCK_UNKNOWN', `Expected one of ${kept}`)
}

/** A link with optics of its own. @throws AdminRefusal */
function linkNamed(parts: SiteParts, name: string): LinkRunner {
  const link = parts.links.find((one) => one.link === name)
  if (link !== undefined) return link
  if (kmeLinkNamed(parts, name) !== undefined) {
    const why = "Optics and blocks of that link are the vendor's, and not known here"
    throw new AdminRefusal('LINK_WITHOUT_OPTICS', why)
  }
  throw new AdminRefusal('LINK_UNKNOWN', 'This site has no link of that name')
}

function recordHandlers(parts: SiteParts) {
  const { clock } = parts.options.ports
  return {
    importRecords: async (_query, octets) => {
      const begun = clock.monotonicMs()
      const outcome = await vaultOf(parts).importRecords(octets, { actor: OPERATOR })
      const milliseconds = clock.monotonicMs() - begun
      return { ...outcome, patients: [...outcome.patients], milliseconds } satisfies ImportView
    },
    patients: async ({ after, limit }) => {
      const page = { limit: wholeOf(limit, 100, 1000) }
      const asked = after === undefined ? page : { ...page, after: uuid(after) }
      return (await vaultOf(parts).patients(asked)).map(patientView)
    },
    findPatient: async (_query, { system, value }) => {
      const identifier = system === undefined ? { value } : { system, value }
      const found = await vaultOf(parts).findPatient(identifier, { actor: OPERATOR })
      return patientsNamed(parts, new Set(found))
    },
    items: ({ patient }) => itemsOf(parts, patient),
    readRecord: async function* ({ patient }) {
      for await (const { text } of vaultOf(parts).readPatient(uuid(patient), { actor: OPERATOR })) {
        yield { resource: text }
      }
    },
    send: async (_query, { patient, to, mode, dataClass = 'clinical' }) =>
      transferView(
        judgeOf(parts),
        await exchangeOf(parts).send({
          patient: uuid(patient),
          to: siteId(to),
          mode,
          dataClass,
          actor: OPERATOR,
        }),
      ),
    transfers: async ({ limit }) =>
      await viewsOf(judgeOf(parts), await exchangeOf(parts).newest(wholeOf(limit, 50, 1000))),
    transfer: async ({ transfer }) =>
      transferView(judgeOf(parts), await exchangeOf(parts).transfer(transfer)),
  } satisfies Partial<Handlers<SiteRoutes>>
}

/** @throws AdminRefusal `SITE_KEEPS_NO_RECORDS` at a trusted node */
function recordsOf({ records, site }: SiteParts): Records {
  if (records !== undefined) return records
  const why = `${site} is a trusted node: it keeps no records and sends none`
  throw new AdminRefusal('SITE_KEEPS_NO_RECORDS', why)
}

const vaultOf = (parts: SiteParts): Records['vault'] => recordsOf(parts).vault
const exchangeOf = (parts: SiteParts): Records['exchange'] => recordsOf(parts).exchange

function logHandlers(parts: SiteParts) {
  const { audit } = parts
  return {
    entries: async ({ after, before, kind, since, order = 'oldest', limit }) => {
      const entries = await audit.entries(
        {
          ...{ after: indexOf(after, -1), newestFirst: order === 'newest' },
          ...(before !== undefined && { before: indexOf(before, 0) }),
          ...(since !== undefined && { since: indexOf(since, 0) }),
          ...(kind !== undefined && { kind }),
        },
        wholeOf(limit, 100, 1000),
      )
      return entries.map(({ index, event: { at, kind, actor, facts } }) => {
        return { index, at, kind, actor, facts: { ...facts } }
      })
    },
    verify: () => verify(parts),
    receipt: async ({ index }) => ({ receipt: await receiptIn(parts, index) }),
    proof: async ({ index }) => {
      const { log, witnesses } = parts.logKeys
      const receipt = await receiptIn(parts, index)
      return { proof: proofText({ receipt, keys: noteKeysOf(log, witnesses) }) }
    },
    consistency: async ({ from, to }) => {
      const size = (await audit.newest())?.size ?? 0
      const second = wholeOf(to, 0, size)
      const path = await consistencyPath(audit.source, wholeOf(from, 0, second), second)
      return { path: path.map(base64) }
    },
  } satisfies Partial<Handlers<SiteRoutes>>
}

/** @throws AdminRefusal `RECEIPT_PENDING`, AuditRefusal for an index beyond the log */
async function receiptIn({ audit, logKeys }: SiteParts, index: string): Promise<string> {
  const least = Math.min(1, logKeys.witnesses.length)
  const receipt = await receiptOf(audit, indexOf(index, 0), least)
  if (receipt.kind === 'receipt') return receipt.text
  throw new AdminRefusal('RECEIPT_PENDING', 'No witnessed checkpoint covers the entry yet')
}

function networkOf(parts: SiteParts): NetworkView {
  const { site, map, relay, keystore, declarations, options } = parts
  const pairs = relay.views().map(({ peer, reason = null, ways, ...rest }) => {
    const { availableBits } = keystore.pool(peer)
    return { peer, reason, availableBits, ways: ways.map((way) => [...way]), ...rest }
  })
  const declared = declarations.standing.map(declarationView)
  const nodes = (options.configuration.network?.nodes ?? []).map(
    ({ site: node, title = '', kind, relays, place = null }) => {
      return { site: node, title, kind, relays, place }
    },
  )
  return { site, declared, isolated: [...map.isolated], pairs, nodes, links: map.view() }
}

async function statusOf(parts: SiteParts): Promise<StatusView> {
  const { site, options, startedAt, records, audit, alarms, keeper, peers } = parts
  const { folder, engine, listeners } = options.surroundings()
  const { patients, items } = (await records?.vault.count()) ?? { patients: 0, items: 0 }
  const checkpoint = await audit.newest()
  return {
    site,
    version: options.version,
    profile: options.configuration.profile,
    role: options.configuration.role,
    startedAt,
    at: options.ports.clock.now(),
    folder,
    engine,
    listeners: listeners.map((one) => ({ ...one })),
    daemons: await daemonViews(parts),
    peers: options.configuration.peers.map((peer) => ({
      site: peer.site,
      connected: peers.isConnected(siteId(peer.site)),
    })),
    links: linksOf(parts),
    pools: poolsOf(parts),
    patients,
    items,
    logEntries: await audit.size(),
    checkpointSize: checkpoint?.size ?? 0,
    witnesses: [...keeper.cosigned].map(([witness, size]) => ({ site: witness, size })),
    transfersWaiting: (await records?.exchange.openCount()) ?? 0,
    scrubbed: records?.scrub.last ?? null,
    alarms: alarms.standing.map(alarmView),
  }
}

async function daemonViews({ site, options }: SiteParts): Promise<StatusView['daemons']> {
  const { store, clock } = options.ports
  if (options.configuration.daemons.length === 0) return []
  const lead = await leadOf(store, site)
  const now = clock.now()
  return (await daemonsOf(store, site)).map(({ name, run, since, until }) => {
    return { name, since, leads: run === lead?.run, serving: until > now }
  })
}

async function* watchLinks(parts: SiteParts, signal: AbortSignal): AsyncGenerator<LinkView[]> {
  while (!signal.aborted) {
    yield linksOf(parts)
    await pauseOf(parts.options.ports.clock, WATCH_MS, signal)
  }
}

function pauseOf(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(ms, resolve)
  signal.addEventListener('abort', () => {
    cancel()
    resolve()
  })
  return promise
}

const poolsOf = ({ keystore }: SiteParts): PoolView[] =>
  keystore.peers.map((peer) => {
    const { applicationBits, links, ...rest } = keystore.pool(peer)
    const { heldBlocks, peerBits, waitingKeys, pendingVoids } = rest
    const application = keystore.storedKeys(peer, KEY_BITS)
    return {
      ...{ peer, availableBits: applicationBits, availableKeys: application, heldBlocks },
      serving: links.some(({ quarantine }) => quarantine === undefined),
      ready: {
        application,
        emergency: keystore.storedKeys(peer, KEY_BITS, 'emergency'),
        own: keystore.storedKeys(peer, KEY_BITS, 'relay'),
      },
      ...{ peerBits, waitingKeys, pendingVoids },
      links: links.map(({ link, availableBits, heldBlocks: held, quarantine = null }) => {
        return { link, availableBits, heldBlocks: held, quarantine }
      }),
    }
  })

async function patientsNamed(
  parts: SiteParts,
  wanted: ReadonlySet<string>,
): Promise<PatientView[]> {
  const found: PatientView[] = []
  for (const patient of wanted) {
    const [entry] = await vaultOf(parts).patients({ at: uuid(patient) })
    found.push(patientView(entry))
  }
  return found
}

async function* itemsOf(parts: SiteParts, patient: string): AsyncGenerator<ItemView> {
  const judge = judgeOf(parts)
  for await (const item of vaultOf(parts).listPatient(uuid(patient), { actor: OPERATOR })) {
    yield await itemView(item, judge)
  }
}

const judgeOf = ({ memory, declarations }: SiteParts): Judge => Judge.of(memory, declarations)

const declarationView = ({ node, at, breaksWrap, cut }: Declaration): DeclarationView => ({
  ...{ node, at, breaksWrap, cut },
})

const patientView = ({ patient, items, origin, since }: PatientEntry): PatientView => ({
  patient,
  items,
  origin,
  since,
})

async function viewsOf(judge: Judge, some: readonly Transfer[]): Promise<TransferView[]> {
  const views: TransferView[] = []
  for (const one of some) views.push(await transferView(judge, one))
  return views
}

async function transferView(judge: Judge, transfer: Transfer): Promise<TransferView> {
  const { protection, patient } = transfer
  const { direction, peer, mode, state, reason, items, itemsDone, octets, createdAt } = transfer
  return {
    transfer: transfer.transfer,
    ...{ direction, peer, mode, state, reason, items, itemsDone, octets, createdAt },
    patient: patient ?? null,
    finishedAt: transfer.finishedAt ?? null,
    protection:
      protection === undefined ? null : await judge.view(protectionIn(protection), [peer]),
  }
}

const alarmView = ({ id, at, kind, severity, subject, message, clearedAt }: Alarm): AlarmView => ({
  ...{ id, at, kind, severity, subject, message },
  clearedAt: clearedAt ?? null,
})

/** Log, records and keys, one after the other; the last line sums up. */
async function* verify({
  audit,
  logKeys,
  records,
  keystore,
}: SiteParts): AsyncGenerator<FindingView> {
  const checked: Record<string, number> = {}
  const entriesInDoubt = new Set<number>()
  let faults = 0
  for await (const finding of verifyLog(audit.source, logKeys)) {
    if (finding.kind === 'done') {
      faults += finding.faults
      Object.assign(checked, finding.checked)
    } else yield finding
    const index = finding.kind === 'fault' ? /^entry (\d+)$/.exec(finding.place)?.[1] : undefined
    if (index !== undefined) entriesInDoubt.add(Number(index))
  }
  for await (const finding of records?.vault.scrub({ entriesInDoubt }) ?? []) {
    if (finding.kind === 'done') {
      faults += finding.faults
      for (const [part, count] of Object.entries(finding.checked)) checked[`record ${part}`] = count
    } else yield { ...finding, part: `record ${finding.part}` }
  }
  for await (const finding of keystore.scrub()) {
    if (finding.kind === 'progress') {
      checked['key segments'] = finding.done
      yield { ...finding, part: 'key segments' }
      continue
    }
    faults++
    const { link, epoch, sequence, segment, problem } = finding
    const block = `${link} block ${String(epoch)}/${String(sequence)}`
    const place = segment === undefined ? block : `${block} segment ${String(segment)}`
    yield { kind: 'fault', part: 'key segments', place, problem }
  }
  yield { kind: 'done', faults, checked }
}

function wholeOf(text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= -1 && value <= most) return value
  throw new AdminRefusal('QUERY_INVALID', `Expected a whole number of at most ${String(most)}`)
}

const indexOf = (text: string | undefined, otherwise: number): number =>
  wholeOf(text, otherwise, Number.MAX_SAFE_INTEGER)

const OPERATOR = 'operator'
const KEY_BITS = 256
const WATCH_MS = 1000
