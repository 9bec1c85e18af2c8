/**
 * The context of a launch: the one patient that an app was opened for, kept beside the grant.
 *
 * @see SMART App Launch 2.2.0, Launch Context
 * @module
 */

import { DAY_MS, door, epochMs, Exactly, Text, Type } from '#base'
import type { Authorizing } from '#site'

export interface LaunchContext {
  /** Its identifier in FHIR. */
  readonly patient?: string
}

/** Keeps the context of a grant, for as long as a grant lives. */
export async function keepContext(
  authorizing: Authorizing,
  grant: string,
  context: LaunchContext,
): Promise<void> {
  const endsAt = epochMs(authorizing.now() + CONTEXT_MS)
  await authorizing.memory.keep(SORT, grant, { payload: JSON.stringify(context), endsAt, grant })
}

/** The context of a grant; empty where the app was opened for nobody. */
export async function contextOf({ memory }: Authorizing, grant: string): Promise<LaunchContext> {
  const payload = await memory.find(SORT, grant)
  return payload === undefined ? {} : openContext(JSON.parse(payload))
}

const openContext = door(Exactly({ patient: Type.Optional(Text(64, 1)) }), 'launch context')
const SORT = 'Context'
const CONTEXT_MS = 14 * DAY_MS
