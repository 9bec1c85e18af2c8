/** @module */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochMs, isUuid, linkId, newUuid, siteId, utf8, uuid } from '#base'
import { seededRandom } from '#world/ports'
import { editsOf, type EditRequest, type EditScene } from './edits.ts'
import type { NodeFacts } from './facts.ts'
import { namesIn } from './names.ts'
import { firstLook, noticesOf } from './notices.ts'
import { at, selected, selectionOf, stepsOf } from './select.ts'
import { nodeTree, type YangObject } from './tree.ts'

const [bath, bristol, london, cambridge] = ['bath', 'bristol', 'london', 'cambridge'].map(siteId)
const names = namesIn('south-west')

/** Bristol has links to London and Bath, and keys relayed to Cambridge, over both or either. */
const facts: NodeFacts = {
  federation: 'south-west',
  site: bristol,
  version: '0.1.0',
  isSound: true,
  relays: true,
  links: [
    {
      ...{ link: linkId('bristol-london'), peer: london, interfaceId: 1, role: 'transmitter' },
      ...{
        model: 'PhotonWard simulated optics/world-slow',
        lossDb: 4.25,
        isDiscrete: true,
        state: 'running',
      },
      ...{ reason: '', isEnabled: true, storedBits: 4096, secretBitsPerSecond: 2400.4 },
      qber: 0.02134,
    },
    {
      ...{ link: linkId('bath-bristol'), peer: bath, interfaceId: 2, role: 'receiver' },
      ...{
        model: 'PhotonWard simulated optics/world-slow',
        lossDb: 4.25,
        isDiscrete: true,
        state: 'down',
      },
      ...{ reason: 'device-away', isEnabled: true, storedBits: 0, secretBitsPerSecond: 0 },
      qber: null,
    },
  ],
  pairs: [
    {
      ...{ peer: cambridge, isEnabled: true, isRelaying: true, shares: 2, storedBits: 512 },
      ...{ ways: [[bristol, london, cambridge]], bitsPerSecond: 100 },
    },
  ],
  pins: [],
  applications: [
    {
      ...{ server: 'bristol.ward', clients: ['cambridge.ward'], remote: cambridge },
      ...{ isInternal: false, firstAt: epochMs(1_800_000_000_000), isOn: true },
      ...{ bitsPerSecond: 51.2, maxBitsPerSecond: 1000 },
      periods: [{ from: epochMs(1_800_000_000_000), to: epochMs(1_800_000_060_000), bits: 3072 }],
    },
    {
      ...{ server: 'photonward.bristol', clients: ['photonward.london'], remote: london },
      ...{ isInternal: true, firstAt: epochMs(1_800_000_000_000), isOn: true },
      ...{ bitsPerSecond: 400, maxBitsPerSecond: undefined, periods: [] },
    },
  ],
  alarms: [],
}

/** Made with another implementation of SHA-256: it must never change. */
const NODE_BY_HAND = '2a822523-f2dd-8fc4-a058-b8aebf24964c'
const ids = {
  node: names.node('bristol'),
  london: names.node('london'),
  bath: names.node('bath'),
  cambridge: names.node('cambridge'),
  linkLondon: names.link('bristol-london'),
  linkBath: names.link('bath-bristol'),
  pair: names.pair('bristol', 'cambridge'),
  ward: names.application('bristol.ward', ['cambridge.ward']),
  daemon: names.application('photonward.bristol', ['photonward.london']),
}

test('names are UUIDs of version 8, the same at both ends, and differ by kind and federation', () => {
  assert.equal(names.pair('cambridge', 'bristol'), ids.pair)
  assert.equal(names.application('a', ['c', 'b']), names.application('a', ['b', 'c']))
  assert.notEqual(names.application('a', ['bc']), names.application('ab', ['c']))
  assert.notEqual(names.node('bristol'), names.link('bristol'))
  assert.notEqual(names.node('bristol'), namesIn('north').node('bristol'))
  for (const id of Object.values(ids)) {
    assert(isUuid(id))
    assert.match(id, /^.{14}8.{4}[89ab]/)
  }
  assert.equal(ids.node, NODE_BY_HAND)
})

test('a site has the form that the standard gives it', () => {
  assert.deepEqual(nodeTree(facts), {
    qkdn_id: ids.node,
    qkdn_status: 'etsi-qkd-node-types:OPERATING',
    qkdn_version: '0.1.0',
    qkdn_location_id: 'bristol',
    qkdn_capabilities: {
      link_stats_support: true,
      application_stats_support: true,
      key_relay_mode_enable: true,
    },
    qkd_applications: {
      qkd_app: [
        {
          app_id: ids.ward,
          app_status: 'etsi-qkd-node-types:ON',
          app_type: 'etsi-qkd-node-types:CLIENT',
          server_app_id: 'photonward:sae:bristol.ward',
          client_app_id: ['photonward:sae:cambridge.ward'],
          app_priority: 0,
          creation_time: '2027-01-15T08:00:00.000Z',
          app_statistics: {
            statistics: [
              {
                end_time: '2027-01-15T08:01:00.000Z',
                start_time: '2027-01-15T08:00:00.000Z',
                consumed_bits: 3072,
              },
            ],
          },
          app_qos: { max_bandwidth: 1000 },
          backing_qkdl_id: [ids.pair],
          local_qkdn_id: ids.node,
          remote_qkdn_id: ids.cambridge,
        },
        {
          app_id: ids.daemon,
          app_status: 'etsi-qkd-node-types:ON',
          app_type: 'etsi-qkd-node-types:INTERNAL',
          server_app_id: 'photonward:sae:photonward.bristol',
          client_app_id: ['photonward:sae:photonward.london'],
          app_priority: 0,
          creation_time: '2027-01-15T08:00:00.000Z',
          app_statistics: { statistics: [] },
          app_qos: {},
          backing_qkdl_id: [ids.linkLondon],
          local_qkdn_id: ids.node,
          remote_qkdn_id: ids.london,
        },
      ],
    },
    qkd_interfaces: {
      qkd_interface: [
        {
          qkdi_id: 1,
          qkdi_model: 'PhotonWard simulated optics/world-slow',
          qkdi_type: 'etsi-qkd-node-types:DV-QKD',
          qkdi_capabilities: { role_support: 'etsi-qkd-node-types:TRANSMITTER' },
          qkdi_status: 'etsi-qkd-node-types:ENABLED',
        },
        {
          qkdi_id: 2,
          qkdi_model: 'PhotonWard simulated optics/world-slow',
          qkdi_type: 'etsi-qkd-node-types:DV-QKD',
          qkdi_capabilities: { role_support: 'etsi-qkd-node-types:RECEIVER' },
          qkdi_status: 'etsi-qkd-node-types:FAILED',
        },
      ],
    },
    qkd_links: {
      qkd_link: [
        {
          qkdl_id: ids.linkLondon,
          qkdl_status: 'etsi-qkd-node-types:ACTIVE',
          qkdl_enable: true,
          qkdl_local: { qkdn_id: ids.node, qkdi_id: 1 },
          qkdl_remote: { qkdn_id: ids.london },
          qkdl_type: 'etsi-qkd-node-types:PHYS',
          qkdl_applications: [ids.daemon],
          phys_channel_att: '4.250',
          phys_qkd_role: 'etsi-qkd-node-types:TRANSMITTER',
          qkdl_performance: {
            expected_consumption: 400,
            skr: 2400,
            eskr: 2000,
            phys_perf: [{ perf_type: 'etsi-qkd-node-types:QBER', value: '2.134' }],
          },
        },
        {
          qkdl_id: ids.linkBath,
          qkdl_status: 'etsi-qkd-node-types:OFF',
          qkdl_enable: true,
          qkdl_local: { qkdn_id: ids.node, qkdi_id: 2 },
          qkdl_remote: { qkdn_id: ids.bath },
          qkdl_type: 'etsi-qkd-node-types:PHYS',
          qkdl_applications: [],
          phys_channel_att: '4.250',
          phys_qkd_role: 'etsi-qkd-node-types:RECEIVER',
          qkdl_performance: { expected_consumption: 0, skr: 0, eskr: 0 },
        },
        {
          qkdl_id: ids.pair,
          qkdl_status: 'etsi-qkd-node-types:ACTIVE',
          qkdl_enable: true,
          qkdl_local: { qkdn_id: ids.node },
          qkdl_remote: { qkdn_id: ids.cambridge },
          qkdl_type: 'etsi-qkd-node-types:VIRT',
          qkdl_applications: [ids.ward],
          virt_next_hop: [ids.london],
          qkdl_performance: { expected_consumption: 51, skr: 100, eskr: 100 },
        },
      ],
    },
  })
})

const root: YangObject = { 'etsi-qkd-sdn-node:qkd_node': nodeTree(facts) }
const NODE = 'etsi-qkd-sdn-node:qkd_node'

function read(path: string, query = ''): unknown {
  const { name, value } = at(root, stepsOf(path))
  return { [name]: selected({ name, value }, selectionOf(new URLSearchParams(query))) }
}

test('a path leads to containers, list entries by key, and leaves', () => {
  const link = `${NODE}/qkd_links/qkd_link=${ids.linkBath}`
  assert.deepEqual(read(`${link}/qkdl_enable`), { 'etsi-qkd-sdn-node:qkdl_enable': true })
  const qualified = link.replace('qkd_link=', 'etsi-qkd-sdn-node:qkd_link=')
  assert.deepEqual(read(`${qualified}/qkdl_local`), {
    'etsi-qkd-sdn-node:qkdl_local': { qkdn_id: ids.node, qkdi_id: 2 },
  })
  const entry = read(`${NODE}/qkd_interfaces/qkd_interface=2`, 'fields=qkdi_id')
  assert.deepEqual(entry, { 'etsi-qkd-sdn-node:qkd_interface': [{ qkdi_id: 2 }] })
  const time = encodeURIComponent('2027-01-15T08:01:00.000Z')
  const app = `${NODE}/qkd_applications/qkd_app=${ids.ward}`
  assert.deepEqual(read(`${app}/app_statistics/statistics=${time}/consumed_bits`), {
    'etsi-qkd-sdn-node:consumed_bits': 3072,
  })
  for (const wrong of [
    'qkd_node',
    `${NODE}/qkd_links/qkd_link=${ids.node}`,
    `${NODE}/qkd_links/qkd_link/qkdl_id`,
    `${NODE}/qkd_links/other:qkd_link`,
    `${NODE}/__proto__`,
    `${NODE}/qkd_links/constructor`,
  ]) {
    assert.throws(() => read(wrong), { code: 'RESTCONF_NOT_FOUND' }, wrong)
  }
  for (const wrong of [
    `${NODE}/`,
    `${NODE}=1`,
    `${NODE}/qkd_links/qkd_link=%zz`,
    'a/'.repeat(20),
  ]) {
    assert.throws(() => read(wrong), { code: 'RESTCONF_INVALID' }, wrong)
  }
})

test('depth, fields and content choose, and anything else is refused', () => {
  assert.deepEqual(read(NODE, 'depth=1'), { [NODE]: {} })
  assert.deepEqual(read(NODE, 'fields=qkdn_id;qkd_interfaces/qkd_interface(qkdi_id)'), {
    [NODE]: {
      qkdn_id: ids.node,
      qkd_interfaces: { qkd_interface: [{ qkdi_id: 1 }, { qkdi_id: 2 }] },
    },
  })
  assert.deepEqual(read(NODE, 'fields=qkd_links&depth=1'), { [NODE]: { qkd_links: {} } })
  const two = 'fields=qkd_capabilities;qkdn_capabilities/link_stats_support'
  const both = `${two};qkdn_capabilities/key_relay_mode_enable`
  assert.deepEqual(read(NODE, both), {
    [NODE]: { qkdn_capabilities: { link_stats_support: true, key_relay_mode_enable: true } },
  })
  const perf = `${NODE}/qkd_links/qkd_link=${ids.linkLondon}`
  assert.deepEqual(read(perf, 'content=nonconfig'), {
    'etsi-qkd-sdn-node:qkd_link': [
      {
        qkdl_id: ids.linkLondon,
        qkdl_performance: {
          expected_consumption: 400,
          skr: 2400,
          eskr: 2000,
          phys_perf: [{ perf_type: 'etsi-qkd-node-types:QBER', value: '2.134' }],
        },
      },
    ],
  })
  const config = JSON.stringify(read(NODE, 'content=config'))
  for (const state of ['skr', 'qkdn_status', 'statistics', 'creation_time', 'qkdi_status']) {
    assert(!config.includes(`"${state}"`), state)
  }
  assert(config.includes('qkdl_enable') && config.includes('qkdn_version'))
  for (const wrong of [
    ...['depth=0', 'depth=65536', 'depth=-1', 'depth=2&depth=3', 'content=state', 'filter=x'],
    ...[
      'fields=',
      'fields=a(b',
      'fields=a)',
      'fields=a//b',
      'fields=a;',
      `fields=${'a('.repeat(99)}`,
    ],
    ...['with-defaults=trim', 'start-time=2026-01-01T00:00:00Z'],
  ]) {
    assert.throws(() => read(NODE, wrong), { code: 'RESTCONF_INVALID' }, wrong)
  }
})

const scene: EditScene = {
  facts,
  sites: [bath, bristol, london, cambridge],
  neighbours: (one, other) =>
    [`${london} ${cambridge}`, `${bath} ${cambridge}`, `${bristol} ${london}`, `${bristol} ${bath}`]
      .flatMap((pair) => [pair, pair.split(' ').toReversed().join(' ')])
      .includes(`${one} ${other}`),
}

const edits = (method: EditRequest['method'], path: string, body: unknown = '', in_ = scene) =>
  editsOf(in_, { method, steps: stepsOf(path), body: utf8(JSON.stringify(body)) })

const own = newUuid(seededRandom(3, 'pin'))
const LINKS = `${NODE}/qkd_links`
const virtual = {
  qkdl_id: own,
  qkdl_remote: { qkdn_id: ids.cambridge },
  qkdl_type: 'etsi-qkd-node-types:VIRT',
  virt_next_hop: [ids.bath],
}
const linkBody = (link: unknown) => ({ 'etsi-qkd-sdn-node:qkd_link': [link] })

test('qkdl_enable is set at the leaf, at the link, or from the root, and only it', () => {
  const off = [{ kind: 'enable', subject: 'bristol-london', isEnabled: false }]
  const entry = `${LINKS}/qkd_link=${ids.linkLondon}`
  const leaf = { 'etsi-qkd-sdn-node:qkdl_enable': false }
  const link = { qkdl_id: ids.linkLondon, qkdl_enable: false }
  assert.deepEqual(edits('PUT', `${entry}/qkdl_enable`, leaf), off)
  assert.deepEqual(edits('PATCH', `${entry}/qkdl_enable`, leaf), off)
  assert.deepEqual(edits('PATCH', entry, linkBody(link)), off)
  const list = { qkd_link: [link] }
  assert.deepEqual(edits('PATCH', LINKS, { 'etsi-qkd-sdn-node:qkd_links': list }), off)
  const whole = { [NODE]: { qkd_links: list } }
  assert.deepEqual(edits('PATCH', NODE, whole), off)
  const pair = { qkdl_id: ids.pair, qkdl_enable: false }
  const [edit] = edits('PATCH', LINKS, { 'etsi-qkd-sdn-node:qkd_links': { qkd_link: [pair] } })
  assert.deepEqual(edit, { kind: 'enable', subject: '=cambridge', isEnabled: false })

  const bad = (code: string, ...args: Parameters<typeof edits>) =>
    assert.throws(() => edits(...args), { code }, JSON.stringify(args.slice(0, 3)))
  bad('RESTCONF_NOT_SUPPORTED', 'PUT', `${entry}/phys_channel_att`, {})
  bad('RESTCONF_NOT_SUPPORTED', 'PUT', entry, linkBody(virtual))
  bad('RESTCONF_NOT_SUPPORTED', 'DELETE', entry)
  bad('RESTCONF_NOT_SUPPORTED', 'DELETE', NODE)
  bad('RESTCONF_NOT_SUPPORTED', 'PUT', NODE, whole)
  bad('RESTCONF_NOT_FOUND', 'PATCH', `${LINKS}/qkd_link=${ids.node}/qkdl_enable`, leaf)
  bad('RESTCONF_INVALID', 'PATCH', `${LINKS}/qkd_link=x/qkdl_enable`, leaf)
  bad('RESTCONF_INVALID', 'PATCH', entry, linkBody({ ...link, qkdl_id: ids.linkBath }))
  bad('RESTCONF_INVALID', 'PATCH', entry, linkBody({ ...link, phys_channel_att: '1.000' }))
  bad('RESTCONF_INVALID', 'PUT', `${entry}/qkdl_enable`, { 'etsi-qkd-sdn-node:qkdl_enable': 'no' })
  const twice = { 'etsi-qkd-sdn-node:qkd_links': { qkd_link: [link, link] } }
  bad('RESTCONF_INVALID', 'PATCH', LINKS, twice)
})

test('a virtual link lays down ways to a distant site, from neighbour to neighbour', () => {
  const pin = { id: own, peer: cambridge, vias: [[bath]], bandwidth: undefined, isEnabled: true }
  const made = [{ kind: 'pin', pin, isNew: true }]
  assert.deepEqual(edits('POST', LINKS, linkBody(virtual)), made)
  assert.deepEqual(edits('PUT', `${LINKS}/qkd_link=${own}`, linkBody(virtual)), made)
  const there = { ...scene, facts: { ...facts, pins: [pin] } }
  const path = `${LINKS}/qkd_link=${own}`
  assert.deepEqual(edits('DELETE', path, '', there), [{ kind: 'unpin', pin: own }])
  const again = edits('PUT', path, linkBody({ ...virtual, virt_bandwidth: 5 }), there)
  assert.deepEqual(again, [{ kind: 'pin', pin: { ...pin, bandwidth: 5 }, isNew: false }])
  const leaf = { 'etsi-qkd-sdn-node:qkdl_enable': false }
  const off = edits('PATCH', `${path}/qkdl_enable`, leaf, there)
  assert.deepEqual(off, [{ kind: 'enable-pin', pin: own, isEnabled: false }])

  const bad = (code: string, change: object, in_ = scene) =>
    assert.throws(
      () => edits('POST', LINKS, linkBody({ ...virtual, ...change }), in_),
      { code },
      JSON.stringify(change),
    )
  bad('RESTCONF_EXISTS', {}, there)
  bad('RESTCONF_EXISTS', { qkdl_id: ids.node }, there)
  bad('RESTCONF_EXISTS', { qkdl_id: ids.pair })
  bad('RESTCONF_INVALID', { qkdl_remote: { qkdn_id: ids.london } })
  bad('RESTCONF_INVALID', { virt_next_hop: [] })
  bad('RESTCONF_INVALID', { virt_next_hop: [ids.cambridge] })
  bad('RESTCONF_INVALID', { virt_next_hop: [own] })
  bad('RESTCONF_INVALID', { virt_prev_hop: ids.london })
  bad('RESTCONF_INVALID', { qkdl_local: { qkdn_id: ids.london } })
  bad('RESTCONF_INVALID', { qkdl_type: 'etsi-qkd-node-types:PHYS' })
  bad('RESTCONF_INVALID', { 'photonward-qkd-control:virt_way': [ids.london] })
  bad('RESTCONF_INVALID', { 'photonward-qkd-control:virt_way': [ids.bath, ids.london] })
  bad('RESTCONF_INVALID', { virt_bandwidth: -1 })
  const single = { ...scene, facts: { ...facts, pairs: [{ ...facts.pairs[0], shares: 1 }] } }
  bad('RESTCONF_INVALID', { virt_next_hop: [ids.bath, ids.london] }, single)
  assert.throws(() => editsOf(scene, { method: 'POST', steps: stepsOf(LINKS), body: utf8('{') }), {
    code: 'RESTCONF_MALFORMED',
  })
})

test('a virtual link is active while keys go its way, and pending while they go another', () => {
  const pinned = (via: typeof bath, isEnabled = true) => {
    const pin = { id: own, peer: cambridge, vias: [[via]], bandwidth: 64, isEnabled }
    const tree = { [NODE]: nodeTree({ ...facts, pins: [pin] }) }
    return at(tree, stepsOf(`${LINKS}/qkd_link=${own}/qkdl_status`)).value
  }
  assert.equal(pinned(london), 'etsi-qkd-node-types:ACTIVE')
  assert.equal(pinned(bath), 'etsi-qkd-node-types:PENDING')
  assert.equal(pinned(london, false), 'etsi-qkd-node-types:OFF')
})

test('a controller is told of what has changed, once', () => {
  const [linkLondon, linkBath] = facts.links
  const begun = noticesOf(firstLook(facts), facts, 0)
  assert.deepEqual(
    begun.notices.flatMap((one) => Object.keys(one)),
    ['etsi-qkd-sdn-node:sdqkdn_link_perf_update', 'etsi-qkd-sdn-node:sdqkdn_link_perf_update'],
  )
  const quiet = noticesOf(begun.told, facts, 60_000)
  assert.deepEqual(quiet.notices, [])

  const down = { ...linkLondon, state: 'suspended', reason: 'qber-above-limit' } as const
  const alarm = {
    ...{ id: own, kind: 'link.qber-above-limit', subject: 'bristol-london' },
    ...{ message: 'Error rate above the limit', isCritical: true },
  }
  const worse = { ...facts, links: [down, linkBath], alarms: [alarm] }
  const told = noticesOf(quiet.told, worse, 62_000)
  const link = { qkdl_id: ids.linkLondon, reason: 'qber-above-limit' }
  const status = 'etsi-qkd-node-types:OFF'
  const message = 'link.qber-above-limit: Error rate above the limit'
  const severity = 'etsi-qkd-node-types:MAJOR'
  assert.deepEqual(told.notices, [
    { 'etsi-qkd-sdn-node:sdqkdn_link_down': { qkd_link: link } },
    {
      'etsi-qkd-sdn-node:alarm': {
        link: { qkdl_id: ids.linkLondon, qkdl_status: status, message, severity },
      },
    },
  ])
  assert.deepEqual(noticesOf(told.told, worse, 64_000).notices, [])
  const better = noticesOf(told.told, facts, 66_000).notices
  const kinds = better.flatMap((one) => Object.keys(one))
  assert.deepEqual(kinds, ['etsi-qkd-sdn-node:event', 'etsi-qkd-sdn-node:event'])
})

test('rates are told when they change by much, at most each ten seconds, and overload once', () => {
  let told = noticesOf(firstLook(facts), facts, 0).told
  const at_ = (nowMs: number, secretBitsPerSecond: number): readonly string[] => {
    const links = [{ ...facts.links[0], secretBitsPerSecond }, facts.links[1]]
    const outcome = noticesOf(told, { ...facts, links }, nowMs)
    told = outcome.told
    return outcome.notices.flatMap((one) =>
      Object.keys(one).map((name) => name.split('_').at(-1) ?? ''),
    )
  }
  assert.deepEqual(at_(2000, 1000), [], 'within ten seconds')
  assert.deepEqual(at_(20_000, 2100), [], 'by less than a fifth')
  assert.deepEqual(at_(22_000, 1000), ['update'])
  assert.deepEqual(at_(40_000, 300), ['update', 'overloaded'])
  assert.deepEqual(at_(60_000, 10), ['update'], 'overloaded still')
})

test('applications come and go', () => {
  const [ward, daemon] = facts.applications
  const before = firstLook({ ...facts, applications: [daemon] })
  const { told, notices } = noticesOf(before, facts, 0)
  const [first] = notices
  assert.deepEqual(first, {
    'etsi-qkd-sdn-node:sdqkdn_application_new': {
      qkd_application: {
        app_type: 'etsi-qkd-node-types:CLIENT',
        server_app_id: 'photonward:sae:bristol.ward',
        client_app_id: ['photonward:sae:cambridge.ward'],
        app_priority: 0,
        local_qkdn_id: ids.node,
      },
    },
  })
  const idle = { ...facts, applications: [{ ...ward, isOn: false }, daemon] }
  assert.deepEqual(noticesOf(told, idle, 1000).notices[0], {
    'etsi-qkd-sdn-node:sdqkdn_application_disconnected': {
      qkd_application: { app_id: uuid(ids.ward) },
    },
  })
})
