/**
 * Whatever a controller steers, wired: what it has laid down, the relay that goes by it, and the
 * interface through which it does so.
 *
 * @module
 */

import { linkId, siteId, type LinkId } from '#base'
import type { AuditLog } from '#audit'
import type { Relay } from '#relay'
import type { Alarms } from '../alarms.ts'
import type { Compromise } from '../compromise.ts'
import type { NetworkMap } from '../network-map.ts'
import { newRelaying, plannedNetwork } from '../relaying.ts'
import type { SiteOptions } from '../site.ts'
import { Control, type ControlInput } from './control.ts'
import { Steering } from './steering.ts'
import type { Usage } from './usage.ts'

/** Parts that others ask before they are there; set once they are. */
export interface Waiting {
  relay?: Relay
  map?: NetworkMap
}

/** A link that can be switched off, wherever its keys come from. */
export interface SwitchedLink {
  readonly link: LinkId
  setEnabled(enabled: boolean): void
}

/** Makes relay and control interface of a site; links that were switched off are so from now on. */
export async function newSteered(
  options: SiteOptions,
  parts: Omit<Parameters<typeof newRelaying>[1], 'steering' | 'links'> & {
    readonly links: ControlInput['links'] & readonly SwitchedLink[]
    readonly usage: Usage
    readonly waiting: Waiting
  },
): Promise<{
  readonly steering: Steering
  readonly map: NetworkMap
  readonly relay: Relay
  readonly compromise: Compromise
  readonly control: Control
}> {
  const { configuration, ports, version } = options
  const steering = await openSteering(options, parts)
  const { map, relay, compromise } = await newRelaying(options, { ...parts, steering })
  parts.waiting.relay = relay
  parts.waiting.map = map
  const network = plannedNetwork(configuration)
  const control = new Control({ ...parts, configuration, ports, version, network, relay, steering })
  return { steering, map, relay, compromise, control }
}

async function openSteering(
  { configuration, ports }: Pick<SiteOptions, 'configuration' | 'ports'>,
  parts: {
    readonly audit: AuditLog
    readonly alarms: Alarms
    readonly links: readonly SwitchedLink[]
    readonly waiting: Waiting
  },
): Promise<Steering> {
  const { audit, alarms, links, waiting } = parts
  const { store, clock, log } = ports
  const steering = await Steering.open({
    ...{ site: siteId(configuration.site), store, clock, log, audit, alarms },
    cutOffBy: (link) => waiting.map?.cutOffBy(linkId(link)) ?? [],
  })
  const enforce = (): void => {
    for (const link of links) link.setEnabled(steering.isOn(link.link))
    waiting.relay?.kick()
  }
  steering.onChange(enforce)
  enforce()
  return steering
}
