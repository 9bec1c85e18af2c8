/**
 * The coast of England, Wales and southern Scotland through some headlands and river mouths, as their
 * coordinates are generally known: so that a map tells where one is. No survey: several kilometres off
 * between its points.
 *
 * @module
 */

import type { Projection } from './map-places.ts'

/** The coast as closed paths, where a map is large enough to show it. */
export function coastWithin({ kmWide, place }: Projection): readonly string[] {
  if (kmWide < LEAST_KM) return []
  const points = HEADLANDS.map(([latitude, longitude]) => place(longitude, latitude))
  return [`M${points.map(({ x, y }) => `${x} ${y}`).join('L')}Z`]
}

const LEAST_KM = 60

/** Latitude north and longitude east, clockwise from the border on the east coast. */
const HEADLANDS: readonly (readonly [number, number])[] = [
  [55.8, -2.0], // Berwick
  [55.0, -1.42], // Tynemouth
  [54.49, -0.61], // Whitby
  [54.12, -0.08], // Flamborough Head
  [53.58, 0.12], // Spurn Head
  [53.15, 0.34], // Skegness
  [52.93, 0.08], // the Wash, west
  [52.8, 0.37], // the Wash, south
  [52.97, 0.55], // Hunstanton
  [52.97, 0.85], // Wells
  [52.93, 1.3], // Cromer
  [52.61, 1.74], // Great Yarmouth
  [52.48, 1.76], // Lowestoft
  [52.08, 1.58], // Orford Ness
  [51.94, 1.32], // Felixstowe
  [51.85, 1.27], // the Naze
  [51.77, 1.08], // Clacton
  [51.62, 0.92], // Foulness
  [51.51, 0.72], // Southend
  [51.46, 0.45], // the Thames, narrow
  [51.44, 0.74], // Sheerness
  [51.36, 1.02], // Whitstable
  [51.38, 1.44], // North Foreland
  [51.13, 1.33], // Dover
  [50.91, 0.97], // Dungeness
  [50.86, 0.58], // Hastings
  [50.73, 0.24], // Beachy Head
  [50.82, -0.14], // Brighton
  [50.72, -0.79], // Selsey Bill
  [50.78, -1.1], // Portsmouth
  [50.85, -1.4], // Southampton Water
  [50.72, -1.57], // Hurst Point
  [50.71, -1.95], // Poole
  [50.59, -1.95], // Swanage
  [50.52, -2.45], // Portland Bill
  [50.71, -2.94], // Lyme Regis
  [50.61, -3.41], // Exmouth
  [50.4, -3.5], // Brixham
  [50.21, -3.65], // Start Point
  [50.33, -4.14], // Plymouth
  [50.33, -4.64], // Fowey
  [50.14, -5.06], // Falmouth
  [49.96, -5.2], // Lizard Point
  [50.07, -5.71], // Land's End
  [50.21, -5.48], // St Ives
  [50.54, -5.03], // Trevose Head
  [51.02, -4.53], // Hartland Point
  [51.21, -4.12], // Ilfracombe
  [51.23, -3.78], // Foreland Point
  [51.21, -3.13], // Hinkley
  [51.35, -2.99], // Weston-super-Mare
  [51.5, -2.72], // Avonmouth
  [51.62, -2.64], // Severn, English bank
  [51.71, -2.45], // Severn, narrow
  [51.6, -2.72], // Severn, Welsh bank
  [51.53, -2.98], // Newport
  [51.38, -3.27], // Barry
  [51.48, -3.71], // Porthcawl
  [51.57, -3.98], // Mumbles
  [51.68, -4.3], // Burry Port
  [51.65, -4.7], // Tenby
  [51.88, -5.31], // St David's Head
  [52.1, -4.68], // Cardigan
  [52.41, -4.09], // Aberystwyth
  [52.79, -4.77], // Braich y Pwll
  [53.2, -4.4], // Menai
  [53.31, -4.63], // Holyhead
  [53.42, -4.3], // Point Lynas, near
  [53.33, -3.83], // Great Orme
  [53.35, -3.32], // Point of Ayr
  [53.44, -3.05], // Liverpool
  [53.82, -3.06], // Blackpool
  [54.05, -2.9], // Morecambe
  [54.05, -3.2], // Walney
  [54.51, -3.63], // St Bees Head
  [54.98, -3.1], // Solway
  [54.63, -4.86], // Mull of Galloway
  [55.44, -4.64], // Ayr
  [55.95, -4.75], // Greenock
  [56.0, -3.4], // the Forth
  [56.0, -2.5], // Dunbar
]
