import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfiguration } from './config.ts'
import { networkFlaws } from './explain-network.ts'
import { SiteConfigurationShape } from '#site'

const at = (port: number) => ({ host: '127.0.0.1', port })
const kme = { url: 'https://kme.acme', certificate: 'c.pem', key: 'k.pem', ca: 'a.pem' }
const kmeLink = {
  ...{ link: 'east-middle', peer: 'middle', role: 'transmitter', kme },
  ...{ sae: 'sae.east', peerSae: 'sae.middle' },
}
const partner = {
  ...{ name: 'acme', url: 'https://kme.acme:8443', authority: 'a.pem' },
  ...{ certificates: ['c.pem'], saes: ['acme.app'] },
}
const node = (site: string) => ({ site, kind: 'hospital' })
const network = {
  nodes: ['east', 'middle', 'west'].map(node),
  links: [
    { link: 'east-middle', a: 'east', b: 'middle' },
    { link: 'middle-west', a: 'middle', b: 'west' },
  ],
}
const relay = { peer: 'west', shares: 2, sharesLeast: 1 }
const peer = (site: string, port: number) => ({ site, kme: `kme.${site}`, ...at(port) })
const sound = {
  ...{
    site: 'east',
    federation: 'photonward',
    kme: 'kme.east',
    logOrigin: 'photonward.example/east',
  },
  ...{
    peerListener: at(9400),
    northListener: at(9443),
    peers: [peer('middle', 1), peer('west', 2)],
  },
  saes: [
    { sae: 'east.ward', site: 'east' },
    { sae: 'west.ward', site: 'west' },
  ],
  ...{ kmeLinks: [kmeLink], couriers: [{ peer: 'west' }], network, relays: [relay] },
  saePolicies: [{ sae: 'east.ward', peers: ['west.ward', 'acme.app'] }],
  etsi020Identity: { key: 'k.pem', certificate: 'c.pem' },
  ...{ partners: [partner], etsi020Listener: at(9444) },
  ...{ restconfListener: at(9445), controllers: [{ name: 'sdn' }] },
}

const flawsOf = (change: object) =>
  networkFlaws(
    readConfiguration(
      JSON.stringify({ ...sound, ...change }),
      SiteConfigurationShape,
      '/site/photonward.json',
    ),
  )

test('a configuration that uses everything and contradicts itself nowhere has no flaw', () => {
  assert.deepEqual(flawsOf({}), [])
  assert.deepEqual(
    flawsOf({ kmeLinks: [], couriers: [], relays: [], network: undefined, partners: [] }).map(
      ({ member }) => member,
    ),
    ['etsi020Listener', 'saePolicies/0'],
  )
})

test('what contradicts itself or leads nowhere is said, by its member', () => {
  const cases: readonly (readonly [object, 'warn' | 'fail', string, RegExp])[] = [
    [{ etsi020Listener: at(9443) }, 'fail', 'etsi020Listener', /two listeners are at/],
    [{ restconfListener: at(9400) }, 'fail', 'restconfListener', /two listeners are at/],
    [{ restconfListener: undefined }, 'warn', 'controllers', /without "restconfListener"/],
    [{ controllers: [] }, 'warn', 'restconfListener', /nobody gets in/],
    [{ kmeLinks: [kmeLink, kmeLink] }, 'fail', 'kmeLinks', /east-middle is there twice/],
    [
      { kmeLinks: [{ ...kmeLink, peer: 'north' }] },
      'fail',
      'kmeLinks/0',
      /north, which is no peer/,
    ],
    [{ kmeLinks: [{ ...kmeLink, peerSae: 'sae.east' }] }, 'fail', 'kmeLinks/0', /both ends/],
    [{ couriers: [{ peer: 'north' }] }, 'fail', 'couriers', /north, which is no peer/],
    [{ couriers: [{ peer: 'west' }, { peer: 'west' }] }, 'fail', 'couriers', /twice/],
    [{ network: undefined }, 'fail', 'relays', /without "network"/],
    [{ network: { ...network, nodes: network.nodes.slice(1) } }, 'fail', 'network/nodes', /east/],
    [
      { network: { ...network, nodes: [...network.nodes, node('west')] } },
      ...(['fail', 'network/nodes', /west is there twice/] as const),
    ],
    [
      { network: { ...network, links: [...network.links, network.links[1]] } },
      ...(['fail', 'network/links', /middle-west is there twice/] as const),
    ],
    [
      { network: { ...network, links: [network.links[0], { link: 'x', a: 'middle', b: 'far' }] } },
      ...(['fail', 'network/links/1', /far, which is no node/] as const),
    ],
    [
      { network: { ...network, links: [network.links[0], { link: 'x', a: 'west', b: 'west' }] } },
      ...(['fail', 'network/links/1', /to itself/] as const),
    ],
    [
      { network: { ...network, links: network.links.slice(1) } },
      ...(['warn', 'network/links', /nothing is routed over east-middle/] as const),
    ],
    [
      { network: { ...network, links: [{ link: 'east-middle', a: 'west', b: 'east' }] } },
      ...(['fail', 'network/links', /leads to west there, and to middle/] as const),
    ],
    [{ kmeLinks: [] }, 'warn', 'network/links', /not among the links of this site/],
    [{ relays: [relay, relay] }, 'fail', 'relays', /west is there twice/],
    [{ relays: [{ ...relay, peer: 'far' }] }, 'fail', 'relays/0', /which is no peer/],
    [
      {
        network: { ...network, nodes: network.nodes.slice(0, 2), links: network.links.slice(0, 1) },
      },
      ...(['fail', 'relays/0', /no node of the network/] as const),
    ],
    [{ relays: [{ ...relay, peer: 'middle' }] }, 'warn', 'relays/0', /a link leads to middle/],
    [{ relays: [{ ...relay, sharesLeast: 3 }] }, 'fail', 'relays/0', /at least 3 .* at most 2/],
    [{ saePolicies: [{ sae: 'west.ward' }] }, 'warn', 'saePolicies/0', /none of this site/],
    [
      { saePolicies: [{ sae: 'east.ward' }, { sae: 'east.ward' }] },
      ...(['fail', 'saePolicies', /east\.ward is there twice/] as const),
    ],
    [
      { saePolicies: [{ sae: 'east.ward', peers: ['nobody'] }] },
      ...(['warn', 'saePolicies/0', /nobody, an unknown SAE/] as const),
    ],
    [
      { saePolicies: [{ sae: 'east.ward', serial: '01AB' }] },
      ...(['warn', 'saePolicies/0', /not looked at/] as const),
    ],
    [
      { saePolicies: [{ sae: 'east.ward', emergency: true }] },
      ...(['warn', 'saePolicies/0', /"emergencyBits" is 0/] as const),
    ],
    [{ saeFields: ['serial'] }, 'warn', 'saeFields', /no policy has a serial number/],
    [{ etsi020Identity: undefined }, 'fail', 'partners', /need "etsi020Identity"/],
    [
      { partners: [partner, { ...partner, saes: ['b'] }] },
      'fail',
      'partners',
      /acme is there twice/,
    ],
    [{ partners: [{ ...partner, name: 'west' }] }, 'fail', 'partners', /the name of a site/],
    [
      { partners: [{ ...partner, saes: ['acme.app', 'west.ward'] }] },
      ...(['fail', 'partners', /west\.ward is there twice/] as const),
    ],
  ]
  for (const [change, state, member, says] of cases) {
    const flaws = flawsOf(change)
    const found = flaws.some((flaw) => {
      return flaw.state === state && flaw.member === member && says.test(flaw.says)
    })
    assert(found, `${says.source} in ${JSON.stringify(flaws)}`)
  }
})
