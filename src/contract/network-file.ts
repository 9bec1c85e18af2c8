/**
 * A network as a file: places, links and who wants keys with whom, each figure with its source.
 *
 * The same file is planned, drawn, simulated and run as processes. It holds no secret and no
 * address. What it says of a link is what an installer could measure: length, loss, stray light.
 *
 * @module
 */

import { door, Exactly, OneOf, Refusal, Text, Type, Whole, type Static } from '#base'

/** Long enough for a town, short enough that two of them name a link. */
const Name = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,27}[a-z0-9])?$' })
/** Where a figure comes from: a publication, how it was computed, or that it is assumed. */
const Source = Text(400, 1)
const figureOf = (minimum: number, maximum: number) =>
  Exactly({ value: Type.Number({ minimum, maximum }), source: Source })

const NodeShape = Exactly({
  site: Name,
  title: Text(120, 1),
  kind: OneOf('hospital', 'trusted-node'),
  /** Whether it passes on keys of others; left out, it does. */
  relays: Type.Optional(Type.Boolean()),
  place: Exactly({
    latitude: Type.Number({ minimum: -90, maximum: 90 }),
    longitude: Type.Number({ minimum: -180, maximum: 180 }),
    source: Source,
  }),
})

const LinkShape = Exactly({
  /** The transmitter's site, and the receiver's; the link is named after both. */
  a: Name,
  b: Name,
  medium: OneOf('fibre', 'air'),
  /** Devices, by the name of a link preset; length and loss below replace those of the preset. */
  preset: Text(64, 1),
  lengthKm: figureOf(0.001, 2000),
  lossDb: figureOf(0, 80),
  /** Stray light of one detector in one gate; left out, that of the preset. */
  backgroundProbability: Type.Optional(figureOf(0, 0.1)),
  /** Data on the same fibre, in each direction; adds to the stray light. */
  data: Type.Optional(
    Exactly({ channelsEachWay: figureOf(1, 96), receivedDbm: figureOf(-60, 20) }),
  ),
  /** The secret key rate that was published for the link. */
  publishedSecretBitsPerSecond: Type.Optional(figureOf(0, 1e10)),
})

export const NetworkFileShape = Exactly({
  name: Name,
  title: Text(200, 1),
  remarks: Type.Array(Text(600, 1), { maxItems: 32 }),
  nodes: Type.Array(NodeShape, { minItems: 2, maxItems: 256 }),
  links: Type.Array(LinkShape, { minItems: 1, maxItems: 1024 }),
  /** Who wants keys with whom: shares on so many ways without a common site, and the least of them. */
  pairs: Type.Array(Exactly({ a: Name, b: Name, shares: Whole(1, 8), sharesLeast: Whole(1, 8) }), {
    minItems: 1,
    maxItems: 4096,
  }),
})

export type NetworkFile = Static<typeof NetworkFileShape>
export type NetworkFileNode = NetworkFile['nodes'][number]
export type NetworkFileLink = NetworkFile['links'][number]
export type NetworkFilePair = NetworkFile['pairs'][number]

export class NetworkFileRefusal extends Refusal<'NETWORK_FILE_INVALID'> {
  override readonly name = 'NetworkFileRefusal'
}

/** The name of a link: its transmitter's site and its receiver's. */
export const linkNameOf = ({ a, b }: { readonly a: string; readonly b: string }): string =>
  `${a}-${b}`

const openShape = door(NetworkFileShape, 'network file')

/**
 * Checks a network from outside.
 *
 * @throws ShapeRefusal for a wrong form, NetworkFileRefusal where its members contradict each other
 */
export function openNetworkFile(value: unknown): NetworkFile {
  const file = openShape(value)
  const sites = new Set(file.nodes.map(({ site }) => site))
  if (sites.size < file.nodes.length) throw invalid('A site stands in the network twice')
  unequalEnds(file.links, sites, 'link')
  unequalEnds(file.pairs, sites, 'pair')
  for (const { a, b, shares, sharesLeast } of file.pairs) {
    if (sharesLeast > shares)
      throw invalid(`The pair ${a} and ${b} asks for fewer shares than its least`)
  }
  return file
}

function unequalEnds(
  joined: readonly { readonly a: string; readonly b: string }[],
  sites: ReadonlySet<string>,
  what: string,
): void {
  const seen = new Set<string>()
  for (const { a, b } of joined) {
    const name = [a, b].toSorted().join(' and ')
    if (a === b || !sites.has(a) || !sites.has(b)) {
      throw invalid(
        `Expected two different sites of the network at the ends of a ${what}, got ${name}`,
      )
    }
    if (seen.has(name)) throw invalid(`The ${what} of ${name} stands in the network twice`)
    seen.add(name)
  }
}

const invalid = (message: string): NetworkFileRefusal =>
  new NetworkFileRefusal('NETWORK_FILE_INVALID', message)
