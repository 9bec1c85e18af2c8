/**
 * The room site; its work is under way.
 *
 * @module
 */

export {}
