/**
 * The configuration in a folder as it takes effect, and what is wrong with it beyond its form.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Refusal, type TSchema } from '#base'
import type { CheckView, ConfigurationView } from '#contract'
import { parametersOf, SiteConfigurationShape, type SiteConfiguration } from '#site'
import { defaultedMembers, readConfigurationFile } from './config.ts'
import { networkFlaws, repeated, repeatedBy } from './explain-network.ts'
import { FibreConfigurationShape } from './fibre-daemon.ts'
import { addressText } from './listen.ts'
import { CONFIG_FILE } from './site-daemon.ts'

/**
 * Reads the configuration of a site's or a fibre's folder.
 *
 * @throws GatewayRefusal `CONFIG_MISSING`, `CONFIG_INVALID`, `PERMISSION_DENIED`
 */
export function explainConfiguration(folder: string): ConfigurationView {
  const file = join(resolve(folder), CONFIG_FILE)
  const isFibre = existsSync(file) && FIBRE_MEMBER.test(readFileSync(file, 'utf8'))
  const schema: TSchema = isFibre ? FibreConfigurationShape : SiteConfigurationShape
  const configuration = readConfigurationFile(file, schema)
  const written: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const defaults = defaultedMembers(written, schema)
  if (isFibre) return { file, kind: 'fibre', configuration, defaults, checks: [] }
  const checks = configurationChecks(readConfigurationFile(file, SiteConfigurationShape))
  return { file, kind: 'site', configuration, defaults, checks }
}

/** What is wrong with a configuration of the right form; empty if nothing is. */
export function configurationChecks(configuration: SiteConfiguration): readonly CheckView[] {
  const { site, peers, links, saes, peerListener, profile } = configuration
  const found: CheckView[] = []
  const add = (state: 'warn' | 'fail', member: string, says: string): void => {
    const next = `change ${member} in ${CONFIG_FILE}, then restart the daemon`
    found.push({ check: 'configuration', state, says, next })
  }
  const names = peers.map((peer) => peer.site)
  for (const name of repeated(names)) add('fail', 'peers', `the peer ${name} is there twice`)
  if (names.includes(site)) add('fail', 'peers', `the site ${site} is a peer of itself`)
  for (const name of repeated(links.map(({ link }) => link))) {
    add('fail', 'links', `the link ${name} is there twice`)
  }
  for (const [place, link] of links.entries()) {
    const member = `links/${place}`
    if (!names.includes(link.peer)) {
      add('fail', member, `the link ${link.link} leads to ${link.peer}, which is no peer`)
    }
    const problem = problemOf(() => parametersOf(site, link))
    if (problem !== undefined) add('fail', member, `the link ${link.link}: ${problem}`)
  }
  for (const { sae } of repeatedBy(saes, (one) => one.sae)) {
    add('fail', 'saes', `the SAE ${sae} is there twice`)
  }
  for (const { sae, site: home } of saes) {
    if (home === site || names.includes(home)) continue
    add('warn', 'saes', `the SAE ${sae} is at ${home}, which is no peer`)
  }
  for (const { state, member, says } of networkFlaws(configuration)) add(state, member, says)
  const peerAt = addressText(peerListener)
  found.push(...daemonChecks(configuration))
  const far = peers.some(({ host }) => !LOOPBACK.test(host))
  if (far && LOOPBACK.test(peerListener.host)) {
    add('warn', 'peerListener', `peers on other machines cannot reach ${peerAt}`)
  }
  if (profile === 'demo' && far) {
    add('warn', 'profile', 'the profile demo takes simulated keys as quantum, between machines')
  }
  return found
}

/** What is wrong with the daemons that are to serve the site together. */
function daemonChecks({ daemons, store, leader }: SiteConfiguration): readonly CheckView[] {
  const fail = (member: string, says: string): CheckView => ({
    ...{ check: 'configuration', state: 'fail', says },
    next: `change ${member} in ${CONFIG_FILE}, then restart the daemons`,
  })
  const found: CheckView[] = []
  if (daemons.length > 0 && store?.kind !== 'postgres') {
    found.push(fail('store', 'several daemons serve a site over PostgreSQL only'))
  }
  if (daemons.length === 0 && leader !== undefined) {
    found.push(fail('daemons', 'leader is set, and no daemon is named that could follow it'))
  }
  for (const { name } of repeatedBy(daemons, (one) => one.name)) {
    found.push(fail('daemons', `the daemon ${name} is there twice`))
  }
  const places = daemons.flatMap(({ northListener, etsi004Listener }) =>
    [northListener, ...(etsi004Listener === undefined ? [] : [etsi004Listener])].map(addressText),
  )
  for (const at of repeated(places.filter((place) => !place.endsWith(':0')))) {
    found.push(fail('daemons', `two listeners of daemons are at ${at}`))
  }
  return found
}

function problemOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
}

/** The member that only the configuration of a fibre has. */
const FIBRE_MEMBER = /"fibre"\s*:/
const LOOPBACK = /^(?:localhost|127\.|::1$)/
