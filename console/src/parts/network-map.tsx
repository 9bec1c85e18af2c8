/**
 * The network where it lies: land, borders, and the places of its sites.
 *
 * @module
 */

import { useMemo, type ComponentProps } from 'react'
import { spaced } from '../network-model.ts'
import { drawnAround, type Place } from './geography.ts'
import { NetworkPicture, usePictureSize, type Point } from './network-picture.tsx'

export function NetworkMap({
  places,
  ...about
}: { readonly places: ReadonlyMap<string, Place> } & Omit<
  ComponentProps<typeof NetworkPicture>,
  'points' | 'children'
>) {
  const size = usePictureSize()
  const drawn = useMemo(() => drawnAround([...places.values()], size), [places, size])
  const points = useMemo(
    () =>
      spaced(
        new Map([...places].map(([site, place]): [string, Point] => [site, drawn.at(place)])),
        NAME,
      ),
    [places, drawn],
  )
  return (
    <NetworkPicture {...about} points={points}>
      <path d={drawn.land} className="land" />
      <path d={drawn.borders} className="border" />
    </NetworkPicture>
  )
}

/** Room for a site and its name. */
const NAME = { across: 78, down: 44 }
