/**
 * The simulation over channels of this folder gives what their expectation says.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '#world/ports'
import type { FibreChannel } from '../channel.ts'
import { expectLink } from '../expectation.ts'
import { testLink, twoDecoys } from '../fixtures.test.ts'
import { checkedLink } from '../link.ts'
import { BatchSimulator } from '../simulate.ts'
import { coexistence } from './coexistence.ts'
import { fibreBudget, townRoute } from './fibre-budget.ts'
import { freeSpaceBudget } from './free-space.ts'
import { dataChannels, miciusPass, narrowWindow, rooftopPaths } from './presets.ts'
import { satellitePass } from './satellite.ts'

const glass = fibreBudget({ ...townRoute, lengthKm: 30 }).channel
const noise = coexistence(narrowWindow, { lengthKm: 30 }, dataChannels(8, 0, 'counter'))

const channels: Readonly<Record<string, FibreChannel>> = {
  'a town route': glass,
  'a route beside data': { ...glass, backgroundProbability: noise.backgroundProbability },
  'two roofs by day': freeSpaceBudget(rooftopPaths.day.figures).channel,
  'the middle of a pass': satellitePass(miciusPass.figures, 1).moments[0].channel,
}

test('simulated detections over every kind of channel are those expected, within 5 σ', () => {
  for (const [name, channel] of Object.entries(channels)) {
    const base = testLink({ intensities: twoDecoys, misalignment: { Z: 0.01, X: 0.01 } })
    const link = checkedLink({ ...base, channel })
    const simulator = new BatchSimulator({
      link,
      random: seededRandom(1, name),
      allowSimulatedRandomness: true,
    })
    const slots = 2 ** 22
    let seen = 0
    for (let batch = 0; batch < 4; batch++) seen += simulator.next(slots).detections.slots.length
    const mean = 4 * slots * expectLink(link).detectionProbability
    assert(mean > 1000, `${name} is not dark`)
    assert(Math.abs(seen - mean) < 5 * Math.sqrt(mean), `${name}: ${seen} of ${mean}`)
  }
  const [dark, lit] = [channels['a town route'], channels['a route beside data']]
  assert(lit.backgroundProbability > 1e-5 && dark.backgroundProbability === 0)
})
