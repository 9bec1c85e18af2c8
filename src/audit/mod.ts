/**
 * The room audit; its work is under way.
 *
 * @module
 */

export {}
