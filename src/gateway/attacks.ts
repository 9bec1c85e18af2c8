/**
 * Attacks by the names of the admin API, as the simulation takes them.
 *
 * @module
 */

import type { AttackView } from '#contract'
import { noAttack, type Attack } from '#optics'

/** The attack that is meant; what is left out has a value that shows the effect. */
export function attackOf(view: AttackView): Attack {
  const { kind, fraction, stealth, powerUw, shiftPs, degreesPerMinute, at } = view
  const site = at === undefined ? {} : { at }
  const care = stealth === undefined ? {} : { stealth }
  switch (kind) {
    case 'none':
      return noAttack
    case 'intercept-resend':
    case 'photon-number-splitting':
      return { kind, fraction, ...care }
    case 'beam-splitting':
    case 'failing-source':
      return { kind, fraction }
    case 'fibre-cut':
      return { kind, lossDb: fraction === 1 ? Infinity : -10 * Math.log10(1 - fraction) }
    case 'blinding':
      return { kind, fraction, ...(powerUw === undefined ? {} : { powerUw }), ...site }
    case 'bright-light':
      return { kind, powerUw: powerUw ?? JAMMING_UW, ...site }
    case 'time-shift':
      return { kind, fraction, shiftPs: shiftPs ?? SHIFT_PS, ...site }
    case 'trojan-horse':
      return { kind, powerUw: powerUw ?? TROJAN_UW }
    case 'drift': {
      const degrees = degreesPerMinute ?? DRIFT_DEGREES_PER_MINUTE
      return { kind, radiansPerSecond: (degrees * Math.PI) / 180 / 60 }
    }
  }
}

/** A thirtieth of a nanowatt: a quarter of a photon in each slot of 1 ns. */
const JAMMING_UW = 3e-5
/** Later than the gates of our avalanche photodiodes are wide. */
const SHIFT_PS = 80
/** A milliwatt. */
const TROJAN_UW = 1000
const DRIFT_DEGREES_PER_MINUTE = 6
