/**
 * One line of an examination, and what an examination is about.
 *
 * @module
 */

import { connect } from 'node:net'
import type { CheckState, CheckView } from '#contract'
import type { SiteConfiguration } from '#site'
import type { TcpAddress } from './listen.ts'

/** A line of the examination. @param next what to do about it */
export const line = (
  check: string,
  state: CheckState,
  says: string,
  next: string | null = null,
): CheckView => ({ check, state, says, next })

/** The site that is looked at. */
export interface ExaminedSite {
  /** Absolute, without symbolic links. */
  readonly folder: string
  readonly configuration: SiteConfiguration
  /** Of its root key, if one was given. */
  readonly passphrase: Uint8Array | undefined
}

/** Whether somebody accepts a connection there. */
export async function answers(address: { readonly path: string } | TcpAddress): Promise<boolean> {
  const { promise, resolve: done } = Promise.withResolvers<boolean>()
  const socket = connect(address)
  socket.setTimeout(ANSWER_MS, () => done(false))
  socket.once('connect', () => done(true))
  socket.once('error', () => done(false))
  const answered = await promise
  socket.destroy()
  return answered
}

const ANSWER_MS = 2000
