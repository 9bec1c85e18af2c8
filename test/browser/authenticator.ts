/**
 * The virtual authenticator of chromium, by which tests make and show passkeys.
 *
 * @module
 */

import type { CDPSession } from 'playwright-core'

/** An authenticator in the browser, which verifies its user and keeps passkeys. */
export async function newAuthenticator(cdp: CDPSession): Promise<string> {
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    },
  })
  return authenticatorId
}

/** Lets an authenticator count its uses from here. */
export async function countFrom(cdp: CDPSession, authenticatorId: string, signCount: number) {
  const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId })
  const [credential] = credentials
  const { credentialId } = credential
  await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId })
  const counted = { ...credential, signCount }
  await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: counted })
}
