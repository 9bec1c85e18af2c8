/**
 * Which SAE lives at which site, and which KME serves it.
 *
 * An SAE and its KME stand in one secure site (GS QKD 014 §4), so the site of an SAE says which KME
 * to ask. IDs are unique in the network; the configuration sees to that.
 *
 * @module
 */

import type { KmeId, SaeId, SiteId } from '#base'

/** Answers where SAEs live; may change while the KME runs. */
export interface SaeDirectory {
  /** The site of an SAE; undefined for one that nobody has heard of. */
  siteOf(sae: SaeId): SiteId | undefined
  /** The SAEs of a site. */
  saesAt(site: SiteId): readonly SaeId[]
  /** The KME of a site. */
  kmeOf(site: SiteId): KmeId | undefined
}

/** A directory that does not change. Later entries for one SAE or site replace earlier ones. */
export function fixedDirectory(input: {
  readonly saes: readonly { readonly sae: SaeId; readonly site: SiteId }[]
  readonly kmes: readonly { readonly kme: KmeId; readonly site: SiteId }[]
}): SaeDirectory {
  const sites = new Map(input.saes.map(({ sae, site }) => [sae, site]))
  const kmes = new Map(input.kmes.map(({ kme, site }) => [site, kme]))
  const saes = Map.groupBy(sites.keys(), (sae) => sites.get(sae))
  return {
    siteOf: (sae) => sites.get(sae),
    saesAt: (site) => saes.get(site) ?? [],
    kmeOf: (site) => kmes.get(site),
  }
}
