/**
 * Words of the access room that a configuration may use. The types see that none is missing; the code
 * of that room is not loaded for them, for a trusted node reads a configuration as well.
 *
 * @module
 */

import type { Purpose, Sensitivity } from '#access'

const purposes = {
  ...{ TREAT: true, ETREAT: true, BTG: true, HPAYMT: true, HOPERAT: true, HRESCH: true },
  ...{ PATRQT: true, FAMRQT: true, PUBHLTH: true, HMARKT: true },
} as const satisfies Readonly<Record<Purpose, true>>
const sensitivities = {
  ...{ ETH: true, PSY: true, HIV: true, STD: true, SDV: true, SEX: true, SCA: true },
  ...{ GDIS: true, PSYTHPN: true },
} as const satisfies Readonly<Record<Sensitivity, true>>

/** HL7 v3 PurposeOfUse, as far as known here. */
export const PURPOSE_WORDS = Object.keys(purposes) as Purpose[]
/** HL7 v3 InformationSensitivityPolicy, as far as known here. */
export const SENSITIVITY_WORDS = Object.keys(sensitivities) as Sensitivity[]
