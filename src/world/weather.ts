/**
 * What befalls messages between simulated sites, by chance and at given rates.
 *
 * Whoever sits on a wire of ours can lose and delay what passes, or end the connection: TLS sees
 * any changed octet. The classical channel of a quantum link has to hold by itself, so there changed
 * octets arrive. Lost, doubled and overtaking messages inside a connection that stands do not come
 * from a wire; they stand for a peer or a proxy that errs.
 *
 * @module
 */

import type { SeededRandom } from '#base'
import type { Faults, MessageFaults } from './faults.ts'
import type { Arrival, DialWeather, Fate, Passage, Weather } from './ports/mod.ts'

/** The weather at these rates. The generator becomes the weather's own. */
export function weatherAt(faults: Faults, chance: SeededRandom): Weather {
  return (passage) => {
    const { peer, link, device } = faults
    if (passage.channel.startsWith('link:')) return fateOf(passage, link, chance, 'arrives')
    return fateOf(passage, passage.channel.startsWith('device:') ? device : peer, chance, 'ends')
  }
}

/** Whether connections come about, at this rate. */
export const dialsAt =
  ({ dialsRefused }: Faults, chance: SeededRandom): DialWeather =>
  () => ({ delayMs: 1 + chance.below(DIAL_MS_MAX), succeeds: !chance.chance(dialsRefused) })

function fateOf(
  { octets }: Passage,
  faults: MessageFaults,
  chance: SeededRandom,
  changed: 'arrives' | 'ends',
): Fate {
  const { lost, duplicated, overtaken, delayMsMax } = faults
  const delayMs = 1 + chance.below(delayMsMax)
  if (chance.chance(lost)) return []
  if (chance.chance(faults.changed)) {
    if (changed === 'ends') return 'connection-ends'
    return [{ delayMs, octets: withOneBitChanged(octets, chance), inOrder: true }]
  }
  const isOvertaken = chance.chance(overtaken)
  const arrival: Arrival = isOvertaken
    ? { delayMs: delayMs + LATE_MS, octets }
    : { delayMs, octets, inOrder: true }
  if (!chance.chance(duplicated)) return [arrival]
  return [arrival, { delayMs: delayMs + chance.below(LATE_MS), octets: octets.slice() }]
}

function withOneBitChanged(octets: Uint8Array, chance: SeededRandom): Uint8Array {
  const changed = octets.slice()
  if (changed.length > 0) changed[chance.below(changed.length)] ^= 1 << chance.below(8)
  return changed
}

const DIAL_MS_MAX = 10
/** How late a message is that others overtake, and within which time a double comes. */
const LATE_MS = 3000
