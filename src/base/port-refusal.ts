/**
 * What the ports refuse: the same codes whether the port is real or simulated.
 *
 * @module
 */

import { Refusal } from './refusal.ts'

export type PortRefusalCode =
  | 'NETWORK_UNREACHABLE'
  | 'NETWORK_CLOSED'
  | 'NETWORK_UNKNOWN_PEER'
  | 'NETWORK_MESSAGE_TOO_LARGE'
  | 'STORE_CONFLICT'
  | 'STORE_FULL'
  | 'STORE_FAILED'
  | 'DISK_FULL'
  | 'DISK_FAILED'
  /** The object storage that holds large containers does not answer, or refuses. */
  | 'BLOBS_UNREACHED'

/** A port could not do what was asked; nothing was half done. */
export class PortRefusal extends Refusal<PortRefusalCode> {
  override readonly name = 'PortRefusal'
}

/** Whether an error is a port's refusal with this code. */
export const refusedWith = (error: unknown, code: PortRefusalCode): boolean =>
  error instanceof PortRefusal && error.code === code
