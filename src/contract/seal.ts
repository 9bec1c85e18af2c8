/**
 * Routes about the seal of a site: whether its root key is in memory, and how it gets there.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, Whole, type Static } from '#base'
import { route } from './route.ts'

/** Whether a site is sealed, and what would open it. */
export const SealShape = Exactly({
  /** `opening`: all that was needed has been given, and the site starts. */
  state: OneOf('sealed', 'opening', 'open'),
  /** How the root key lies in the folder. */
  form: OneOf('file', 'passphrase', 'shares'),
  /** Shares that open it; 0 unless it is in shares. */
  threshold: Whole(0),
  /** Shares that were handed out. */
  shares: Whole(0),
  /** Name of the ceremony at which they were, hexadecimal. */
  ceremony: Type.Union([Text(32, 1), Type.Null()]),
  /** Numbers of the shares given so far. */
  given: Type.Array(Whole(1), { maxItems: 16 }),
  /** Wrong ones since it was sealed. */
  refused: Whole(0),
})
export type SealView = Static<typeof SealShape>

export const sealRoutes = {
  sealState: route({
    method: 'GET',
    path: '/v1/seal',
    summary: 'Whether the site is sealed, what opens it, and which shares were given',
    query: Exactly({}),
    body: Type.Null(),
    answer: SealShape,
  }),
  unseal: route({
    method: 'POST',
    path: '/v1/seal/opening',
    summary: 'Give the passphrase of the root key, or one share of it',
    query: Exactly({}),
    body: Exactly({ secret: Text(4096, 1) }),
    answer: SealShape,
  }),
  seal: route({
    method: 'POST',
    path: '/v1/seal',
    summary: 'Forget the root key: the site answers nothing until it is unsealed',
    query: Exactly({}),
    body: Type.Null(),
    answer: Exactly({ sealing: Type.Literal(true) }),
  }),
} as const
