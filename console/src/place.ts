/**
 * Where somebody was when the session ended, so that signing in leads back there.
 *
 * Kept by this tab alone, and forgotten when it is used or when somebody logs out. It is an address of
 * the console, and those hold nothing of a patient.
 *
 * @module
 */

const KEPT = 'photonward.place'

export const keepPlace = (): void => {
  if (location.pathname !== '/login')
    sessionStorage.setItem(KEPT, location.pathname + location.search)
}

/** Notes that the daemon has answered somebody here. */
export const noteSession = (): void => {
  hadSession = true
}

/** Whether there was a session on this page, and somewhere to go back to. */
export const isOver = (): boolean => hadSession && sessionStorage.getItem(KEPT) !== null

let hadSession = false

export const forgetPlace = (): void => {
  hadSession = false
  sessionStorage.removeItem(KEPT)
}

/** Where to go on: where somebody was, or the beginning. */
export function takePlace(): string {
  const place = sessionStorage.getItem(KEPT) ?? '/'
  forgetPlace()
  return place
}
