/**
 * The room envelope; its work is under way.
 *
 * @module
 */

export {}
