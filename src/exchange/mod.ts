/**
 * The room exchange; its work is under way.
 *
 * @module
 */

export {}
