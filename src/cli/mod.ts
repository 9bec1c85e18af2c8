/**
 * The room cli; its work is under way.
 *
 * @module
 */

export {}
