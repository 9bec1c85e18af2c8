/**
 * Where sites stand on a map: a plain projection, and enough room between them.
 *
 * @module
 */

export interface Placed {
  readonly x: number
  readonly y: number
}

export interface Frame {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

interface Located {
  readonly site: string
  readonly latitude: number
  readonly longitude: number
}

export interface Projection {
  readonly pixelsPerKm: number
  /** How much ground the frame shows from west to east. */
  readonly kmWide: number
  readonly place: (longitude: number, latitude: number) => Placed
}

/** Equirectangular about the middle of the sites: true to a part in a hundred within a country. */
export function projectionOf(sites: readonly Located[], frame: Frame): Projection {
  const [west, east] = rangeOf(sites.map(({ longitude }) => longitude))
  const [south, north] = rangeOf(sites.map(({ latitude }) => latitude))
  const [longitude, latitude] = [(west + east) / 2, (south + north) / 2]
  const kmPerLongitude = KM_PER_DEGREE * Math.cos((latitude * Math.PI) / 180)
  const wide = Math.max(LEAST_KM, (east - west) * kmPerLongitude)
  const high = Math.max(LEAST_KM, (north - south) * KM_PER_DEGREE)
  const { left, right, top, bottom } = frame
  const pixelsPerKm = Math.min((right - left) / wide, (bottom - top) / high)
  return {
    pixelsPerKm,
    kmWide: (right - left) / pixelsPerKm,
    place: (lon, lat) => ({
      x: round((left + right) / 2 + (lon - longitude) * kmPerLongitude * pixelsPerKm),
      y: round((top + bottom) / 2 - (lat - latitude) * KM_PER_DEGREE * pixelsPerKm),
    }),
  }
}

/** Places of all sites; those that would cover each other are pushed apart, within the frame. */
export function placed(
  sites: readonly Located[],
  projection: Projection,
  frame: Frame,
): ReadonlyMap<string, Placed> {
  const home = sites.map(({ longitude, latitude }) => projection.place(longitude, latitude))
  let now = home
  for (let round = 0; round < ROUNDS; round++) {
    now = now.map((one, at) => inside(pushed(one, at, now, home[at]), frame))
  }
  return new Map(sites.map(({ site }, at) => [site, { x: round(now[at].x), y: round(now[at].y) }]))
}

function pushed(one: Placed, at: number, all: readonly Placed[], home: Placed): Placed {
  let [dx, dy] = [(home.x - one.x) * PULL, (home.y - one.y) * PULL]
  for (const [index, other] of all.entries()) {
    if (index === at) continue
    const distance = Math.hypot(one.x - other.x, one.y - other.y)
    if (distance >= ROOM) continue
    // Two sites at one place part in the order of the file.
    const angle =
      distance > 0.01 ? Math.atan2(one.y - other.y, one.x - other.x) : at < index ? 0 : Math.PI
    dx += ((ROOM - distance) / 3) * Math.cos(angle)
    dy += ((ROOM - distance) / 3) * Math.sin(angle)
  }
  return { x: one.x + dx, y: one.y + dy }
}

const inside = ({ x, y }: Placed, { left, right, top, bottom }: Frame): Placed => ({
  x: Math.min(right, Math.max(left, x)),
  y: Math.min(bottom, Math.max(top, y)),
})

const rangeOf = (values: readonly number[]): readonly [number, number] => [
  Math.min(...values),
  Math.max(...values),
]

const round = (value: number): number => Number(value.toFixed(1))

const KM_PER_DEGREE = 111.2
/** A frame never shows less: two sites in one street are not at its ends. */
const LEAST_KM = 1
/** Pixels between two sites, so that marks and words find room. */
const ROOM = 125
const PULL = 0.05
const ROUNDS = 200
