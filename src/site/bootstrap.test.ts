import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, Refusal, siteId, toCbor, type SiteId } from '#base'
import { MemoryLog, SimulatedNetwork, SimulatedTime } from '#world/ports'
import { newBootstrap } from './bootstrap.ts'
import { Peers } from './peers.ts'
import type { Sessions } from './sessions.ts'

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')
const link = linkId('bristol-cambridge')
const ID = '0198c5a0-0000-4000-8000-000000000001'

/** Two ends whose only session is already open at both; it is given out once, as `Sessions` does. */
function ends(purpose = 'qkd-authentication-bootstrap') {
  const time = new SimulatedTime()
  const wires = new SimulatedNetwork(time)
  const log = new MemoryLog()
  let taken = 0
  const session = (role: 'initiator' | 'responder') => ({
    ...{ id: ID, role, purpose },
    exportSecret: (_label: string, size: number) => ({
      reveal: () => new Uint8Array(size).map((_, at) => at % 251),
      [Symbol.dispose]: () => undefined,
    }),
    [Symbol.dispose]: () => undefined,
  })
  const sessions = {
    open: () => Promise.resolve(session('initiator')),
    take: (peer: SiteId, id: string) =>
      peer === bristol && id === ID && taken++ === 0 ? session('responder') : undefined,
  } as unknown as Sessions
  const end = (own: SiteId, other: SiteId) => {
    const peers = new Peers({ network: wires.of(own), clock: time.view(), log, peers: [other] })
    const bootstrap = newBootstrap({ peers, sessions, isSigned: (_, name) => name === link })
    peers.start()
    return { peers, bootstrap }
  }
  return { time, wires, log, a: end(bristol, cambridge), b: end(cambridge, bristol) }
}

test('a notice that comes twice makes one source, and is answered alike both times', async () => {
  const { time, wires, log, a, b } = ends()
  // The double arrives first wherever it can.
  wires.weather = ({ octets }) => [
    { delayMs: 3, octets },
    { delayMs: 2, octets },
  ]
  const initiated = a.bootstrap.initiate(cambridge, link)
  await time.advance(50)
  const ours = await initiated
  const theirs = b.bootstrap.collect(bristol, link)
  assert.equal(theirs?.id, ours.id)
  assert.deepEqual(theirs.receive.pads, ours.send.pads)
  assert.deepEqual(theirs.send.pads, ours.receive.pads)
  assert.equal(b.bootstrap.collect(bristol, link), undefined)
  assert.deepEqual(log.lines, [])
  const again = a.peers.request(cambridge, 'link/bootstrap', toCbor({ link, session: ID }))
  await time.advance(50)
  await again
  assert.equal(b.bootstrap.collect(bristol, link), undefined, 'a source is never made again')
})

for (const [what, notice] of [
  ['for another purpose', { purpose: 'transfer', session: ID }],
  ['that nobody opened', { session: '0198c5a0-0000-4000-8000-000000000002' }],
] as const) {
  test(`a notice of a session ${what} is refused, not an internal failure`, async () => {
    const { time, log, a, b } = ends('purpose' in notice ? notice.purpose : undefined)
    const asked = a.peers
      .request(cambridge, 'link/bootstrap', toCbor({ link, session: notice.session }))
      .catch((error: unknown) => error)
    await time.advance(50)
    const refusal = await asked
    assert(refusal instanceof Refusal)
    assert.equal((refusal as Refusal).code, 'BOOTSTRAP_SESSION_UNKNOWN')
    assert.equal(b.bootstrap.collect(bristol, link), undefined)
    assert.deepEqual(log.lines, [])
  })
}

test('a link that does not begin with signatures is not begun by them', async () => {
  const { time, a, b } = ends()
  const asked = a.peers
    .request(cambridge, 'link/bootstrap', toCbor({ link: 'with-a-courier', session: ID }))
    .catch((error: unknown) => error)
  await time.advance(50)
  assert.equal(((await asked) as Refusal).code, 'BOOTSTRAP_UNWANTED')
  assert.equal(b.bootstrap.collect(bristol, linkId('with-a-courier')), undefined)
})
