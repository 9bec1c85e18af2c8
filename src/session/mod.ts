/**
 * The room session; its work is under way.
 *
 * @module
 */

export {}
