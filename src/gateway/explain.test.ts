import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { explainConfiguration } from './explain.ts'
import { scratch } from './scratch.test.ts'

const peer = { site: 'cambridge', kme: 'kme.cambridge', host: 'localhost', port: 9401 }
const link = {
  ...{ link: 'bristol-cambridge', peer: 'cambridge', preset: 'cambridge-metro' },
  device: { name: 'fibre-1', host: 'localhost', port: 9300 },
}
const site = {
  ...{ site: 'bristol', federation: 'photonward', kme: 'kme.bristol' },
  logOrigin: 'photonward.example/bristol',
  peerListener: { host: '127.0.0.1', port: 9400 },
  northListener: { host: '127.0.0.1', port: 9443 },
  peers: [peer],
  links: [link],
  saes: [{ sae: 'bristol.ward', site: 'bristol' }],
}

function explained(t: TestContext, configuration: object) {
  const folder = scratch(t)
  writeFileSync(join(folder, 'photonward.json'), JSON.stringify(configuration))
  return explainConfiguration(folder)
}

test('the effective configuration names what it leaves to defaults', (t) => {
  const { kind, configuration, defaults, checks } = explained(t, { ...site, logLevel: 'debug' })
  assert.equal(kind, 'site')
  assert.deepEqual(checks, [])
  assert(defaults.includes('profile') && defaults.includes('links/0/blockBits'))
  assert(!defaults.includes('logLevel') && !defaults.includes('links/0/preset'))
  const effective = configuration as { profile: string; links: { qberMax: number }[] }
  assert.deepEqual([effective.profile, effective.links[0].qberMax], ['production', 0.08])
})

test('a link of pairs needs no bound, and takes only its own', (t) => {
  const pairs = { ...link, preset: 'metro-bbm92' }
  const checksOf = (change: object) => explained(t, { ...site, links: [{ ...pairs, ...change }] })
  assert.deepEqual(checksOf({}).checks, [])
  assert.deepEqual(checksOf({ bound: 'tomamichel-2012' }).checks, [])
  for (const wrong of [
    { bound: 'wiesemann-2024' },
    { preset: 'cambridge-metro', bound: 'tomamichel-2012' },
  ]) {
    const [{ state, says }] = checksOf(wrong).checks
    assert.equal(state, 'fail')
    assert.match(says, /expected a bound for (bbm92|decoy-bb84), got /)
  }
})

test('a link of three states needs neither bound nor hash, and takes only its own', (t) => {
  const three = { ...link, preset: 'three-state-102km' }
  const checksOf = (change: object) => explained(t, { ...site, links: [{ ...three, ...change }] })
  assert.deepEqual(checksOf({}).checks, [])
  assert.deepEqual(checksOf({ bound: 'three-state', amplification: 'toeplitz' }).checks, [])
  for (const [wrong, says] of [
    [{ bound: 'wiesemann-2024' }, /expected a bound for three-state-bb84, got wiesemann-2024/],
    [{ amplification: 'modular' }, /expected toeplitz amplification/],
    [{ preset: 'cambridge-metro', bound: 'three-state' }, /expected a bound for decoy-bb84, got/],
  ] as const) {
    const [check] = checksOf(wrong).checks
    assert.equal(check.state, 'fail')
    assert.match(check.says, says)
  }
})

test('what is wrong beyond the form is said, one line each', (t) => {
  const cases: readonly (readonly [object, 'warn' | 'fail', RegExp])[] = [
    [{ peers: [peer, peer] }, 'fail', /the peer cambridge is there twice/],
    [{ peers: [peer, { ...peer, site: 'bristol' }] }, 'fail', /bristol is a peer of itself/],
    [{ links: [link, link] }, 'fail', /the link bristol-cambridge is there twice/],
    [{ links: [{ ...link, peer: 'oxford' }] }, 'fail', /leads to oxford, which is no peer/],
    [
      { links: [{ ...link, preset: 'moon' }] },
      'fail',
      /the link bristol-cambridge: Expected the name of a link preset/,
    ],
    [{ saes: [...site.saes, ...site.saes] }, 'fail', /the SAE bristol.ward is there twice/],
    [{ saes: [{ sae: 'x', site: 'oxford' }] }, 'warn', /the SAE x is at oxford, which is no peer/],
    [{ northListener: site.peerListener }, 'fail', /two listeners are at 127.0.0.1:9400/],
    [{ peers: [{ ...peer, host: '192.0.2.1' }] }, 'warn', /cannot reach 127.0.0.1:9400/],
  ]
  for (const [change, state, says] of cases) {
    const { checks } = explained(t, { ...site, ...change })
    assert.deepEqual(
      checks.map((one) => one.state),
      [state],
      JSON.stringify(change),
    )
    assert.match(checks[0].says, says)
    assert.match(checks[0].next ?? '', /photonward\.json/)
  }
})

test('a configuration of another form is refused before anything is explained', (t) => {
  assert.throws(() => explained(t, { ...site, prfile: 'demo' }), {
    code: 'CONFIG_INVALID',
    message: /unknown key "prfile"; did you mean "profile"\?/,
  })
})

test('daemons that serve a site together need PostgreSQL, names and places of their own', (t) => {
  const at = (port: number) => ({ host: '127.0.0.1', port })
  const store = { kind: 'postgres' }
  const daemons = [
    { name: 'a', northListener: at(9444), etsi004Listener: at(9445) },
    { name: 'b', northListener: at(9446) },
  ]
  const saysOf = (change: object) =>
    explained(t, { ...site, store, daemons, ...change }).checks.map(({ says }) => says)
  assert.deepEqual(saysOf({}), [])
  assert.deepEqual(saysOf({ leader: at(9400) }), [])
  assert.match(saysOf({ store: { kind: 'sqlite' } })[0], /over PostgreSQL only/)
  assert.match(saysOf({ daemons: [], leader: at(9400) })[0], /no daemon is named/)
  const [first] = daemons
  assert.match(saysOf({ daemons: [first, { ...first, northListener: at(9447) }] })[0], /a is there/)
  const both = saysOf({ daemons: [first, { name: 'b', northListener: at(9445) }] })
  assert.match(both[0], /two listeners of daemons are at 127\.0\.0\.1:9445/)
})
