/**
 * Links of a network in one form: the own ones as they are, all others as their sites say.
 *
 * Pure; knows no screen.
 *
 * @module
 */

/** A link that ends at this site; members as in `LinkView` of the contract. */
export interface SeenLink {
  readonly link: string
  readonly peer: string
  readonly role: 'transmitter' | 'receiver'
  readonly state: string
  readonly qber: number | null
  readonly secretBitsPerSecond: number
}

/** Blocks of a link that have ended, with key or without. */
export const endedOf = (link: {
  readonly blocksDistilled: number
  readonly blocksDiscarded: Readonly<Record<string, number>>
}): number =>
  Object.values(link.blocksDiscarded).reduce((sum, count) => sum + count, link.blocksDistilled)

/** A link as the sites at its ends say; members as in `NetworkView` of the contract. */
export interface HeardLink {
  readonly link: string
  readonly a: string
  readonly b: string
  readonly status: string
  readonly freeOctets: readonly number[]
  readonly secretBitsPerSecond: number
  readonly qber: number | null
  readonly suspect: boolean
  readonly ageMs: number | null
}

export interface Edge {
  readonly link: string
  readonly a: string
  readonly b: string
  /** Whether it ends at this site, so that it is seen and not heard of. */
  readonly isOwn: boolean
  readonly state: string
  /** `busy`: not yet growing keys, and nothing is wrong. */
  readonly tone: 'well' | 'busy' | 'ill'
  /** Whether its sites have been silent for so long that this is old. */
  readonly isStale: boolean
  /** How old what was heard is; null of an own link, and where nothing was heard yet. */
  readonly ageMs: number | null
  readonly qber: number | null
  readonly secretBitsPerSecond: number
  /** Bits that both ends may still give out; null where this site does not know. */
  readonly freeBits: number | null
}

/** @param own   links of the site as it sees them, which count more than what was said of them */
export function edgesOf(about: {
  readonly site: string
  readonly own: readonly SeenLink[]
  readonly others: readonly HeardLink[]
}): readonly Edge[] {
  const { site, own, others } = about
  const said = new Map(others.map((one) => [one.link, one]))
  const seen = own.map((view): Edge => {
    const heard = said.get(view.link)
    const [a, b] = view.role === 'transmitter' ? [site, view.peer] : [view.peer, site]
    return {
      ...{ link: view.link, a, b, isOwn: true, state: view.state, isStale: false, ageMs: null },
      tone: TONES[view.state] ?? 'ill',
      ...{ qber: view.qber, secretBitsPerSecond: view.secretBitsPerSecond },
      freeBits: heard === undefined ? null : freeIn(heard),
    }
  })
  const names = new Set(own.map(({ link }) => link))
  const far = others
    .filter(({ link }) => !names.has(link))
    .map((heard): Edge => {
      const { link, a, b, suspect, status, ageMs, qber, secretBitsPerSecond } = heard
      const isUnheard = status === 'unheard'
      return {
        ...{ link, a, b, isOwn: false, state: suspect ? 'suspended' : status, ageMs },
        tone: suspect ? 'ill' : (TONES[status] ?? 'ill'),
        isStale: isUnheard || (ageMs !== null && ageMs > HEARD_MS_MAX),
        ...{ qber: isUnheard ? null : qber, secretBitsPerSecond },
        freeBits: isUnheard ? null : freeIn(heard),
      }
    })
  return [...seen, ...far]
}

/** Bits that both ends of a link may still give out. */
export const freeIn = ({ freeOctets }: Pick<HeardLink, 'freeOctets'>): number =>
  freeOctets.reduce((sum, octets) => sum + 8 * octets, 0)

/** A level at one time. */
export interface Level {
  readonly at: number
  readonly bits: number
}

/** By how much a level has grown in a second, over the samples; null over too short a time. */
export function growthOf(samples: readonly Level[]): number | null {
  const [first, last] = [samples.at(0), samples.at(-1)]
  if (first === undefined || last === undefined) return null
  const seconds = (last.at - first.at) / 1000
  return seconds < TREND_SECONDS_LEAST ? null : (last.bits - first.bits) / seconds
}

/** Bits a second that are given out, of a stock that grows by less than what comes; null where nobody can say. */
export const outflowOf = (inflow: number, growth: number | null): number | null =>
  growth === null ? null : Math.max(0, inflow - growth)

/** How long a level lasts: `empty`, `grows`, or so many seconds; null where nobody can say. */
export function forecastOf(
  bits: number | null,
  growth: number | null,
): 'empty' | 'grows' | number | null {
  if (bits === null) return null
  if (bits === 0) return 'empty'
  if (growth === null) return null
  return growth >= 0 ? 'grows' : bits / -growth
}

/** All sites, each next to one that it has a link to where that can be: chains and rings do not cross. */
export function alongLinks(site: string, edges: readonly Edge[]): readonly string[] {
  const next = new Map<string, string[]>([[site, []]])
  for (const { a, b } of edges) {
    next.set(a, [...(next.get(a) ?? []), b])
    next.set(b, [...(next.get(b) ?? []), a])
  }
  const met = new Set<string>()
  const walk = (at: string): void => {
    if (met.has(at)) return
    met.add(at)
    for (const neighbour of next.get(at) ?? []) walk(neighbour)
  }
  const ends = [...next].filter(([, neighbours]) => neighbours.length === 1)
  for (const [end] of ends) walk(end)
  for (const one of next.keys()) walk(one)
  return [...met]
}

/** A place in a picture. */
type Spot = readonly [number, number]

/**
 * Places moved apart until no two are within `across` and `down` of each other, so that neighbours in one
 * town and their names can be told apart. Far places stay where they are.
 */
export function spaced(
  places: ReadonlyMap<string, Spot>,
  { across, down }: { readonly across: number; readonly down: number },
): ReadonlyMap<string, Spot> {
  const spots = new Map([...places].map(([name, [x, y]]) => [name, [x, y] as [number, number]]))
  const all = [...spots.values()]
  for (let round = 0; round < SPACING_ROUNDS; round++) {
    let isMoved = false
    for (const [at, one] of all.entries()) {
      for (const other of all.slice(at + 1))
        isMoved = pushApart(one, other, { across, down }) || isMoved
    }
    if (!isMoved) break
  }
  return spots
}

/** Moves two places apart, each by half, the way that is shorter. @returns whether they were too near */
function pushApart(
  one: [number, number],
  other: [number, number],
  { across, down }: { readonly across: number; readonly down: number },
): boolean {
  const [x, y] = [other[0] - one[0], other[1] - one[1]]
  const [lacksX, lacksY] = [across - Math.abs(x), down - Math.abs(y)]
  if (lacksX <= TOLERANCE || lacksY <= TOLERANCE) return false
  const axis = lacksX / across < lacksY / down ? 0 : 1
  const step = ((axis === 0 ? lacksX : lacksY) / 2) * ((axis === 0 ? x : y) < 0 ? -1 : 1)
  one[axis] -= step
  other[axis] += step
  return true
}

/** Distant pairs and neighbours alike: which ways lead there now. */
export function waysTo(
  peer: string,
  about: {
    readonly site: string
    readonly edges: readonly Edge[]
    readonly pairs: readonly {
      readonly peer: string
      readonly ways: readonly (readonly string[])[]
    }[]
  },
): readonly (readonly string[])[] {
  const pair = about.pairs.find((one) => one.peer === peer)
  if (pair !== undefined) return pair.ways
  const isDirect = about.edges.some(
    ({ a, b }) => (a === about.site && b === peer) || (b === about.site && a === peer),
  )
  return isDirect ? [[about.site, peer]] : []
}

/** Sites on a way that have its share in clear: all but its ends. */
export const heldBetween = (way: readonly string[]): readonly string[] => way.slice(1, -1)

const TONES: Readonly<Partial<Record<string, 'well' | 'busy'>>> = {
  running: 'well',
  recovering: 'well',
  active: 'well',
  starting: 'busy',
  calibrating: 'busy',
  pending: 'busy',
  passive: 'busy',
}
/** Sites say at least every 15 s how their links stand. */
const HEARD_MS_MAX = 35_000
/** Keys come by blocks: over less than this a level only jumps. */
const TREND_SECONDS_LEAST = 45
/** More than a country of hospitals needs. */
const SPACING_ROUNDS = 60
/** Less than anybody sees, in units of a picture. */
const TOLERANCE = 0.5
