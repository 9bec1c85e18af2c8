/**
 * How people sign in here, and show a second factor anew: what the daemon is asked for it.
 *
 * @module
 */

import { ApiRefusal, post } from './api.ts'
import { makePasskey, showPasskey } from './passkeys.ts'
import { signInTexts } from './texts-sign-in.ts'

/** What there is at this address besides name, password and code. */
export interface SignInMeans {
  /** What a browser is asked for where there are passkeys. */
  readonly passkey: PublicKeyCredentialRequestOptionsJSON | null
  /** Providers outside. */
  readonly providers: readonly { readonly name: string; readonly title: string }[]
}

export const signInMeans = (): Promise<SignInMeans> =>
  post('/sign-in/means', {}) as Promise<SignInMeans>

/** A code of an authenticator app, or a passkey; both empty for none. */
export interface Factor {
  readonly code?: string
  readonly passkey?: string
}

/** Begins a session of a person. */
export const signIn = (
  credentials: { readonly login: string; readonly password: string } & Factor,
): Promise<unknown> => post('/sign-in', credentials)

/** Shows the second factor anew: what asks for a fresh one is then allowed for five minutes. */
export const showFactor = (factor: Factor): Promise<unknown> => post('/second-factor', factor)

/** Begins a session of somebody who is back from a provider outside. */
export const enterFromOutside = (factor: Factor): Promise<unknown> => post('/sign-in/from', factor)

/** A passkey of this browser, for a challenge of now. @throws ApiRefusal if none was shown */
export async function askPasskey(): Promise<string> {
  const { passkey } = await signInMeans()
  if (passkey === null) throw new ApiRefusal('PASSKEY_NOT_SHOWN', signInTexts.factor.notShown)
  try {
    return await showPasskey(passkey)
  } catch {
    throw new ApiRefusal('PASSKEY_NOT_SHOWN', signInTexts.factor.notShown)
  }
}

/** Makes a passkey for whoever is signed in. */
export async function addPasskey(): Promise<void> {
  const { offer } = (await post('/passkeys/offer', {})) as {
    readonly offer: PublicKeyCredentialCreationOptionsJSON | null
  }
  let passkey: string
  try {
    if (offer === null) throw new TypeError('There are no passkeys at this address')
    passkey = await makePasskey(offer)
  } catch {
    throw new ApiRefusal('PASSKEY_NOT_SHOWN', signInTexts.factor.notMade)
  }
  await post('/passkeys/add', { passkey })
}

/** Takes an own passkey away. */
export const removePasskey = (factor: string): Promise<unknown> =>
  post('/passkeys/remove', { factor })

/** Goes to a provider outside, which sends the browser back to the login. */
export async function goOutside(provider: string): Promise<void> {
  location.assign(await outsideAddress(provider, false))
}

/**
 * Asks a provider outside again, in a window of its own, so that what stands here stays.
 *
 * @returns when somebody is back from there
 */
export async function askOutside(provider: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  // Opened at once: after an answer a browser would take it for an advertisement.
  const opened = window.open('', '_blank', 'popup,width=520,height=720')
  const back = new BroadcastChannel(BACK)
  back.onmessage = () => resolve(undefined)
  try {
    if (opened === null) throw new ApiRefusal('WINDOW_REFUSED', signInTexts.factor.noWindow)
    opened.location.href = await outsideAddress(provider, true)
    const waiting = setTimeout(() => {
      reject(new ApiRefusal('WINDOW_REFUSED', signInTexts.factor.noWindow))
    }, ASKED_MS)
    await promise.finally(() => clearTimeout(waiting))
  } finally {
    back.close()
  }
}

/** Tells the page that has opened this window that somebody is back. */
export function tellBack(): void {
  const back = new BroadcastChannel(BACK)
  back.postMessage('back')
  back.close()
}

async function outsideAddress(provider: string, isAgain: boolean): Promise<string> {
  const { url } = (await post('/outside', { provider, isAgain })) as { readonly url: string }
  return url
}

const BACK = 'photonward.back'
const ASKED_MS = 10 * 60_000
