/** What the console makes of the network that a site tells of. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alongLinks,
  edgesOf,
  forecastOf,
  growthOf,
  heldBetween,
  outflowOf,
  spaced,
  waysTo,
  type HeardLink,
  type SeenLink,
} from '../console/src/network-model.ts'
import { groupsOf, merged, type Told } from '../console/src/alarm-groups.ts'
import { gridRows } from '../console/src/grid-rows.ts'
import { differenceOf, roleChange } from '../console/src/role-change.ts'

const heard = (link: string, about: Partial<HeardLink> = {}): HeardLink => {
  const [a, b] = link.split('-')
  return {
    ...{ link, a, b, status: 'active', freeOctets: [8, 8], secretBitsPerSecond: 5, qber: 0.02 },
    ...{ suspect: false, ageMs: 1000, ...about },
  }
}
const own = (link: string, about: Partial<SeenLink>): SeenLink => ({
  ...{ link, peer: 'b', role: 'transmitter', state: 'running' },
  ...{ qber: 0.03, secretBitsPerSecond: 9, ...about },
})

test('an own link is shown as it is seen, whatever was said of it', () => {
  const [edge, ...more] = edgesOf({
    site: 'b',
    own: [own('a-b', { role: 'receiver', peer: 'a', state: 'suspended' })],
    others: [heard('a-b')],
  })
  assert.deepEqual(more, [])
  assert.deepEqual(edge, {
    ...{ link: 'a-b', a: 'a', b: 'b', isOwn: true, state: 'suspended', tone: 'ill' },
    ...{ isStale: false, ageMs: null, qber: 0.03, secretBitsPerSecond: 9, freeBits: 128 },
  })
})

test('a further link is stale once its sites are silent, and says nothing before it was heard', () => {
  const others = [
    heard('b-c', { ageMs: 35_000 }),
    heard('c-d', { ageMs: 35_001 }),
    heard('d-e', { status: 'unheard', ageMs: null, qber: 0 }),
    heard('e-f', { suspect: true }),
  ]
  const edges = edgesOf({ site: 'a', own: [], others })
  assert.deepEqual(
    edges.map(({ isStale, tone }) => [isStale, tone]),
    [
      [false, 'well'],
      [true, 'well'],
      [true, 'ill'],
      [false, 'ill'],
    ],
  )
  assert.deepEqual([edges[2].qber, edges[2].freeBits, edges[3].state], [null, null, 'suspended'])
})

test('a stock that shrinks lasts as long as its level does at that pace', () => {
  const at = (seconds: number, bits: number) => ({ at: seconds * 1000, bits })
  assert.equal(growthOf([at(0, 5000), at(44, 4000)]), null, 'too short a look')
  assert.equal(growthOf([at(0, 5000), at(20, 9000), at(50, 4000)]), -20)
  assert.equal(forecastOf(4000, -20), 200)
  assert.equal(forecastOf(4000, 0), 'grows')
  assert.equal(forecastOf(0, 7), 'empty')
  assert.equal(forecastOf(4000, null), null)
  assert.equal(outflowOf(100, -20), 120)
  assert.equal(outflowOf(100, 130), 0, 'blocks come in steps: never less than nothing')
  assert.equal(outflowOf(100, null), null)
})

test('neighbours stand side by side in the schematic: a chain and a ring are drawn without crossings', () => {
  const ordered = (links: readonly string[]): string =>
    alongLinks('c', edgesOf({ site: 'c', own: [], others: links.map((one) => heard(one)) })).join(
      '',
    )
  assert.match(ordered(['a-b', 'c-d', 'b-c', 'd-e']), /^(abcde|edcba)$/)
  assert.match(`${ordered(['c-a', 'a-b', 'b-d', 'd-c'])}c`, /cabdc|cdbac/)
  assert.equal(alongLinks('c', []).join(''), 'c')
})

test('ways to a neighbour and to a distant site are told apart, and who has a share in clear', () => {
  const edges = edgesOf({ site: 'a', own: [], others: [heard('a-b'), heard('b-c')] })
  const pairs = [{ peer: 'c', ways: [['a', 'b', 'c']] }]
  assert.deepEqual(waysTo('b', { site: 'a', edges, pairs }), [['a', 'b']])
  assert.deepEqual(waysTo('c', { site: 'a', edges, pairs }).map(heldBetween), [['b']])
  assert.deepEqual(waysTo('d', { site: 'a', edges, pairs }), [])
})

test('a change of roles is what leads from one standing to the other, and nothing else', () => {
  const from = { roles: ['nurse', 'resident'], clearances: ['R'] }
  assert.deepEqual(differenceOf(roleChange(from, from)), [])
  const to = { roles: ['resident', 'attending'], clearances: [] }
  assert.deepEqual(differenceOf(roleChange(from, to)), ['+ attending', '− nurse', '− clearance R'])
  assert.deepEqual(differenceOf(roleChange(to, from)), ['+ nurse', '− attending', '+ clearance R'])
})

test('the grid is told in rows: purposes of one need together, then actions of the same purposes', () => {
  const cell = (action: string, purpose: string, needs = 'a tie') => {
    return { class: 'clinical', action, purpose, needs }
  }
  const cells = [
    ...[cell('read', 'TREAT'), cell('read', 'ETREAT'), cell('search', 'ETREAT')],
    ...[cell('search', 'TREAT'), cell('read', 'BTG', ''), cell('export', 'TREAT')],
  ]
  assert.deepEqual(gridRows(cells), [
    {
      ...{ kind: 'clinical', needs: 'a tie' },
      ...{ purposes: ['ETREAT', 'TREAT'], actions: ['read', 'search'] },
    },
    { kind: 'clinical', needs: '', purposes: ['BTG'], actions: ['read'] },
    { kind: 'clinical', needs: 'a tie', purposes: ['TREAT'], actions: ['export'] },
  ])
})

test('alarms of one cause are one line: what stands first, then what is newest', () => {
  const alarm = (id: string, subject: string, clearedAt: number | null): Told => {
    const rest = { kind: 'link.silent', severity: 'warning', message: '' } as const
    return { id, at: Number(id), subject, clearedAt, ...rest }
  }
  const older = [alarm('3', 'a', 4), alarm('2', 'b', null), alarm('1', 'a', 2)]
  const newer = [alarm('5', 'a', 6), alarm('3', 'a', 4)]
  const groups = groupsOf(merged(older, newer))
  assert.deepEqual(
    groups.map(({ newest, count, standing, firstAt }) => [newest.id, count, standing, firstAt]),
    [
      ['2', 1, 1, 2],
      ['5', 3, 0, 1],
    ],
  )
})

test('sites in one town are drawn apart, and far ones where they are', () => {
  const places = new Map<string, readonly [number, number]>([
    ['cambridge', [300, 100]],
    ['campus', [301, 104]],
    ['ipswich', [340, 110]],
    ['bristol', [50, 250]],
  ])
  const room = { across: 78, down: 44 }
  const drawn = spaced(places, room)
  assert.deepEqual([...drawn.keys()], [...places.keys()])
  assert.deepEqual(drawn.get('bristol'), [50, 250])
  const spots = [...drawn.values()]
  for (const [at, [x, y]] of spots.entries()) {
    for (const [otherX, otherY] of spots.slice(at + 1)) {
      const isApart = Math.abs(x - otherX) > room.across - 1 || Math.abs(y - otherY) > room.down - 1
      assert(isApart, JSON.stringify(spots))
    }
  }
  assert.deepEqual(spaced(new Map([['a', [1, 1]]]), room), new Map([['a', [1, 1]]]))
})
