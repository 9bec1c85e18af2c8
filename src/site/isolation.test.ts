import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, siteId } from '#base'
import { newTopology, openNetwork, withLink, type LinkState, type Topology } from '#relay'
import type { Alarms } from './alarms.ts'
import { cutOffBy, IsolationWatch, isolationWithout } from './isolation.ts'
import { WayFinder } from './way-finder.ts'

const [bristol, london, cambridge, oxford] = ['bristol', 'london', 'cambridge', 'oxford'].map(
  siteId,
)

/** Bristol – London – Cambridge, and Bristol – Oxford – Cambridge. */
const NETWORK = openNetwork({
  nodes: [
    ...[bristol, cambridge].map((site) => ({ site, kind: 'hospital' as const, relays: true })),
    ...[london, oxford].map((site) => ({ site, kind: 'trusted-node' as const, relays: true })),
  ],
  links: [
    { link: linkId('b-l'), a: bristol, b: london },
    { link: linkId('l-c'), a: london, b: cambridge },
    { link: linkId('b-o'), a: bristol, b: oxford },
    { link: linkId('o-c'), a: oxford, b: cambridge },
  ],
})
const SOUND: LinkState = {
  ...{ status: 'active', freeOctets: [1_000_000, 1_000_000], secretBitsPerSecond: 10_000 },
  ...{ consumptionBitsPerSecond: 0, qberPpm: 10_000, qberTrendPpmPerHour: 0 },
  ...{ suspect: false, saidMs: 0 },
}

/** @param suspects   by number of the link */
const topologyWith = (...suspects: readonly number[]): Topology =>
  NETWORK.links.reduce(
    (topology, _, at) => withLink(topology, at, { ...SOUND, suspect: suspects.includes(at) }),
    newTopology(NETWORK),
  )

/** Keeps what stands, as alarms do. */
class Standing {
  readonly alarms = new Set<string>()
  readonly change = (change: (alarms: Alarms) => Promise<unknown>): void => {
    void change({
      raise: ({ kind, subject }: { kind: string; subject: string }) => {
        return Promise.resolve(this.alarms.add(`${kind} ${subject}`))
      },
      clear: (kind: string, subject: string) => {
        return Promise.resolve(this.alarms.delete(`${kind} ${subject}`))
      },
    } as unknown as Alarms)
  }
}

const declared = (all: readonly string[], cut = all) => ({
  avoided: (which: 'all' | 'cut') => new Set((which === 'all' ? all : cut).map(siteId)),
})

test('who would be cut off is known before nodes are kept out, those nodes not counted', () => {
  const cutBy = (...nodes: readonly string[]) =>
    isolationWithout(topologyWith(), nodes.map(siteId), new Set()).isolated
  assert.deepEqual(cutBy('london'), [])
  assert.deepEqual(cutBy('london', 'oxford'), [bristol, cambridge])
  assert.deepEqual(cutBy('cambridge'), [bristol])
  const after = isolationWithout(topologyWith(), [london], new Set([oxford]))
  assert.deepEqual(after.isolated, [bristol, cambridge])
})

test('an alarm stands while suspicion or declared nodes cut a watched site off', () => {
  const standing = new Standing()
  const watchWith = (declarations: ReturnType<typeof declared>) =>
    new IsolationWatch({ declarations, watched: [bristol], alarm: standing.change })
  const watch = watchWith(declared([]))
  watch.look(topologyWith(0))
  assert.deepEqual([...standing.alarms], [], 'another way is left')
  watch.look(topologyWith(0, 2))
  assert.deepEqual([...standing.alarms], ['network.site-isolated bristol'])
  assert.deepEqual(watch.isolated, [bristol])
  watch.look(topologyWith(0))
  assert.deepEqual([[...standing.alarms], watch.isolated], [[], []])
  watchWith(declared(['oxford'])).look(topologyWith(1))
  assert.deepEqual([...standing.alarms], ['network.site-isolated bristol'])
  watchWith(declared(['oxford'])).look(topologyWith())
  assert.deepEqual([...standing.alarms], [])
})

test('a link is the last path if somebody would be cut off without it', () => {
  assert.deepEqual(cutOffBy(topologyWith(), linkId('b-l')), [])
  assert.deepEqual(cutOffBy(topologyWith(2), linkId('b-l')), ['bristol', 'cambridge'])
  assert.equal(cutOffBy(topologyWith(), linkId('elsewhere')), undefined)
})

test('a declared node or a suspect link is used where policy says so, and only for want of another', () => {
  const pair = {
    ...{ peer: cambridge, shares: 1, sharesLeast: 1, blockOctets: 1024, targetBits: 8192 },
    ...{ outward: linkId('out'), inward: linkId('in') },
  }
  const waysBy = (
    lastPath: 'wait' | 'use',
    topology: Topology,
    declarations: ReturnType<typeof declared>,
  ) => {
    const standing = new Standing()
    const clock = { now: () => 0 as never, monotonicMs: () => 0, after: () => () => undefined }
    const alarm = standing.change
    const preferenceFor = () => ({ isOn: true, vias: [] })
    const input = {
      ...{ site: bristol, network: NETWORK, clock, declarations, lastPath, alarm, preferenceFor },
    }
    const ways = new WayFinder(input).ways(topology, pair, 1024).map((way) => way.join('-'))
    return [ways, [...standing.alarms]]
  }
  const none: readonly string[] = []
  const alarms = ['network.last-path cambridge']
  const [byLondon, byOxford] = ['bristol-london-cambridge', 'bristol-oxford-cambridge']
  assert.deepEqual(waysBy('use', topologyWith(), declared(['london'], [])), [[byOxford], none])
  assert.deepEqual(waysBy('wait', topologyWith(2), declared(['london'], [])), [none, none])
  assert.deepEqual(waysBy('use', topologyWith(2), declared(['london'])), [[byOxford], alarms])
  const uncut = declared(['london', 'oxford'], ['oxford'])
  assert.deepEqual(waysBy('use', topologyWith(), uncut), [[byLondon], alarms])
  assert.deepEqual(waysBy('use', topologyWith(), declared(['london', 'oxford'])), [none, none])
})
