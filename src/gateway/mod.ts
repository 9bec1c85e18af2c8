/**
 * The room gateway; its work is under way.
 *
 * @module
 */

export {}
