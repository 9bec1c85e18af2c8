/**
 * Who may: roles, relationships, purposes, labels, consent and break-glass, in one pure decision.
 *
 * Every way out of the vault asks `decide` (or `forPatients`, the same for lists) and performs its
 * obligations. Roles and guards are Cedar policies, text that a hospital reads and approves.
 *
 * Does not know who somebody is (tokens are checked here, people are enrolled elsewhere), and does
 * not guard what has left: see `docs/internals/access.md`.
 *
 * @module
 */

export {
  issueAccessToken,
  LIFETIME_MS_MAX,
  verifyAccessToken,
  type AccessToken,
  type TokenGrant,
  type TokenPolicy,
} from './access-token.ts'
export * from './break-glass.ts'
export { purposeOf, PURPOSE_HEADER, type Caller } from './caller.ts'
export {
  ASSERTION_ALGORITHMS,
  verifyClientAssertion,
  type AssertionPolicy,
  type OnceOnly,
  type ProvenClient,
} from './client-assertion.ts'
export { consentFor, type ConsentFinding } from './consent.ts'
export { readConsent, type Directive } from './consent-read.ts'
export { classOf } from './classes.ts'
export { decide, forPatients } from './decide.ts'
export { openPolicyEngine, type PolicyEngine, type Question, type Verdict } from './engine.ts'
export { GlassKeeper, openGlassKeeper, type GlassInput } from './glass-keeper.ts'
export { resourceFacts } from './facts.ts'
export { tiesIn, TIE_SEARCHES } from './ties.ts'
export { ANYBODY, rolesGroup, tiesBetween } from './relations.ts'
export { gridDiff, gridOf, needsText, type Cell, type Grid } from './grid.ts'
export { gridPage } from './grid-page.ts'
export { breachesOf, INVARIANTS, type Breach, type Invariant } from './invariants.ts'
export { highWaterMark, labelsOf, securityTags, type Labels } from './labels.ts'
export type * from './model.ts'
export { accessMigrations } from './migrations.ts'
export { onceOnlyIn } from './once.ts'
export { Apps, AppShape, type App, type NewApp } from './people/apps.ts'
export { Authorizations, GRANT, type Authorization } from './people/authorizations.ts'
export { bindPerson, unbindPerson } from './people/bindings.ts'
export { Passkeys, type PasskeyPlace, type ShownPasskey } from './people/passkeys.ts'
export * from './people/people.ts'
export {
  DELEGATION_REASONS,
  mayEnter,
  NewPersonShape,
  PERSON_KINDS,
  PERSON_STATES,
  PersonShape,
  RoleChangeShape,
  type NewPerson,
  type Person,
  type PersonDetails,
  type PersonKind,
  type PersonState,
  type RoleChange,
  type SecondFactor,
} from './people/person.ts'
export {
  SignIn,
  type Credentials,
  type OutsideSignIn,
  type SignedIn,
  type SignInInput,
} from './people/sign-in.ts'
export { TokenKeys, type SiteTokenKey } from './people/token-keys.ts'
export { Tokens, type Bearer, type TokenAnswer, type TokensInput } from './people/tokens.ts'
export { totpCode, totpUri } from './people/totp.ts'
export type { DisclosureForm, Policy, PolicySources } from './policy-set.ts'
export { AccessRefusal, type AccessRefusalCode } from './refusal.ts'
export {
  narrowScopes,
  readScopes,
  scopeOf,
  scopesAllow,
  scopeText,
  type Scope,
  type ScopeLevel,
  type ScopeList,
} from './scopes.ts'
export { steadyUntil } from './steady.ts'
export { SealedRows, type Kept, type RowKind, type RowsInput } from './sealed-rows.ts'
export {
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type TokenKey,
  type TokenSigner,
} from './signed-tokens.ts'
export * from './vocabulary.ts'
