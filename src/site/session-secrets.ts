/**
 * Secrets for other rooms, exported from sessions that rest on ML-KEM-1024 and X25519 alone: they
 * are there for the day on which the keys of the links are known, so they do not depend on them.
 *
 * @module
 */

import type { SecretBytes, SecretSupply } from '#base'
import { LINK_CLASS, type Session } from '#session'
import type { Sessions } from './sessions.ts'

/** @param purpose   of the sessions, agreed by both ends; no other session gives such a secret */
export function sessionSecrets(sessions: Sessions, purpose: SecretPurpose): SecretSupply {
  const secretOf = (session: Session): SecretBytes =>
    session.exportSecret(`photonward/${purpose}/v1`, 32)
  return {
    open: async (peer) => {
      const wish = { purpose, dataClass: LINK_CLASS, mode: 'post-quantum' } as const
      using session = await sessions.open(peer, wish)
      return { session: session.id, secret: secretOf(session) }
    },
    take: (peer, id) => {
      using session = sessions.take(peer, id)
      return session?.purpose === purpose ? secretOf(session) : undefined
    },
  }
}

/** What the two ends do with it: wrap relayed shares, or compare keys of two KMEs. */
export type SecretPurpose = 'relay-wrap' | 'key-comparison'
