/**
 * The room health; its work is under way.
 *
 * @module
 */

export {}
