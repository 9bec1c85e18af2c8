import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hex, SeededRandom } from '#base'
import { LinkEngine } from './engine.ts'
import { drawBatch, randomFrom, ROLES, TINY_WEATHER, tinyLink } from './fixture.test.ts'
import { copyOfInput, LoopbackLink } from './loopback.ts'

test('a loop of both engines distils equal keys, and one end replays alone what it did', () => {
  const parameters = tinyLink()
  const seeds = { transmitter: 5, receiver: 6 }
  const random = {
    transmitter: randomFrom(seeds.transmitter),
    receiver: randomFrom(seeds.receiver),
    bootstrap: randomFrom(7),
  }
  const link = new LoopbackLink({ parameters, random, record: true })
  const keys = { transmitter: [] as string[], receiver: [] as string[] }
  for (const role of ROLES) link.ends[role].stored = ({ key }) => keys[role].push(hex(key.octets))
  for (let batch = 0; batch < 2; batch++) {
    const drawn = drawBatch(new SeededRandom(batch), batch, 80_000, {
      pulses: parameters.pulses,
      weather: TINY_WEATHER,
    })
    link.feed(drawn.detections, drawn.choices)
  }
  assert.equal(keys.transmitter.length, 2)
  assert.deepEqual(keys.transmitter, keys.receiver)
  assert(link.sentOctets.receiver > 100_000)

  for (const role of ROLES) {
    const again = randomFrom(seeds[role])
    const alone = new LinkEngine({ site: parameters[role], parameters, random: again })
    for (const input of link.ends[role].inputs) alone.step(copyOfInput(input))
    assert.deepEqual(alone.status(), link.ends[role].engine.status())
  }
})
