/** What a site asks of a block unless it is configured otherwise. @module */

/** ε granted to each block. */
export const EPSILONS = { secrecy: 1e-10, correctness: 1e-15 }

/** The reserve that a site cuts from each block. */
export const RESERVE_OCTETS = 2 * (16 + 16 * 64)
