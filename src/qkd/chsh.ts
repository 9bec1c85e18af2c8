/**
 * The CHSH value of a link of entangled pairs, inferred from its error rates.
 *
 * In each basis the correlation of both ends is E = 1 − 2Q. With settings of one end turned by 22.5°
 * against those of the other, a state with these two correlations reaches S = √2·(E_Z + E_X), which
 * is 2√2·(1 − 2Q) where both bases are equally good. No local model reaches above 2; nature no more
 * than 2√2.
 *
 * Nothing was measured at those settings: this restates what the link measured in two bases, under
 * the assumption that its receivers do what they are built for. It is no test of Bell's inequality,
 * let alone one without loopholes, and no key length depends on it. For a measured test there is
 * `chshTest` in `models/entangled`.
 *
 * @see Clauser, Horne, Shimony, Holt, PRL 23, 880 (1969)
 * @module
 */

/** S as two error rates imply it: at most 2√2; at 2 and below it says nothing of entanglement. */
export const inferredChsh = (keyErrorRate: number, testErrorRate: number): number =>
  2 * Math.SQRT2 * (1 - keyErrorRate - testErrorRate)
