/**
 * Launches: an app that is opened for one patient out of the record.
 *
 * Whoever launches hands the app a secret, good once, for ten minutes, for this app and this person.
 * It gives no right: the person has to sign in, and sees of the patient what the person may see.
 *
 * @see SMART App Launch 2.2.0, Launch App: EHR Launch
 * @module
 */

import { door, epochMs, Exactly, MINUTE_MS, Text, type EpochMs } from '#base'
import type { Authorizations } from '#access'

/** Who opens which app for whom. */
export interface Launch {
  readonly client: string
  readonly person: string
  /** Its identifier in FHIR. */
  readonly patient: string
}

/** The launches that an authorization server remembers. */
export const launchesOf = (memory: Authorizations) => ({
  /** @param about   a secret, and when it is */
  async keep(launch: Launch, about: { readonly secret: string; readonly at: EpochMs }) {
    const { person, client } = launch
    const wish = { payload: JSON.stringify(launch), person, client }
    await memory.keep(SORT, about.secret, { ...wish, endsAt: epochMs(about.at + LAUNCH_MS) })
  },

  /** The patient of a launch by this person for this app; the secret is void from here. */
  async take(secret: string, of: Omit<Launch, 'patient'>): Promise<string | undefined> {
    const patient = await this.see(secret, of)
    return patient !== undefined && (await memory.forget(SORT, secret)) ? patient : undefined
  },

  /** The same; the secret stays good. */
  async see(secret: string, of: Omit<Launch, 'patient'>): Promise<string | undefined> {
    const payload = await memory.find(SORT, secret)
    if (payload === undefined) return undefined
    const { client, person, patient } = openLaunch(JSON.parse(payload))
    return client === of.client && person === of.person ? patient : undefined
  },
})

const openLaunch = door(
  Exactly({ client: Text(64, 1), person: Text(64, 1), patient: Text(64, 1) }),
  'launch',
)
const SORT = 'Launch'
const LAUNCH_MS = 10 * MINUTE_MS
