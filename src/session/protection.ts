/**
 * What protected an item on its way: the words, their order, and the record kept with every item.
 *
 * @module
 */

import {
  door,
  epochMs,
  Exactly,
  KEY_SOURCES,
  keyId,
  OneOf,
  Type,
  uuid,
  UuidText,
  weakestSource,
  Whole,
  type EpochMs,
  type KeyId,
  type KeySource,
  type Uuid,
} from '#base'

/** Protection modes, weakest first. */
export const MODES = ['post-quantum', 'prefer-quantum', 'require-quantum', 'one-time-pad'] as const

/**
 * What is asked of a session, signed per data class.
 *
 * `one-time-pad`: QKD bits as pad, inside an outer hybrid envelope; reserved, refused for now.
 * `require-quantum`: QKD key, ML-KEM and X25519; waits rather than weakens.
 * `prefer-quantum`: the same, else ML-KEM and X25519, visibly marked; care never stops.
 * `post-quantum`: ML-KEM and X25519. Never is there X25519 alone.
 */
export type ProtectionMode = (typeof MODES)[number]

/** What went into a session's key: with a QKD key, or without. */
export const MODES_USED = ['hybrid-post-quantum', 'hybrid-quantum'] as const
export type ModeUsed = (typeof MODES_USED)[number]

/** How a QKD key came here; a relayed key was in clear at every node of its path. */
export const KEY_PATHS = ['relayed', 'direct'] as const
export type KeyPath = (typeof KEY_PATHS)[number]

/** The stronger of two modes. */
export const strongerMode = (a: ProtectionMode, b: ProtectionMode): ProtectionMode =>
  MODES.indexOf(a) >= MODES.indexOf(b) ? a : b

/** Whether a key of this source was computed rather than grown from photons. */
export const isSimulated = (source: KeySource): boolean =>
  source === 'seeded-test' || source === 'simulated'

/** The suite: CatKDF over QKD key, X25519 and ML-KEM-1024, SHA-384, ML-DSA-65 with Ed25519. */
export const SUITE = 'PW-HYB-1'

/** Recorded with every item that travelled, and shown to who asks what protected it. */
export interface Protection {
  /** The mode both ends agreed to, at least what each of their policies asks for the class. */
  readonly mode: ProtectionMode
  readonly used: ModeUsed
  readonly suite: typeof SUITE
  /** The QKD keys mixed in, ascending; none where `used` is `hybrid-post-quantum`. */
  readonly keyIds: readonly KeyId[]
  /** The least worthy source among those keys. */
  readonly keySource: KeySource | 'none'
  /** `relayed` if any of those keys was. */
  readonly keyPath: KeyPath | 'none'
  readonly sessionId: Uuid
  /** SHA-384 over context and both messages, in hexadecimal: what both ends confirmed. */
  readonly transcript: string
  /** When this end had the key confirmed, by its own clock. */
  readonly at: EpochMs
}

/** The shape of a Protection on a wire or in a store. */
export const ProtectionShape = Exactly({
  mode: OneOf(...MODES),
  used: OneOf(...MODES_USED),
  suite: Type.Literal(SUITE),
  keyIds: Type.Array(UuidText, { maxItems: 16 }),
  keySource: OneOf(...KEY_SOURCES, 'none'),
  keyPath: OneOf(...KEY_PATHS, 'none'),
  sessionId: UuidText,
  transcript: Type.String({ pattern: '^[0-9a-f]{96}$' }),
  at: Whole(0),
})

/** Reads a record of protection from outside. @throws ShapeRefusal */
export function readProtection(value: unknown): Protection {
  const { keyIds, sessionId, at, ...rest } = shape(value)
  return {
    ...rest,
    keyIds: keyIds.map((id) => keyId(id)),
    sessionId: uuid(sessionId),
    at: epochMs(at),
  }
}

const shape = door(ProtectionShape, 'protection record')

/** Whether care went on without the QKD key it asked for: to be marked wherever it is shown. */
export const isDegraded = ({ mode, used }: Protection): boolean =>
  mode === 'prefer-quantum' && used === 'hybrid-post-quantum'

/**
 * The weakest of several protections: an item is protected as its weakest transmission was.
 *
 * Compared by what was used, then source, then path, then mode; the first wins among equals.
 */
export function weakestProtection(first: Protection, ...others: readonly Protection[]): Protection {
  return others.reduce((weakest, one) => (strength(one) < strength(weakest) ? one : weakest), first)
}

function strength({ used, keySource, keyPath, mode }: Protection): number {
  const source = keySource === 'none' ? 0 : KEY_SOURCES.indexOf(keySource) + 1
  const path = keyPath === 'none' ? 0 : KEY_PATHS.indexOf(keyPath) + 1
  return ((MODES_USED.indexOf(used) * 8 + source) * 4 + path) * 4 + MODES.indexOf(mode)
}

/** Source and path of several keys taken together: the worst of each. */
export function worstOf(keys: readonly { readonly source: KeySource; readonly path: KeyPath }[]): {
  readonly keySource: KeySource | 'none'
  readonly keyPath: KeyPath | 'none'
} {
  return {
    keySource: weakestSource(keys.map(({ source }) => source)) ?? 'none',
    keyPath: KEY_PATHS.find((path) => keys.some((key) => key.path === path)) ?? 'none',
  }
}
