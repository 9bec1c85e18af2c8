/**
 * The links of a site whose keys come from a vendor's KME: what is configured, made and wired.
 *
 * @module
 */

import { linkId, siteId, type Ports, type SiteId } from '#base'
import type { AuditTrail } from '#audit'
import { KmeClient, KmeClientRefusal, type KmeClientTransport } from '#kme'
import type { Keystore, KeystoreLink } from '#keystore'
import type { Alarms } from './alarms.ts'
import type { KmeLinkConfiguration, SiteConfiguration } from './config.ts'
import type { KmeLinkTerms } from './kme-link-context.ts'
import { linkIn, unknownLink } from './kme-link-receiver.ts'
import { KmeLink, type KmeLinkMethod } from './kme-link.ts'
import { LinkHistory } from './link-history.ts'
import type { Peers } from './peers.ts'
import { sessionSecrets } from './session-secrets.ts'
import type { Sessions } from './sessions.ts'

/** The connections to vendors' KMEs, by configured link. */
export type VendorKmes = (link: KmeLinkConfiguration) => KmeClientTransport

/** What both ends have configured alike. */
export function termsOf(site: string, configured: KmeLinkConfiguration): KmeLinkTerms {
  const { link, peer, role, sae, peerSae, vendor, epsilon, keyBits } = configured
  const isTransmitter = role === 'transmitter'
  return {
    link: linkId(link),
    transmitter: siteId(isTransmitter ? site : peer),
    receiver: siteId(isTransmitter ? peer : site),
    transmitterSae: isTransmitter ? sae : peerSae,
    receiverSae: isTransmitter ? peerSae : sae,
    vendor: siteId(vendor),
    ...{ epsilon, keyBits },
  }
}

/** The links of the key store in which their blocks are kept. */
export const kmeKeystoreLinks = ({ site, kmeLinks }: SiteConfiguration): readonly KeystoreLink[] =>
  kmeLinks.map((one) => {
    const { link, transmitter, receiver } = termsOf(site, one)
    return { link, transmitter, receiver, peer: siteId(one.peer), reserveOctets: 0 }
  })

/** Makes the links of a site and answers their other ends. */
export async function newKmeLinks(
  input: {
    readonly configuration: SiteConfiguration
    readonly ports: Ports
    readonly vendorKmes?: VendorKmes
  },
  parts: {
    readonly audit: AuditTrail
    readonly alarms: Alarms
    readonly keystore: Keystore
    readonly peers: Peers
    readonly sessions: Sessions
  },
): Promise<readonly KmeLink[]> {
  const { configuration, ports, vendorKmes = noVendorKmes } = input
  const { peers, sessions, ...rest } = parts
  const site = siteId(configuration.site)
  const secrets = sessionSecrets(sessions, 'key-comparison')
  const links = await Promise.all(
    configuration.kmeLinks.map(async (one) => {
      const peer = siteId(one.peer)
      const terms = termsOf(site, one)
      return new KmeLink({
        ...{ ...ports, ...rest, site, terms, secrets },
        ...{ keysPerBlock: one.keysPerBlock, targetBits: one.targetBits, pollMs: one.pollMs },
        client: new KmeClient(vendorKmes(one)),
        history: await LinkHistory.open({ ...ports, site, link: terms.link }),
        reach: () => peers.reach(peer),
        ask: (method, payload, timeoutMs) =>
          peers.request(peer, `${CHANNEL}/${method}`, payload, timeoutMs),
      })
    }),
  )
  for (const method of METHODS) {
    peers.serve(`${CHANNEL}/${method}`, (from, payload) => answer(links, from, method, payload))
  }
  return links
}

async function answer(
  links: readonly KmeLink[],
  from: SiteId,
  method: KmeLinkMethod,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const name = linkIn(method, payload)
  const found = links.find(({ link }) => link === name)
  if (found === undefined) throw unknownLink()
  return found.answer(from, method, payload)
}

const noVendorKmes: VendorKmes = () => () =>
  Promise.reject(new KmeClientRefusal('KME_CLIENT_UNREACHED', 'No KME can be reached from here'))

const CHANNEL = 'kme-link'
const METHODS: readonly KmeLinkMethod[] = ['open', 'collect', 'confirm']
