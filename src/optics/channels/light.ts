/** Power, photons, decibels. @module */

/** Planck's constant in J·s, exact (SI). */
const PLANCK = 6.626_070_15e-34
/** Speed of light in m/s, exact (SI). */
export const LIGHT_SPEED = 299_792_458

/** Energy of one photon in joules. */
export const photonEnergy = (wavelengthNm: number): number =>
  (PLANCK * LIGHT_SPEED) / (wavelengthNm * 1e-9)

/** Photons on average that a power brings in a time. */
export const photonsIn = (watts: number, seconds: number, wavelengthNm: number): number =>
  (watts * seconds) / photonEnergy(wavelengthNm)

/** 0 dBm is a milliwatt. */
export const wattsOf = (dbm: number): number => 1e-3 * 10 ** (dbm / 10)

/** Share of light as a loss; an infinite one for none. */
export const lossDbOf = (share: number): number => (share > 0 ? -10 * Math.log10(share) : Infinity)

/** Attenuation per kilometre in dB, as the exponent of natural decay. */
export const perKilometre = (dbPerKm: number): number => (dbPerKm * Math.LN10) / 10
