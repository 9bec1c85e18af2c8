/**
 * What administers a site: until when its trust lasts, and how it is configured.
 *
 * @module
 */

import { Exactly, OneOf, Text, Type, Whole, type Static } from '#base'
import { route } from './route.ts'

/** A configuration as it takes effect; it never holds a secret: those are sealed files. */
export const SettingsShape = Exactly({
  file: Text(4096),
  /** Every member, as a path such as `links/0/bound`, with its value as JSON. */
  members: Type.Array(Exactly({ member: Text(512), value: Text(8192), isDefault: Type.Boolean() })),
  /** Whether the file says something else than what the daemon began with. */
  needsRestart: Type.Boolean(),
  /** What is wrong with it, and what to do about it. */
  flaws: Type.Array(Exactly({ says: Text(1024), next: Text(1024) })),
})
export type SettingsView = Static<typeof SettingsShape>

export const AdministrationShape = Exactly({
  /** SHA-256 of the root between sites, hexadecimal: what operators compare. */
  fingerprint: Text(64),
  /** Certificates, lists and statements of other sites, those that end first at the top. */
  trust: Type.Array(
    Exactly({
      part: Text(256),
      /** `refused`: it does not hold now; revoked, for example. */
      state: OneOf('good', 'ending', 'ended', 'refused'),
      /** Epoch milliseconds; null of what is refused. */
      endsAt: Type.Union([Whole(0), Type.Null()]),
      /** What to do when it ends, or why it is refused. */
      says: Text(512),
    }),
  ),
  /** Null where a site has no file of its own. */
  settings: Type.Union([SettingsShape, Type.Null()]),
})
export type AdministrationView = Static<typeof AdministrationShape>

export const administrationRoutes = {
  administration: route({
    method: 'GET',
    path: '/v1/administration',
    summary: 'Certificates and lists with their ends, and the configuration as it takes effect',
    query: Exactly({}),
    body: Type.Null(),
    answer: AdministrationShape,
  }),
} as const
