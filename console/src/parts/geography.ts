/**
 * Land and borders for the map, from the public-domain Natural Earth data; loaded when a map is.
 *
 * @module
 */

import { geoMercator, geoPath } from 'd3-geo'
import { feature, mesh } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import atlas from 'world-atlas/countries-50m.json'

const topology = atlas as unknown as Topology<{
  countries: GeometryCollection
  land: GeometryCollection
}>

export interface Place {
  readonly latitude: number
  readonly longitude: number
}

export interface Drawn {
  readonly land: string
  readonly borders: string
  readonly at: (place: Place) => readonly [number, number]
}

/** Fits all places into a picture of so many units. */
export function drawnAround(
  places: readonly Place[],
  [width, height]: readonly [number, number],
): Drawn {
  const coordinates = places.map(({ longitude, latitude }): [number, number] => [
    longitude,
    latitude,
  ])
  const projection = geoMercator()
  const inner: [[number, number], [number, number]] = [
    [width * MARGIN, height * MARGIN],
    [width * (1 - MARGIN), height * (1 - MARGIN)],
  ]
  projection.fitExtent(inner, { type: 'MultiPoint', coordinates })
  // One town fills no picture: the outlines are too coarse for it.
  if (projection.scale() > SCALE_MAX) {
    const centre = projection.invert?.([width / 2, height / 2]) ?? coordinates[0]
    projection
      .scale(SCALE_MAX)
      .center(centre)
      .translate([width / 2, height / 2])
  }
  projection.clipExtent([
    [0, 0],
    [width, height],
  ])
  const path = geoPath(projection)
  return {
    land: path(feature(topology, topology.objects.land)) ?? '',
    borders: path(mesh(topology, topology.objects.countries, (a, b) => a !== b)) ?? '',
    at: ({ longitude, latitude }) => projection([longitude, latitude]) ?? [0, 0],
  }
}

/** Left free on each side, as a share. */
const MARGIN = 0.22
/** About 200 km across the picture. */
const SCALE_MAX = 22_000
