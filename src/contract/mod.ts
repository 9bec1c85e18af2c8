/**
 * The room contract; its work is under way.
 *
 * @module
 */

export {}
