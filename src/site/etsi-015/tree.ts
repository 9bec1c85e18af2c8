/**
 * A site as the tree of ETSI GS QKD 015: plain data in the JSON encoding of RFC 7951.
 *
 * Pure. Identities carry the name of their module, decimal64 are texts, 32-bit numbers are numbers;
 * the model has none of 64 bits. What we do not know is left out rather than invented: attachment
 * points, wavelengths (the model wants channel numbers), absorption limits, signal-to-noise ratios.
 *
 * @see ETSI GS QKD 015 V2.1.1 (revision 2022-01-30), RFC 7951
 * @module
 */

import { isoTime, type SiteId, type Uuid } from '#base'
import type { ApplicationFacts, QkdLinkFacts, NodeFacts, PairFacts, Pin } from './facts.ts'
import { namesIn, type Names } from './names.ts'

/** Data in the encoding of RFC 7951. */
export type Yang = string | number | boolean | readonly Yang[] | YangObject
export interface YangObject {
  readonly [name: string]: Yang
}

/** The container `qkd_node`. */
export function nodeTree(facts: NodeFacts): YangObject {
  const names = namesIn(facts.federation)
  const context = { facts, names, node: names.node(facts.site) }
  return {
    qkdn_id: context.node,
    qkdn_status: identity(facts.isSound ? 'OPERATING' : 'DOWN'),
    qkdn_version: facts.version,
    qkdn_location_id: facts.site,
    qkdn_capabilities: {
      link_stats_support: true,
      application_stats_support: true,
      key_relay_mode_enable: facts.relays,
    },
    qkd_applications: {
      qkd_app: facts.applications.map((one) => applicationTree(context, one)),
    },
    qkd_interfaces: { qkd_interface: facts.links.map(interfaceTree) },
    qkd_links: {
      qkd_link: [
        ...facts.links.map((one) => linkTree(context, one)),
        ...facts.pairs.map((one) => pairTree(context, one)),
        ...facts.pins.map((one) => pinTree(context, one)),
      ],
    },
  }
}

/** An identity of the module of types. */
export const identity = (name: string): string => `${TYPES}:${name}`

/** A decimal64 of three digits. */
const decimal3 = (value: number): string => value.toFixed(3)

/** A uint32. */
export const uint32Of = (value: number): number =>
  Math.min(2 ** 32 - 1, Math.max(0, Math.round(value)))

interface Context {
  readonly facts: NodeFacts
  readonly names: Names
  readonly node: Uuid
}

function applicationTree({ facts, names, node }: Context, one: ApplicationFacts): YangObject {
  const { server, clients, remote, maxBitsPerSecond: most } = one
  return {
    app_id: names.application(server, clients),
    app_status: identity(one.isOn ? 'ON' : 'DISCONNECTED'),
    app_type: identity(one.isInternal ? 'INTERNAL' : 'CLIENT'),
    server_app_id: saeUri(server),
    client_app_id: clients.map(saeUri),
    app_priority: 0,
    creation_time: isoTime(one.firstAt),
    app_statistics: {
      statistics: one.periods.map(({ from, to, bits }) => ({
        end_time: isoTime(to),
        start_time: isoTime(from),
        consumed_bits: uint32Of(bits),
      })),
    },
    app_qos: most === undefined ? {} : { max_bandwidth: uint32Of(most) },
    backing_qkdl_id: linkIdsTo({ facts, names }, remote),
    local_qkdn_id: node,
    remote_qkdn_id: names.node(remote),
  }
}

/** The links that hold keys shared with a site. */
const linkIdsTo = ({ facts, names }: Pick<Context, 'facts' | 'names'>, peer: SiteId) => [
  ...facts.links.filter((one) => one.peer === peer).map(({ link }) => names.link(link)),
  ...facts.pairs.filter((one) => one.peer === peer).map(() => names.pair(facts.site, peer)),
]

const interfaceTree = (link: QkdLinkFacts): YangObject => ({
  qkdi_id: link.interfaceId,
  qkdi_model: link.model,
  ...(link.isDiscrete === true ? { qkdi_type: identity('DV-QKD') } : {}),
  qkdi_capabilities: { role_support: identity(link.role.toUpperCase()) },
  qkdi_status: identity(interfaceStatus(link)),
})

/** GS QKD 015 qkdi_status. */
export function interfaceStatus({ isEnabled, state, reason }: QkdLinkFacts): string {
  if (!isEnabled) return 'DISABLED'
  return state === 'down' && reason === 'device-away' ? 'FAILED' : 'ENABLED'
}

function linkTree(context: Context, one: QkdLinkFacts): YangObject {
  const { names, node, facts } = context
  return {
    qkdl_id: names.link(one.link),
    qkdl_status: identity(linkStatus(one)),
    qkdl_enable: one.isEnabled,
    qkdl_local: { qkdn_id: node, qkdi_id: one.interfaceId },
    qkdl_remote: { qkdn_id: names.node(one.peer) },
    qkdl_type: identity('PHYS'),
    qkdl_applications: applicationIds(context, one.peer),
    ...(one.lossDb === undefined ? {} : { phys_channel_att: decimal3(one.lossDb) }),
    phys_qkd_role: identity(one.role.toUpperCase()),
    qkdl_performance: {
      ...performanceOf(facts, one.peer, one.secretBitsPerSecond),
      ...qberOf(one.qber),
    },
  }
}

/** Error rates are given in per cent: with three digits a fraction would say little. */
export const qberOf = (qber: number | null): YangObject =>
  qber === null ? {} : { phys_perf: [{ perf_type: identity('QBER'), value: decimal3(qber * 100) }] }

/** GS QKD 015 qkdl_status. */
export function linkStatus({
  state,
  isEnabled,
  storedBits,
}: Pick<QkdLinkFacts, 'state' | 'isEnabled' | 'storedBits'>): string {
  if (isEnabled && (state === 'running' || state === 'degraded')) return 'ACTIVE'
  // Keys of a link under suspicion are there, and cannot be had.
  if (state !== 'suspended' && storedBits > 0) return 'PASSIVE'
  return isEnabled && state !== 'down' && state !== 'suspended' ? 'PENDING' : 'OFF'
}

function pairTree(context: Context, one: PairFacts): YangObject {
  const { names, node, facts } = context
  return {
    qkdl_id: names.pair(facts.site, one.peer),
    qkdl_status: identity(pairStatus(one)),
    qkdl_enable: one.isEnabled,
    qkdl_local: { qkdn_id: node },
    qkdl_remote: { qkdn_id: names.node(one.peer) },
    qkdl_type: identity('VIRT'),
    qkdl_applications: applicationIds(context, one.peer),
    virt_next_hop: one.ways.map((way) => names.node(way[1])),
    qkdl_performance: performanceOf(facts, one.peer, one.bitsPerSecond),
  }
}

/** GS QKD 015 qkdl_status of a virtual link. */
export function pairStatus({ isEnabled, isRelaying, storedBits }: PairFacts): string {
  if (isEnabled && isRelaying) return 'ACTIVE'
  if (storedBits > 0) return 'PASSIVE'
  return isEnabled ? 'PENDING' : 'OFF'
}

function pinTree({ names, node, facts }: Context, pin: Pin): YangObject {
  const pair = facts.pairs.find(({ peer }) => peer === pin.peer)
  const long = pin.vias.find((via) => via.length > 1)
  return {
    qkdl_id: pin.id,
    qkdl_status: identity(pinStatus(pin, pair)),
    qkdl_enable: pin.isEnabled,
    qkdl_local: { qkdn_id: node },
    qkdl_remote: { qkdn_id: names.node(pin.peer) },
    qkdl_type: identity('VIRT'),
    virt_next_hop: pin.vias.map((via) => names.node(via[0])),
    ...(pin.bandwidth === undefined ? {} : { virt_bandwidth: pin.bandwidth }),
    ...(long === undefined ? {} : { [VIRT_WAY]: long.map((site) => names.node(site)) }),
  }
}

/** Whether keys go on the ways that a controller prefers. */
export function pinStatus(pin: Pin, pair: PairFacts | undefined): string {
  if (!pin.isEnabled) return 'OFF'
  const ways = pair?.ways ?? []
  const isTaken = pin.vias.every((via) =>
    ways.some((way) => via.every((site, at) => way[at + 1] === site)),
  )
  return isTaken && pair !== undefined && pairStatus(pair) === 'ACTIVE' ? 'ACTIVE' : 'PENDING'
}

const applicationIds = ({ facts, names }: Context, peer: SiteId): readonly Uuid[] =>
  facts.applications
    .filter(({ remote }) => remote === peer)
    .map(({ server, clients }) => names.application(server, clients))

/** Rates of a link; what several links to one site serve together is divided evenly among them. */
export function performanceOf(
  { applications, links }: Pick<NodeFacts, 'applications' | 'links'>,
  peer: SiteId,
  rate: number,
): YangObject {
  const there = applications.filter(({ remote }) => remote === peer)
  const sharers = Math.max(1, links.filter((one) => one.peer === peer).length)
  const sum = (of: readonly ApplicationFacts[]): number =>
    of.reduce((total, { bitsPerSecond }) => total + bitsPerSecond, 0) / sharers
  const internal = sum(there.filter(({ isInternal }) => isInternal))
  return {
    expected_consumption: uint32Of(sum(there)),
    skr: uint32Of(rate),
    eskr: uint32Of(rate - internal),
  }
}

const saeUri = (sae: string): string => `photonward:sae:${sae}`

/** Modules of the standard; our own adds to it where it has no word (`spec/`). */
export const NODE_MODULE = 'etsi-qkd-sdn-node'
export const TYPES = 'etsi-qkd-node-types'
export const OWN_MODULE = 'photonward-qkd-control'
/** The whole way of a virtual link that a controller has made. */
export const VIRT_WAY = `${OWN_MODULE}:virt_way`
