/**
 * The protection policy of a site: what its configuration says, signed by its own keys.
 *
 * @module
 */

import { siteId } from '#base'
import { verifierOf, type DualSigner } from '#crypto'
import { LINK_CLASS, openPolicy, signPolicy, type ProtectionPolicy } from '#session'
import type { SiteConfiguration } from './config.ts'

/** The policy of a configuration, signed and read back. @throws SessionRefusal `POLICY_INVALID` */
export function policyOf(
  configuration: Pick<SiteConfiguration, 'site' | 'role' | 'profile' | 'policy' | 'policyVersion'>,
  signer: DualSigner,
): ProtectionPolicy {
  const site = siteId(configuration.site)
  const version = configuration.policyVersion
  // A trusted node has sessions for its links alone.
  const isNode = configuration.role === 'trusted-node'
  const own = Object.entries(configuration.policy)
  const classes = Object.fromEntries(own.filter(([name]) => !isNode || name === LINK_CLASS))
  const terms = {
    site,
    version,
    acceptSimulated: configuration.profile === 'demo',
    // Without its class no link could authenticate itself, whatever the classes of records say.
    classes: { [LINK_CLASS]: 'post-quantum' as const, ...classes },
  }
  const octets = signPolicy(terms, signer)
  return openPolicy(octets, { site, keys: verifierOf(signer), leastVersion: version })
}
