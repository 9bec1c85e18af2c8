/**
 * The room pki; its work is under way.
 *
 * @module
 */

export {}
