/**
 * The network as a map or as a schematic, whichever the address asks for and the site knows.
 *
 * @module
 */

import { Paper, SegmentedControl, Skeleton, Stack } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useMemo } from 'react'
import type { NetworkView } from '#contract'
import { alongLinks, type Edge } from '../network-model.ts'
import { texts } from '../texts.ts'
import { useQuestion } from './address.ts'
import { circleOf, NetworkPicture, usePictureSize } from './network-picture.tsx'

const NetworkMap = lazy(() =>
  import('./network-map.tsx').then((file) => ({ default: file.NetworkMap })),
)

export function Pictured(about: {
  readonly site: string
  readonly edges: readonly Edge[]
  readonly nodes: NetworkView['nodes']
  readonly ways?: readonly (readonly string[])[]
}) {
  const { site, edges, nodes, ways } = about
  const { view } = useQuestion()
  const navigate = useNavigate()
  // Told anew every second, placed once.
  const known = JSON.stringify(nodes)
  const places = useMemo(() => placesIn(JSON.parse(known) as NetworkView['nodes']), [known])
  const sites = alongLinks(site, edges)
  const size = usePictureSize()
  const isMapped = places.size > 1 && sites.every((one) => places.has(one))
  const named = new Map(nodes.map((node) => [node.site, node]))
  const shown = {
    ...{ site, edges },
    titleOf: (name: string) => shortOf(named.get(name)?.title ?? '', name),
    isTrustedNode: (name: string) => named.get(name)?.kind === 'trusted-node',
    ...(ways !== undefined && { ways }),
  }
  const isMap = isMapped && view !== 'schematic'
  return (
    <Paper withBorder p="sm">
      <Stack gap="xs">
        {isMapped && (
          <SegmentedControl
            w="fit-content"
            size="xs"
            value={isMap ? 'map' : 'schematic'}
            data={[
              { value: 'map', label: texts.network.asMap },
              { value: 'schematic', label: texts.network.asSchematic },
            ]}
            onChange={(value) =>
              void navigate({
                to: '.',
                search: (before: Readonly<Record<string, unknown>>) => ({
                  ...before,
                  view: value === 'map' ? undefined : 'schematic',
                }),
              })
            }
          />
        )}
        {isMap ? (
          <Suspense fallback={<Skeleton height={380} />}>
            <NetworkMap {...shown} places={places} />
          </Suspense>
        ) : (
          <NetworkPicture {...shown} points={circleOf(sites, size)} />
        )}
      </Stack>
    </Paper>
  )
}

function placesIn(nodes: NetworkView['nodes']) {
  return new Map(
    nodes.flatMap(({ site, place }) => (place === null ? [] : [[site, place] as const])),
  )
}

/** The town, where a title goes on to say more. */
const shortOf = (title: string, site: string): string =>
  title === '' ? site : (title.split(/[,(]/)[0] ?? title).trim()
