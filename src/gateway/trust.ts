/**
 * Looks for new revocation lists and certificates in the folder of a daemon and has them brought
 * into force, so that neither a revocation nor a renewal needs a restart.
 *
 * @module
 */

import type { Cancel, Clock, Disk, Log } from '#base'
import type { Shutdown } from './shutdown.ts'

export interface TrustWatch {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  readonly shutdown: Shutdown
  /** Takes what is new into use; what stood before stands on if it rejects. */
  readonly reload: () => Promise<void>
}

/** Looks every few seconds until the daemon shuts down. */
export function watchTrust({ disk, clock, log, shutdown, reload }: TrustWatch): void {
  let before = ''
  const look = async (): Promise<void> => {
    const files = await Promise.all(TRUST_FILES.map((file) => disk.read(file)))
    const now = files.map((octets) => octets?.toHex() ?? '').join(' ')
    const isNew = before !== '' && now !== before
    // Before the reload: files that cannot be used are tried, and complained of, once.
    before = now
    if (isNew) await reload()
  }
  let cancel: Cancel = () => undefined
  shutdown.add('timers', 'trust', () => cancel())
  const again = (): void => {
    if (!shutdown.begun) cancel = clock.after(LOOK_MS, () => void turn())
  }
  const turn = (): Promise<void> =>
    look()
      .catch((error: unknown) => {
        const why = error instanceof Error ? error.message : 'unknown'
        log.write('error', 'trust-not-reloaded', { why })
      })
      .finally(again)
  void turn()
}

const TRUST_FILES = ['revocation.cbor', 'grant.cbor', 'device.cbor']
const LOOK_MS = 5000
