/**
 * What is wrong, beyond its form, with what a configuration says of applications, vendors, couriers, other
 * operators, controllers and the network: members that contradict each other or lead nowhere.
 *
 * @module
 */

import type { SiteConfiguration } from '#site'
import { addressText } from './listen.ts'

/** Something wrong with a member; a warning where the site works all the same. */
export interface Flaw {
  readonly state: 'warn' | 'fail'
  readonly member: string
  readonly says: string
}

const fail = (member: string, says: string): Flaw => ({ state: 'fail', member, says })
const warn = (member: string, says: string): Flaw => ({ state: 'warn', member, says })

/** Everything wrong with these members; empty if nothing is. */
export const networkFlaws = (configuration: SiteConfiguration): readonly Flaw[] => [
  ...listenerFlaws(configuration),
  ...kmeLinkFlaws(configuration),
  ...courierFlaws(configuration),
  ...planFlaws(configuration),
  ...relayFlaws(configuration),
  ...policyFlaws(configuration),
  ...partnerFlaws(configuration),
]

/** Every address on which a daemon of this configuration listens. */
export const listenersOf = ({
  peerListener,
  northListener,
  etsi004Listener,
  etsi020Listener,
  restconfListener,
}: SiteConfiguration) => ({
  peerListener,
  northListener,
  etsi004Listener,
  etsi020Listener,
  restconfListener,
})

function* listenerFlaws(configuration: SiteConfiguration): Generator<Flaw> {
  const open = Object.entries(listenersOf(configuration)).flatMap(([member, address]) =>
    address === undefined || address.port === 0 ? [] : [{ member, at: addressText(address) }],
  )
  for (const { member, at } of repeatedBy(open, (one) => one.at)) {
    yield fail(member, `two listeners are at ${at}`)
  }
  const { controllers, restconfListener, partners, etsi020Listener } = configuration
  if (controllers.length > 0 && restconfListener === undefined) {
    yield warn('controllers', 'no controller gets in without "restconfListener"')
  }
  if (restconfListener !== undefined && controllers.length === 0) {
    yield warn('restconfListener', 'nobody gets in: there are no "controllers"')
  }
  if (etsi020Listener !== undefined && partners.length === 0) {
    yield warn('etsi020Listener', 'nobody gets in: there are no "partners"')
  }
}

function* kmeLinkFlaws({ links, kmeLinks, ...about }: SiteConfiguration): Generator<Flaw> {
  const names = [...links, ...kmeLinks].map(({ link }) => link)
  for (const name of new Set(repeated(names))) {
    if (kmeLinks.some(({ link }) => link === name)) {
      yield fail('kmeLinks', `the link ${name} is there twice`)
    }
  }
  for (const [place, { link, peer, sae, peerSae }] of kmeLinks.entries()) {
    const member = `kmeLinks/${place}`
    if (!isPeer(about, peer)) {
      yield fail(member, `the link ${link} leads to ${peer}, which is no peer`)
    }
    if (sae === peerSae) yield fail(member, `the link ${link}: both ends are the SAE ${sae}`)
  }
}

function* courierFlaws({ couriers, ...about }: SiteConfiguration): Generator<Flaw> {
  for (const { peer } of couriers) {
    if (!isPeer(about, peer)) yield fail('couriers', `couriers go to ${peer}, which is no peer`)
  }
  for (const name of repeated(couriers.map(({ peer }) => peer))) {
    yield fail('couriers', `couriers to ${name} are there twice`)
  }
}

/** The network, and whether it says of this site what the site's own links say. */
function* planFlaws({ site, network, links, kmeLinks }: SiteConfiguration): Generator<Flaw> {
  if (network === undefined) return
  const sites = network.nodes.map((node) => node.site)
  for (const name of repeated(sites)) yield fail('network/nodes', `the site ${name} is there twice`)
  if (!sites.includes(site)) yield fail('network/nodes', `this site, ${site}, is not among them`)
  for (const name of repeated(network.links.map(({ link }) => link))) {
    yield fail('network/links', `the link ${name} is there twice`)
  }
  for (const [place, { link, a, b }] of network.links.entries()) {
    const member = `network/links/${place}`
    if (a === b) yield fail(member, `the link ${link} leads from ${a} to itself`)
    for (const end of new Set([a, b])) {
      if (!sites.includes(end))
        yield fail(member, `the link ${link} leads to ${end}, which is no node`)
    }
  }
  const planned = new Map(
    network.links.flatMap(({ link, a, b }) =>
      a === site ? [[link, b] as const] : b === site ? [[link, a] as const] : [],
    ),
  )
  for (const { link, peer } of [...links, ...kmeLinks]) {
    const there = planned.get(link)
    if (there === undefined)
      yield warn('network/links', `nothing is routed over ${link}: not in it`)
    else if (there !== peer) {
      yield fail('network/links', `${link} leads to ${there} there, and to ${peer} among the links`)
    }
    planned.delete(link)
  }
  for (const [link, other] of planned) {
    yield warn('network/links', `the link ${link} to ${other} is not among the links of this site`)
  }
}

function* relayFlaws(configuration: SiteConfiguration): Generator<Flaw> {
  const { relays, network, links, kmeLinks } = configuration
  if (relays.length > 0 && network === undefined) {
    yield fail('relays', 'keys are not relayed without "network"')
  }
  for (const name of repeated(relays.map(({ peer }) => peer))) {
    yield fail('relays', `the site ${name} is there twice`)
  }
  for (const [place, { peer, shares, sharesLeast }] of relays.entries()) {
    const member = `relays/${place}`
    if (!isPeer(configuration, peer)) {
      yield fail(member, `keys are relayed with ${peer}, which is no peer`)
    }
    if (network !== undefined && !network.nodes.some((node) => node.site === peer)) {
      yield fail(member, `keys are relayed with ${peer}, which is no node of the network`)
    }
    if ([...links, ...kmeLinks].some((link) => link.peer === peer)) {
      yield warn(member, `a link leads to ${peer}: keys are relayed beside it`)
    }
    if (sharesLeast > shares) {
      yield fail(member, `at least ${sharesLeast} ways are asked for, at most ${shares} are used`)
    }
  }
}

function* policyFlaws(configuration: SiteConfiguration): Generator<Flaw> {
  const { site, saes, saePolicies, saeFields, emergencyBits } = configuration
  const own = saes.filter((one) => one.site === site).map(({ sae }) => sae)
  const known = [...saes.map(({ sae }) => sae), ...partnerSaes(configuration)]
  for (const { sae } of repeatedBy(saePolicies, (one) => one.sae)) {
    yield fail('saePolicies', `the SAE ${sae} is there twice`)
  }
  const serials = saePolicies.flatMap(({ serial }) => serial ?? [])
  for (const serial of repeated(serials)) {
    yield fail('saePolicies', `the serial number ${serial} is there twice`)
  }
  const bySerial = saeFields.includes('serial')
  if (bySerial && serials.length === 0) {
    yield warn('saeFields', 'no policy has a serial number, by which SAEs would be known')
  }
  for (const [place, { sae, peers = [], serial, emergency }] of saePolicies.entries()) {
    const member = `saePolicies/${place}`
    if (!own.includes(sae)) yield warn(member, `the SAE ${sae} is none of this site`)
    for (const peer of peers) {
      if (!known.includes(peer))
        yield warn(member, `${sae} may share keys with ${peer}, an unknown SAE`)
    }
    if (serial !== undefined && !bySerial) {
      yield warn(member, `the serial number of ${sae} is not looked at: see "saeFields"`)
    }
    if (emergency === true && emergencyBits === 0) {
      yield warn(member, `nothing is kept for ${sae}: "emergencyBits" is 0`)
    }
  }
}

function* partnerFlaws(configuration: SiteConfiguration): Generator<Flaw> {
  const { site, peers, saes, partners, etsi020Identity } = configuration
  if (partners.length > 0 && etsi020Identity === undefined) {
    yield fail('partners', 'partners need "etsi020Identity"')
  }
  const sites = [site, ...peers.map((peer) => peer.site)]
  for (const name of repeated(partners.map((partner) => partner.name))) {
    yield fail('partners', `the partner ${name} is there twice`)
  }
  for (const { name } of partners) {
    if (sites.includes(name)) yield fail('partners', `the partner ${name} has the name of a site`)
  }
  for (const sae of repeated([...saes.map((one) => one.sae), ...partnerSaes(configuration)])) {
    if (partnerSaes(configuration).includes(sae)) {
      yield fail('partners', `the SAE ${sae} is there twice`)
    }
  }
}

const partnerSaes = ({ partners }: Pick<SiteConfiguration, 'partners'>): readonly string[] =>
  partners.flatMap((one) => one.saes)

const isPeer = ({ peers }: Pick<SiteConfiguration, 'peers'>, name: string): boolean =>
  peers.some(({ site }) => site === name)

/** Names that stand in a list again. */
export const repeated = (names: readonly string[]): readonly string[] =>
  repeatedBy(names, (name) => name)

/** Items whose name an earlier one has. */
export const repeatedBy = <T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] => {
  const names = items.map(nameOf)
  return items.filter((item, at) => names.indexOf(nameOf(item)) < at)
}
