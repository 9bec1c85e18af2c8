/**
 * The room vault; its work is under way.
 *
 * @module
 */

export {}
