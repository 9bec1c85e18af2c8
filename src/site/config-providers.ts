/**
 * Providers of sign-in outside a site, as its configuration says them.
 *
 * @module
 */

import { Exactly, Text, Type, type Static } from '#base'

/**
 * A provider of OpenID Connect at which people of this site may sign in. Who somebody there is here,
 * `photonward person bind` says; what somebody may do, it never says.
 */
export const ProviderShape = Exactly({
  /** Part of the addresses to register there: `…/auth/from/<name>` and, at the console, `/from/<name>`. */
  name: Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$' }),
  /** What the button says; left out, the name. */
  title: Type.Optional(Text(64, 1)),
  /** As it stands in its discovery document, to the letter. */
  issuer: Type.String({
    pattern: '^https://[A-Za-z0-9.:\\[\\]-]{1,255}(?:/[A-Za-z0-9._~/-]{0,512})?$',
  }),
  /** Further origins that its addresses may have; where it names others, nobody is sent or asked. */
  origins: Type.Array(Type.String({ pattern: '^https://[A-Za-z0-9.:\\[\\]-]{1,255}$' }), {
    maxItems: 8,
    default: [],
  }),
  clientId: Text(255, 1),
  /** File with the secret that the provider gave; one of the two. */
  clientSecretFile: Type.Optional(Text(1024, 1)),
  /** PEM file with the key that this site proves itself by (`private_key_jwt`): EC P-256 or P-384. */
  clientKeyFile: Type.Optional(Text(1024, 1)),
  /** PEM file of the authority of its certificate; left out, those that Node brings. */
  caFile: Type.Optional(Text(1024, 1)),
  /** The claim of the identity token that names people for ever, such as `oid` of Entra ID. */
  claim: Type.String({ pattern: '^[A-Za-z0-9_.:/-]{1,128}$', default: 'sub' }),
  /**
   * What there counts as a second factor: one of these in `acr`, or all of `amr`. Whoever has not shown
   * it is asked for one of this site, and needs one. Left out: nothing there counts, and whoever has one
   * here is asked for it.
   */
  secondFactor: Type.Optional(
    Exactly({
      acr: Type.Array(Text(256, 1), { maxItems: 16, default: [] }),
      amr: Type.Array(Text(64, 1), { maxItems: 8, default: [] }),
    }),
  ),
})
/** A provider of the configuration. */
export type ProviderConfiguration = Static<typeof ProviderShape>
