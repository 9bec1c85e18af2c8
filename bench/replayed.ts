/**
 * The choices of a transmitter at the slots that the receiver detected.
 *
 * @module
 */

import type { ChoiceRecord } from '#optics'

/** All detected slots are among those of the record. */
export function choicesAt({ slots, choices }: ChoiceRecord, wanted: Uint32Array): Uint8Array {
  let at = 0
  return Uint8Array.from(wanted, (slot) => {
    while (slots[at] !== slot) at++
    return choices[at]
  })
}
