import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId } from '#base'
import { MemoryLog, SimulatedNetwork, SimulatedTime } from '#world/ports'
import { askPeerClock, serveClock } from './peer-clock.ts'
import { Peers } from './peers.ts'

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')

test("a peer's clock is read as far ahead as it is, half a round trip allowed", async () => {
  const time = new SimulatedTime()
  const wires = new SimulatedNetwork(time)
  const log = new MemoryLog()
  const clock = time.view()
  for (const aheadMs of [0, 90_000, -90_000]) {
    const theirs = time.view()
    theirs.jump(aheadMs)
    const network = wires.of(cambridge)
    const peers = new Peers({ network, clock: theirs, log, peers: [bristol] })
    serveClock(peers, theirs)
    peers.start()
    const asked = askPeerClock(cambridge, { network: wires.of(bristol), clock, log })
    await time.advance(1000)
    const { offsetMs, roundTripMs } = await asked
    assert(Math.abs(offsetMs - aheadMs) <= roundTripMs / 2 + 1, `${offsetMs} of ${aheadMs}`)
    peers.stop()
  }
})

test('a peer that cannot be reached has no clock', async () => {
  const time = new SimulatedTime()
  const wires = new SimulatedNetwork(time)
  const clock = time.view()
  const log = new MemoryLog()
  wires.setCut(bristol, cambridge, true)
  const asked = askPeerClock(cambridge, { network: wires.of(bristol), clock, log })
  const failed = assert.rejects(asked)
  await time.advance(60_000)
  await failed
})
