/**
 * What a controller may change, from the request to commands: whether a link grows keys, and which
 * ways the keys of a distant pair prefer.
 *
 * Pure. Everything else in the tree is read-only here: an edit of it is refused, never passed over.
 *
 * @see ETSI GS QKD 015 V2.1.1 (qkdl_enable, virtual links), RFC 8040 §4.4 to §4.7
 * @module
 */

import {
  door,
  Exactly,
  isUuid,
  ShapeRefusal,
  textOf,
  Type,
  uuid,
  UuidText,
  Whole,
  type SiteId,
  type Static,
  type TSchema,
  type Uuid,
} from '#base'
import { SHARES_MAX } from '#relay'
import type { NodeFacts, Pin } from './facts.ts'
import { namesIn } from './names.ts'
import { invalid, RestconfRefusal } from './refusal.ts'
import { isObject, type Step } from './select.ts'
import { identity, NODE_MODULE, VIRT_WAY } from './tree.ts'

/** One change. The subject is the name of a link, or `peerSubject` of a pair. */
export type Edit =
  | { readonly kind: 'enable'; readonly subject: string; readonly isEnabled: boolean }
  | { readonly kind: 'enable-pin'; readonly pin: Uuid; readonly isEnabled: boolean }
  | { readonly kind: 'pin'; readonly pin: Pin; readonly isNew: boolean }
  | { readonly kind: 'unpin'; readonly pin: Uuid }

/** The sites that may be named in a way, and which of them are neighbours. */
export interface EditScene {
  readonly facts: NodeFacts
  readonly sites: readonly SiteId[]
  readonly neighbours: (one: SiteId, other: SiteId) => boolean
}

export interface EditRequest {
  readonly method: 'PATCH' | 'PUT' | 'POST' | 'DELETE'
  /** Below `/restconf/data`. */
  readonly steps: readonly Step[]
  /** The body as text; empty for DELETE. */
  readonly body: Uint8Array
}

/** Subject of the pair that this site has with another one; no link can be named like it. */
export const peerSubject = (peer: SiteId): string => `=${peer}`

/** All changes that a request asks for: all are to be made, or none. @throws RestconfRefusal */
export function editsOf(surroundings: EditScene, request: EditRequest): readonly Edit[] {
  const { method, steps } = request
  const { list, entry, leaf } = targetOf(steps)
  if (method === 'POST') {
    if (list === undefined || entry !== undefined) throw notSupported()
    return created(surroundings, jsonOf(request.body))
  }
  const id = entry === undefined ? undefined : idOf(entry)
  if (method === 'DELETE') {
    if (id === undefined || leaf !== undefined) throw notSupported()
    return deleted(surroundings, id)
  }
  if (id !== undefined && leaf !== undefined) {
    const { [QKDL_ENABLE]: isEnabled } = opened(openLeaf, jsonOf(request.body))
    return [enabling(surroundings, id, isEnabled)]
  }
  if (method === 'PATCH') return patched(surroundings, { list, id }, jsonOf(request.body))
  if (id === undefined) throw notSupported()
  return put(surroundings, id, jsonOf(request.body))
}

/** The levels of a path that can be changed. @throws RestconfRefusal for any other path */
function targetOf(steps: readonly Step[]) {
  const [root, list, entry, leaf] = [steps.at(0), steps.at(1), steps.at(2), steps.at(3)]
  const isPlain = (step: Step | undefined, name: string): boolean =>
    step === undefined || (bare(step.name) === name && step.keys === undefined)
  const isNode = root?.name === `${NODE_MODULE}:qkd_node` && root.keys === undefined
  const isEntry = entry === undefined || bare(entry.name) === 'qkd_link'
  const isLink = isPlain(list, 'qkd_links') && isEntry && isPlain(leaf, 'qkdl_enable')
  if (!isNode || !isLink || steps.length > 4) throw notSupported()
  return { list, entry, leaf }
}

/** Merges what a body says of links, whatever level it begins at. */
function patched(
  surroundings: EditScene,
  { list, id }: { readonly list: Step | undefined; readonly id: Uuid | undefined },
  body: unknown,
): readonly Edit[] {
  const links =
    id !== undefined
      ? opened(openPatchedLink, body)[QKD_LINK]
      : list !== undefined
        ? opened(openPatchedList, body)[QKD_LINKS].qkd_link
        : opened(openPatchedNode, body)[QKD_NODE].qkd_links.qkd_link
  if (new Set(links.map(({ qkdl_id }) => qkdl_id)).size < links.length) {
    throw invalid('A link stands in the body twice')
  }
  return links.map(({ qkdl_id, qkdl_enable }) => {
    if (id !== undefined && qkdl_id !== id)
      throw invalid('qkdl_id differs from the key in the path')
    return enabling(surroundings, uuid(qkdl_id), qkdl_enable)
  })
}

function enabling({ facts }: EditScene, id: Uuid, isEnabled: boolean): Edit {
  const names = namesIn(facts.federation)
  const link = facts.links.find((one) => names.link(one.link) === id)
  if (link !== undefined) return { kind: 'enable', subject: link.link, isEnabled }
  const pair = facts.pairs.find(({ peer }) => names.pair(facts.site, peer) === id)
  if (pair !== undefined) return { kind: 'enable', subject: peerSubject(pair.peer), isEnabled }
  if (facts.pins.some((pin) => pin.id === id)) return { kind: 'enable-pin', pin: id, isEnabled }
  throw notFound()
}

function deleted({ facts }: EditScene, id: Uuid): readonly Edit[] {
  if (facts.pins.some((pin) => pin.id === id)) return [{ kind: 'unpin', pin: id }]
  if (isOwn(facts, id)) {
    const message = 'Only virtual links that a controller has made can be deleted'
    throw new RestconfRefusal('RESTCONF_NOT_SUPPORTED', message)
  }
  throw notFound()
}

function created(surroundings: EditScene, body: unknown): readonly Edit[] {
  const [link] = opened(openVirtual, body)[QKD_LINK]
  const pin = pinOf(surroundings, link)
  const isThere = surroundings.facts.pins.some(({ id }) => id === pin.id)
  if (isThere || isOwn(surroundings.facts, pin.id)) throw exists('A link has this qkdl_id already')
  return [pinned(surroundings, pin)]
}

function put(surroundings: EditScene, id: Uuid, body: unknown): readonly Edit[] {
  if (isOwn(surroundings.facts, id)) {
    const message = 'Of a link that stands by itself only qkdl_enable can be set'
    throw new RestconfRefusal('RESTCONF_NOT_SUPPORTED', message)
  }
  const [link] = opened(openVirtual, body)[QKD_LINK]
  if (link.qkdl_id !== id) throw invalid('qkdl_id differs from the key in the path')
  return [pinned(surroundings, pinOf(surroundings, link))]
}

function pinned({ facts }: EditScene, pin: Pin): Edit {
  const others = facts.pins.filter(({ id }) => id !== pin.id)
  if (others.some(({ peer }) => peer === pin.peer)) {
    throw exists('Another virtual link to this node is there; change or delete that one')
  }
  return { kind: 'pin', pin, isNew: others.length === facts.pins.length }
}

type VirtualLink = Static<typeof VirtualShape>

function pinOf({ facts, sites, neighbours }: EditScene, link: VirtualLink): Pin {
  const names = namesIn(facts.federation)
  const siteOf = (id: string): SiteId => {
    const found = sites.find((site) => names.node(site) === id)
    if (found === undefined) throw invalid('A node of the virtual link is not in the network')
    return found
  }
  const { qkdl_local: local, qkdl_remote: remote, virt_next_hop: hops, [VIRT_WAY]: way } = link
  if (local !== undefined && siteOf(local.qkdn_id) !== facts.site) {
    throw invalid('qkdl_local is another node: the node at which a way begins lays it down')
  }
  const peer = siteOf(remote.qkdn_id)
  const pair = facts.pairs.find((one) => one.peer === peer)
  if (pair === undefined) {
    throw invalid('This node is not configured to have keys relayed to qkdl_remote')
  }
  const vias = viasOf(hops.map(siteOf), way?.map(siteOf))
  if (vias.length > pair.shares) {
    throw invalid(`Keys to qkdl_remote go on ${pair.shares} way(s): no more can be laid down`)
  }
  for (const via of vias) {
    const sitesAlong = [facts.site, ...via]
    const isWay = new Set([...sitesAlong, peer]).size === sitesAlong.length + 1
    const isJoined = via.every((site, index) => neighbours(sitesAlong[index], site))
    if (!isWay || !isJoined) throw invalid('A way goes from neighbour to neighbour, each site once')
  }
  if (new Set(vias.flat()).size < vias.flat().length) {
    throw invalid('Two ways of a virtual link have no site in common')
  }
  return {
    id: uuid(link.qkdl_id),
    ...{ peer, vias, bandwidth: link.virt_bandwidth, isEnabled: link.qkdl_enable ?? true },
  }
}

/** One way for each next hop; the one that the whole way begins with goes on like it. */
function viasOf(
  hops: readonly SiteId[],
  way: readonly SiteId[] | undefined,
): readonly (readonly SiteId[])[] {
  if (way !== undefined && !hops.includes(way[0])) {
    throw invalid('virt_way begins with one of virt_next_hop')
  }
  return hops.map((hop) => (way?.[0] === hop ? way : [hop]))
}

/** Whether a link is there without any controller. */
function isOwn({ federation, site, links, pairs }: NodeFacts, id: Uuid): boolean {
  const names = namesIn(federation)
  const ids = [
    ...links.map(({ link }) => names.link(link)),
    ...pairs.map(({ peer }) => names.pair(site, peer)),
  ]
  return ids.includes(id)
}

function idOf({ keys }: Step): Uuid {
  if (keys?.length === 1 && isUuid(keys[0])) return uuid(keys[0])
  throw invalid('qkd_link has one key, a UUID')
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(body))
  } catch {
    throw new RestconfRefusal('RESTCONF_MALFORMED', 'The body is not JSON')
  }
}

function opened<T>(open: (value: unknown) => T, body: unknown): T {
  try {
    return open(body)
  } catch (error) {
    if (!(error instanceof ShapeRefusal) || !isObject(body)) {
      throw invalid('The body is not the object that is expected here')
    }
    // The message names the member, never its value.
    throw invalid(error.message)
  }
}

const bare = (name: string): string =>
  name.startsWith(`${NODE_MODULE}:`) ? name.slice(NODE_MODULE.length + 1) : name

const notSupported = () =>
  new RestconfRefusal('RESTCONF_NOT_SUPPORTED', 'This resource cannot be changed here')
const notFound = () =>
  new RestconfRefusal('RESTCONF_NOT_FOUND', 'This node has no link with this qkdl_id')
const exists = (message: string) => new RestconfRefusal('RESTCONF_EXISTS', message)

const QKD_NODE = `${NODE_MODULE}:qkd_node`
const QKD_LINKS = `${NODE_MODULE}:qkd_links`
const QKD_LINK = `${NODE_MODULE}:qkd_link`
const QKDL_ENABLE = `${NODE_MODULE}:qkdl_enable`

/** Links that one request may change. */
const EDITS_MAX = 256
/** Sites of a way between its ends. */
export const WAY_SITES_MAX = 64

const one = <S extends TSchema>(shape: S, most = 1) =>
  Type.Array(shape, { minItems: 1, maxItems: most })
const PatchShape = Exactly({ qkdl_id: UuidText, qkdl_enable: Type.Boolean() })
const NodeShape = Exactly({ qkdn_id: UuidText })
const VirtualShape = Exactly({
  qkdl_id: UuidText,
  qkdl_enable: Type.Optional(Type.Boolean()),
  qkdl_local: Type.Optional(NodeShape),
  qkdl_remote: NodeShape,
  qkdl_type: Type.Literal(identity('VIRT')),
  virt_next_hop: Type.Array(UuidText, { minItems: 1, maxItems: SHARES_MAX, uniqueItems: true }),
  virt_bandwidth: Type.Optional(Whole(0, 2 ** 32 - 1)),
  [VIRT_WAY]: Type.Optional(Type.Array(UuidText, { minItems: 1, maxItems: WAY_SITES_MAX })),
})

const what = 'link'
const openLeaf = door(Exactly({ [QKDL_ENABLE]: Type.Boolean() }), what)
const openVirtual = door(Exactly({ [QKD_LINK]: one(VirtualShape) }), what)
const openPatchedLink = door(Exactly({ [QKD_LINK]: one(PatchShape) }), what)
const Links = Exactly({ qkd_link: one(PatchShape, EDITS_MAX) })
const openPatchedList = door(Exactly({ [QKD_LINKS]: Links }), what)
const openPatchedNode = door(Exactly({ [QKD_NODE]: Exactly({ qkd_links: Links }) }), what)
