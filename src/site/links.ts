/**
 * The quantum links of a site: made from its configuration, and answered where a peer opens one.
 *
 * @module
 */

import { Refusal, siteId, type SiteId } from '#base'
import { newBootstrap } from './bootstrap.ts'
import { parametersOf } from './config.ts'
import { LinkHistory } from './link-history.ts'
import { openingLink } from './link-opening.ts'
import { LinkRunner } from './link-runner.ts'
import type { NetworkMap } from './network-map.ts'
import type { Peers } from './peers.ts'
import type { SiteOptions, SiteParts } from './site.ts'

type PartsOfLinks = 'peers' | 'audit' | 'alarms' | 'keystore' | 'sessions' | 'preShared'

/** All links of the configuration, not started yet; `waiting.map` is asked once there is one. */
export async function newLinks(
  { configuration, ports, devices, compute }: SiteOptions,
  parts: Pick<SiteParts, PartsOfLinks> & { readonly waiting: { readonly map?: NetworkMap } },
): Promise<readonly LinkRunner[]> {
  const site = siteId(configuration.site)
  const { network, clock, random, log, store } = ports
  const isSigned = (peer: SiteId, name: string): boolean =>
    configuration.links.some((one) => {
      return one.link === name && one.peer === peer && one.bootstrap !== 'psk'
    })
  const bootstrap = newBootstrap({ ...parts, isSigned })
  const links = await Promise.all(
    configuration.links.map(async (one) => {
      const parameters = parametersOf(site, one)
      const { link } = parameters
      return new LinkRunner({
        ...{ ...parts, site, network, clock, random, log, bootstrap, devices, compute },
        waitsFrom: (name) => parts.waiting.map?.waitsFrom(name),
        peer: siteId(one.peer),
        device: one.device.name,
        parameters,
        history: await LinkHistory.open({ site, link, store, log }),
      })
    }),
  )
  serveLinks(parts.peers, links)
  return links
}

function serveLinks(peers: Peers, links: readonly LinkRunner[]): void {
  peers.serve('link/open', (from, payload) => {
    const name = openingLink(payload)
    const runner = links.find(({ link }) => link === name)
    if (runner?.peer !== from) throw new LinkRefusal('LINK_UNKNOWN', 'No such link joins the sites')
    if (!runner.enabled) throw new LinkRefusal('LINK_DISABLED', 'The link is switched off here')
    return runner.answerOpening(from, payload)
  })
}

class LinkRefusal extends Refusal<'LINK_UNKNOWN' | 'LINK_DISABLED'> {
  override readonly name = 'LinkRefusal'
}
