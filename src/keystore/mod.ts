/**
 * The room keystore; its work is under way.
 *
 * @module
 */

export {}
