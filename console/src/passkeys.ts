/**
 * Passkeys of this browser: shown and made for this origin, as the daemon asks for them.
 *
 * @see Web Authentication Level 3, §5.1.8 to §5.1.10
 * @module
 */

/** Whether this browser knows passkeys in the form that the daemon speaks. */
export const knowsPasskeys = (): boolean =>
  typeof PublicKeyCredential === 'function' && 'parseRequestOptionsFromJSON' in PublicKeyCredential

/** Shows one. @returns what the daemon is sent. Rejects where none was shown */
export async function showPasskey(options: PublicKeyCredentialRequestOptionsJSON): Promise<string> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return textOf(await navigator.credentials.get({ publicKey }))
}

/** Makes one. @returns what the daemon is sent. Rejects where none was made */
export async function makePasskey(
  options: PublicKeyCredentialCreationOptionsJSON,
): Promise<string> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return textOf(await navigator.credentials.create({ publicKey }))
}

function textOf(credential: Credential | null): string {
  if (credential instanceof PublicKeyCredential) return JSON.stringify(credential.toJSON())
  throw new TypeError('The browser has shown no passkey')
}
