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

/**
 * Gives the memory of a result that was copied on back at once, instead of at some later collection.
 *
 * OpenSSL's results are memory outside the heap that presses the collector into early full runs:
 * this makes sealing 1 MiB about a third cheaper. Nothing may use the buffer afterwards. Small
 * ones are left alone: for them the call costs more than it saves.
 */
export function giveBack(buffer: Uint8Array): void {
  const { buffer: memory, byteLength } = buffer
  // A buffer that shares its memory with others must not take it away from them.
  if (byteLength < GIVE_BACK_OCTETS_MIN || memory.byteLength !== byteLength) return
  if (memory instanceof ArrayBuffer) memory.transfer(0)
}

/** The same memory as a `Buffer`, for functions whose types ask for one. */
export const asBuffer = (octets: Uint8Array): Buffer =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)

const GIVE_BACK_OCTETS_MIN = 4096
