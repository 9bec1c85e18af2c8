/**
 * Octets across the border to node:crypto, which speaks `Buffer`.
 *
 * A `Buffer` is a `Uint8Array` with a trap: its `slice` shares memory where ours copies, so a
 * "copy" of a secret would be cleared with the original. And `Buffer.from(octets)` copies into a
 * slab that all small buffers share and nobody clears. So nothing leaves this room as a `Buffer`,
 * and nothing secret enters OpenSSL through such a copy.
 *
 * @module
 */

/** The same memory as an ordinary `Uint8Array`. */
export const plain = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)

/** The same memory as a `Buffer`, for functions whose types ask for one. */
export const asBuffer = (octets: Uint8Array): Buffer =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
