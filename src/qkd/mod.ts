/**
 * The room qkd; its work is under way.
 *
 * @module
 */

export {}
