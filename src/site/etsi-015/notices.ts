/**
 * What is worth telling a controller: the difference between two looks at a site, as notifications.
 *
 * Pure. A look every few seconds misses what came and went between two; alarms and the log have it.
 *
 * @see ETSI GS QKD 015 V2.1.1 (notifications)
 * @module
 */

import type { Uuid } from '#base'
import type { AlarmFacts, ApplicationFacts, NodeFacts, PairFacts } from './facts.ts'
import { namesIn, type Names } from './names.ts'
import {
  identity,
  interfaceStatus,
  linkStatus,
  NODE_MODULE,
  pairStatus,
  performanceOf,
  pinStatus,
  qberOf,
  type YangObject,
} from './tree.ts'

/** What was last told of each link, so that rates are told only when they have changed. */
export interface Told {
  readonly facts: NodeFacts
  readonly rates: ReadonlyMap<Uuid, { readonly atMs: number; readonly performance: YangObject }>
}

/** The first look: nothing to tell yet. */
export const firstLook = (facts: NodeFacts): Told => ({ facts, rates: new Map() })

/** What has changed since, each by the name of its notification. */
export function noticesOf(
  before: Told,
  facts: NodeFacts,
  nowMs: number,
): { readonly told: Told; readonly notices: readonly YangObject[] } {
  const names = namesIn(facts.federation)
  const rates = new Map(before.rates)
  const notices = [
    ...applicationNotices(before.facts, facts, names),
    ...linkNotices(before.facts, facts, names),
    ...pairNotices(before.facts, facts, names),
    ...alarmNotices(before.facts, facts, names),
    ...performanceNotices(facts, names, { rates, nowMs }),
  ]
  return { told: { facts, rates }, notices }
}

function applicationNotices(before: NodeFacts, facts: NodeFacts, names: Names): YangObject[] {
  const idOf = ({ server, clients }: ApplicationFacts): Uuid => names.application(server, clients)
  const wereOn = new Set(before.applications.filter(({ isOn }) => isOn).map(idOf))
  const areOn = new Set(facts.applications.filter(({ isOn }) => isOn).map(idOf))
  const fresh = facts.applications.filter((one) => one.isOn && !wereOn.has(idOf(one)))
  return [
    ...fresh.map(({ server, clients, isInternal }) =>
      notice('sdqkdn_application_new', 'qkd_application', {
        app_type: identity(isInternal ? 'INTERNAL' : 'CLIENT'),
        server_app_id: `photonward:sae:${server}`,
        client_app_id: clients.map((client) => `photonward:sae:${client}`),
        app_priority: 0,
        local_qkdn_id: names.node(facts.site),
      }),
    ),
    ...[...wereOn]
      .filter((id) => !areOn.has(id))
      .map((id) => notice('sdqkdn_application_disconnected', 'qkd_application', { app_id: id })),
  ]
}

function linkNotices(before: NodeFacts, facts: NodeFacts, names: Names): YangObject[] {
  return facts.links.flatMap((link) => {
    const old = before.links.find((one) => one.link === link.link)
    if (old === undefined) return []
    const failed = interfaceStatus(link) === 'FAILED' && interfaceStatus(old) !== 'FAILED'
    const { interfaceId: qkdi_id } = link
    const reason = link.reason === '' ? link.state : link.reason
    return [
      ...(failed
        ? [notice('sdqkdn_interface_down', 'qkd_interface', { qkdi_id, reason: link.reason })]
        : []),
      ...turned(names.link(link.link), { old: linkStatus(old), now: linkStatus(link), reason }),
    ]
  })
}

function pairNotices(before: NodeFacts, facts: NodeFacts, names: Names): YangObject[] {
  const pairs = facts.pairs.flatMap((pair) => {
    const old = before.pairs.find(({ peer }) => peer === pair.peer)
    if (old === undefined) return []
    const id = names.pair(facts.site, pair.peer)
    const reason = pair.isEnabled ? 'no-keys-relayed' : 'disabled'
    return turned(id, { old: pairStatus(old), now: pairStatus(pair), reason })
  })
  const pins = facts.pins.flatMap((pin) => {
    const of = ({ pairs: all }: NodeFacts): PairFacts | undefined =>
      all.find(({ peer }) => peer === pin.peer)
    const old = before.pins.find(({ id }) => id === pin.id)
    if (old === undefined) return []
    const reason = pin.isEnabled ? 'other-ways-taken' : 'disabled'
    const [was, now] = [pinStatus(old, of(before)), pinStatus(pin, of(facts))]
    return turned(pin.id, { old: was, now, reason })
  })
  return [...pairs, ...pins]
}

/** A link that was active and is not is down; any other turn is an event. */
function turned(
  qkdl_id: Uuid,
  { old, now, reason }: { readonly old: string; readonly now: string; readonly reason: string },
): YangObject[] {
  if (old === now) return []
  if (old === 'ACTIVE') return [notice('sdqkdn_link_down', 'qkd_link', { qkdl_id, reason })]
  const message = `${old.toLowerCase()} before`
  const link = { qkdl_id, qkdl_status: identity(now), message, severity: identity('MINOR') }
  return [notice('event', 'link', link)]
}

function alarmNotices(before: NodeFacts, facts: NodeFacts, names: Names): YangObject[] {
  const idOf = ({ id }: AlarmFacts): Uuid => id
  const old = new Set(before.alarms.map(idOf))
  const now = new Set(facts.alarms.map(idOf))
  const raised = facts.alarms.filter(({ id }) => !old.has(id))
  const cleared = before.alarms.filter(({ id }) => !now.has(id))
  return [
    ...raised.flatMap((alarm) => alarmNotice('alarm', alarm, { facts, names })),
    ...cleared.flatMap((alarm) =>
      alarmNotice('event', { ...alarm, message: 'the alarm has ended' }, { facts, names }),
    ),
  ]
}

/** Of links and of pairs with other sites; the model has no place for alarms of a node itself. */
function alarmNotice(
  name: 'alarm' | 'event',
  { kind, subject, message, isCritical }: AlarmFacts,
  { facts, names }: { readonly facts: NodeFacts; readonly names: Names },
): YangObject[] {
  const link = facts.links.find((one) => one.link === subject)
  const pair = facts.pairs.find((one) => one.peer === subject)
  const about = [
    ...(link === undefined ? [] : [[names.link(link.link), linkStatus(link)]]),
    ...(pair === undefined ? [] : [[names.pair(facts.site, pair.peer), pairStatus(pair)]]),
  ]
  return about.map(([qkdl_id, status]) =>
    notice(name, 'link', {
      ...{ qkdl_id, qkdl_status: identity(status), message: `${kind}: ${message}` },
      severity: identity(isCritical ? 'MAJOR' : 'MINOR'),
    }),
  )
}

/** Rates of links that have changed by much, and links that are asked for more than they make. */
function performanceNotices(
  facts: NodeFacts,
  names: Names,
  { rates, nowMs }: { rates: Map<Uuid, { atMs: number; performance: YangObject }>; nowMs: number },
): YangObject[] {
  const physical = facts.links.map((link) => ({
    ...{ id: names.link(link.link), isActive: linkStatus(link) === 'ACTIVE' },
    common: performanceOf(facts, link.peer, link.secretBitsPerSecond),
    quality: qberOf(link.qber),
  }))
  const virtual = facts.pairs.map((pair) => ({
    ...{ id: names.pair(facts.site, pair.peer), isActive: pairStatus(pair) === 'ACTIVE' },
    common: performanceOf(facts, pair.peer, pair.bitsPerSecond),
    quality: {},
  }))
  return [...physical, ...virtual].flatMap(({ id, isActive, common, quality }) => {
    const last = rates.get(id)
    const figures = { ...common, ...quality }
    const isRecent = last !== undefined && nowMs - last.atMs < PERFORMANCE_MS
    if (!isActive || isRecent || isLike(figures, last?.performance)) return []
    rates.set(id, { atMs: nowMs, performance: figures })
    const wasOver = last !== undefined && isOver(last.performance)
    const link = { qkdl_id: id, performance: figures }
    const overloaded = { qkdl_id: id, performance: common }
    return [
      notice('sdqkdn_link_perf_update', 'qkd_link', link),
      ...(isOver(figures) && !wasOver
        ? [notice('sdqkdn_link_overloaded', 'qkd_link', overloaded)]
        : []),
    ]
  })
}

const isOver = ({ expected_consumption: consumption, skr }: YangObject): boolean =>
  Number(consumption) > Number(skr)

/** Whether no rate has changed by a fifth, no error rate by half a per cent, and both suffice alike. */
function isLike(a: YangObject, b: YangObject | undefined): boolean {
  if (b === undefined || isOver(a) !== isOver(b)) return false
  const isNear = ['skr', 'expected_consumption'].every((name) => {
    const [x, y] = [Number(a[name]), Number(b[name])]
    return Math.abs(x - y) <= NEAR * Math.max(x, y, RATE_LEAST)
  })
  return isNear && Math.abs(percentOf(a) - percentOf(b)) < QBER_STEP
}

function percentOf({ phys_perf: list }: YangObject): number {
  const first = Array.isArray(list) ? (list as readonly YangObject[]).at(0) : undefined
  return Number(first?.['value'] ?? 0)
}

const notice = (name: string, container: string, content: YangObject): YangObject => ({
  [`${NODE_MODULE}:${name}`]: { [container]: content },
})

/** Rates of one link are told at most so often. */
const PERFORMANCE_MS = 10_000
const NEAR = 0.2
/** Bits a second below which a change of rate is no news. */
const RATE_LEAST = 256
/** Per cent. */
const QBER_STEP = 0.5
