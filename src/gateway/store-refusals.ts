/**
 * What both engines of the Store port refuse alike, and the limits on what may wait for them.
 *
 * @module
 */

import { PortRefusal, type SqlValue } from '#base'
import { valueFault } from './store-values.ts'
import type { Failure } from './store-wire.ts'

/** A failure as callers get it. */
export const refusalOf = ({ code, message, facts, cause }: Failure): PortRefusal =>
  new PortRefusal(code, message, { ...causeOf(cause), facts })

/** The text of an engine's error as the cause of ours. */
export const causeOf = (text: string | undefined): { cause?: Error } =>
  text === undefined ? {} : { cause: new Error(text) }

/** Refuses values that would come back as others. @throws PortRefusal `STORE_FAILED` */
export function refuseFaults(values: readonly SqlValue[], fault = valueFault): void {
  const found = values.map(fault).find((one) => one !== undefined)
  if (found === undefined) return
  throw new PortRefusal('STORE_FAILED', `The database cannot hold ${found}`)
}

/** Refuses to queue more than the bounds. @throws PortRefusal `STORE_FULL` */
export function refuseIfCrowded(commits: number, octetsWaiting: number, octets: number): void {
  if (commits < WAITING_COMMITS_MAX && octetsWaiting + octets <= WAITING_OCTETS_MAX) return
  throw new PortRefusal('STORE_FULL', 'Too much is waiting to be stored; try again later', {
    facts: { commits, octets: octetsWaiting },
  })
}

/** What a store says once it is closed. */
export const CLOSED: Failure = { code: 'STORE_FAILED', message: 'The store is closed', facts: {} }

/** Commits that may wait for the writer. */
export const WAITING_COMMITS_MAX = 16_384
/** Octets that may wait for the writer. */
const WAITING_OCTETS_MAX = 256 * 1024 * 1024
