/**
 * A network file with something more or something less: fibres, nodes half-way, sites that fail.
 *
 * @module
 */

import {
  linkNameOf,
  NetworkFileRefusal,
  openNetworkFile,
  type NetworkFile,
  type NetworkFileLink,
  type NetworkFileNode,
} from '#contract'
import { fibreBudget, townRoute } from '#optics'

export interface Changed {
  readonly file: NetworkFile
  /** Pairs that have lost an end. */
  readonly pairsLost: readonly string[]
}

/**
 * The file without one site or one link.
 *
 * @param gone  the name of a site, or of a link in either direction
 * @throws NetworkFileRefusal if there is no such thing, or nothing is left to plan
 */
export function without(file: NetworkFile, gone: string): Changed {
  const isLink = (link: NetworkFileLink): boolean =>
    linkNameOf(link) === gone || linkNameOf({ a: link.b, b: link.a }) === gone
  if (file.links.some(isLink)) {
    return { file: { ...file, links: file.links.filter((link) => !isLink(link)) }, pairsLost: [] }
  }
  if (!file.nodes.some(({ site }) => site === gone)) {
    throw invalid(`Expected a site or a link of ${file.name}, got ${gone}`)
  }
  const stays = ({ a, b }: { readonly a: string; readonly b: string }): boolean =>
    a !== gone && b !== gone
  const pairsLost = file.pairs.filter((pair) => !stays(pair)).map(linkNameOf)
  const left = {
    ...file,
    nodes: file.nodes.filter(({ site }) => site !== gone),
    links: file.links.filter(stays),
    pairs: file.pairs.filter(stays),
  }
  if (left.links.length === 0 || left.pairs.length === 0) {
    throw invalid(`Without ${gone} nothing is left of ${file.name} to plan`)
  }
  return { file: left, pairsLost }
}

/**
 * The file with one more fibre.
 *
 * @param text   two sites with a hyphen between them, a colon and the kilometres
 * @throws NetworkFileRefusal if it says something else
 */
export function withFibre(file: NetworkFile, text: string): NetworkFile {
  const [name, km, ...rest] = text.split(':')
  const ends = endsOf(file, name)
  const lengthKm = Number(km)
  if (ends === undefined || rest.length > 0 || !(lengthKm > 0 && lengthKm <= LENGTH_KM_MAX)) {
    throw invalid(`Expected two sites and a length such as bristol-london:120, got ${text}`)
  }
  return openNetworkFile({ ...file, links: [...file.links, newFibre(...ends, lengthKm)] })
}

/** A fibre of a town's usual figures, with the devices of the metropolitan preset. */
export function newFibre(a: string, b: string, lengthKm: number): NetworkFileLink {
  const { totalDb } = fibreBudget({ ...townRoute, lengthKm })
  return {
    ...{ a, b, medium: 'fibre', preset: NEW_LINK_PRESET },
    lengthKm: { value: lengthKm, source: 'as asked for' },
    lossDb: { value: Number(totalDb.toFixed(2)), source: 'computed: fibreBudget of a town route' },
  }
}

/** The file with a trusted node half-way on one link, which becomes two. */
export function withNodeOn(file: NetworkFile, link: NetworkFileLink): NetworkFile {
  const [a, b] = [nodeNamed(file, link.a), nodeNamed(file, link.b)]
  const site = `half-way-${String(file.nodes.length)}`
  const half = {
    ...link,
    lengthKm: { value: link.lengthKm.value / 2, source: 'computed: half of the link' },
    lossDb: { value: link.lossDb.value / 2, source: 'computed: half of the link' },
  }
  const middle: NetworkFileNode = {
    site,
    title: `half-way between ${link.a} and ${link.b}`,
    kind: 'trusted-node',
    place: {
      latitude: (a.place.latitude + b.place.latitude) / 2,
      longitude: (a.place.longitude + b.place.longitude) / 2,
      source: 'computed: the middle',
    },
  }
  return openNetworkFile({
    ...file,
    nodes: [...file.nodes, middle],
    links: [
      ...file.links.filter((one) => one !== link),
      { ...half, b: site },
      { ...half, a: site },
    ],
  })
}

/** Length of a straight line over the ground between two nodes. */
export function straightKm(one: NetworkFileNode, other: NetworkFileNode): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const [lat1, lat2] = [radians(one.place.latitude), radians(other.place.latitude)]
  const half = {
    lat: Math.sin((lat2 - lat1) / 2),
    lon: Math.sin(radians(other.place.longitude - one.place.longitude) / 2),
  }
  const chord = half.lat ** 2 + Math.cos(lat1) * Math.cos(lat2) * half.lon ** 2
  return 2 * EARTH_KM * Math.asin(Math.sqrt(chord))
}

/** Sites may have hyphens in their names, so every hyphen is tried. */
function endsOf({ nodes }: NetworkFile, name: string): readonly [string, string] | undefined {
  const known = new Set(nodes.map(({ site }) => site))
  for (let at = name.indexOf('-'); at >= 0; at = name.indexOf('-', at + 1)) {
    const ends = [name.slice(0, at), name.slice(at + 1)] as const
    if (ends.every((end) => known.has(end))) return ends
  }
  return undefined
}

function nodeNamed({ nodes, name }: NetworkFile, site: string): NetworkFileNode {
  const node = nodes.find((one) => one.site === site)
  if (node === undefined) throw invalid(`There is no site ${site} in ${name}`)
  return node
}

const invalid = (message: string): NetworkFileRefusal =>
  new NetworkFileRefusal('NETWORK_FILE_INVALID', message)

const NEW_LINK_PRESET = 'cambridge-metro'
const LENGTH_KM_MAX = 500
const EARTH_KM = 6371
