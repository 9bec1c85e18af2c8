/**
 * What may be asked to become of resources, and what became of them.
 *
 * @module
 */

import type { EpochMs, Uuid } from '#base'
import type { Act } from '#audit'
import type { JsonObject } from '#health'
import type { Opened } from './opened.ts'
import type { Told } from './trail.ts'

/** A resource of this site, by type and logical id. */
export interface ResourceName {
  readonly type: string
  readonly id: string
}

/** What is to become of one resource. */
export type Change = ResourceName & {
  /**
   * The version that must be the newest, or `absent` if there must be none that is not gone. Left
   * out, whatever is there is followed.
   */
  readonly expect?: number | 'absent'
} & (
    | {
        readonly kind: 'put'
        /** Valid, with this type and id: whoever asks has checked. */
        readonly value: JsonObject
      }
    | { readonly kind: 'remove' }
  )

/** What became of one resource. */
export interface Written extends ResourceName {
  /**
   * `made`: it was not there, or gone. `changed`: its next version. `kept`: the same to the letter,
   * or not there to be removed; nothing was written.
   */
  readonly deed: 'made' | 'changed' | 'removed' | 'kept'
  /** The newest version now, from 1; 0 for what never was. */
  readonly version: number
  /** When it was written; undefined where nothing was. */
  readonly at: EpochMs | undefined
  /** Patients whose record it is now, by our own random ids. */
  readonly patients: readonly Uuid[]
}

/** What a plan may look at. Nothing of it may be given out: the log does not say it was opened. */
export interface WriteView {
  /** The newest version of a resource, also of one that is gone; undefined if there was none. */
  current(name: ResourceName): Promise<Opened | undefined>
  /** Whether all of these are here and not gone. */
  isHere(names: readonly ResourceName[]): Promise<boolean>
}

/** Changes that are made together or not at all. */
export interface WriteUnit {
  /** Who asks, as it shall stand in the log. */
  readonly actor: string
  /** What was asked; `many` unless said, which need not be told of what is shared. */
  readonly act?: Act
  /** For the events; left out, they tell no more than the actor. */
  readonly told?: Told
  /**
   * All resources that the plan may look at or change. Left out, nothing else is written while it
   * is decided: for plans that look at what they find.
   */
  readonly names?: readonly ResourceName[]
  /**
   * Decides the changes from what is stored; no other write comes between. Each resource at most
   * once. What it throws refuses this unit alone.
   */
  plan(view: WriteView): readonly Change[] | Promise<readonly Change[]>
}
