/**
 * The room kme; its work is under way.
 *
 * @module
 */

export {}
