/**
 * What is shown of a record: elements masked, codes alone, people by pseudonyms, marks that stay.
 *
 * Stands between a decision and an answer: `access` says which obligations a permission bears, this
 * room performs them on a copy. What was masked says so in `meta.security`, so that it is not taken
 * for the whole and never written back.
 *
 * Does not decide, and is no anonymisation: whoever sees a masked record may still know whose it is.
 *
 * @module
 */

export { isMasked, maskedMember } from './masking.ts'
export { hides, shown, type ShownAs } from './shown.ts'
