/**
 * Certificates of sites, devices and applications, and the statements by which sites know each other.
 *
 * An authority (one for a federation) makes two hierarchies: ML-DSA between sites, ECDSA P-256 for
 * listeners that applications of today connect to. A site makes its own keys, enrols, checks what it
 * is granted, and hands its signed statement to its peers, who learn from it every public key.
 *
 * Trusts the roots it is given. Does not distribute revocation lists: a list that is over makes
 * every check under it fail, so the host must bring new ones in time.
 *
 * @module
 */

export { openAuthority, openRoots, sealAuthority, sealRoots } from './authority-sealed.ts'
export {
  anchorsOf,
  authorityActor,
  CRL_DAYS,
  createAuthority,
  crlsOf,
  ISSUER_DAYS,
  replaceIssuer,
  type Act,
  type Authority,
  type Hierarchy,
  type HierarchyName,
  type IssuedRecord,
  type RevokedRecord,
  type Roots,
} from './authority.ts'
export {
  verifyChain,
  type CertificateUsage,
  type ChainCheck,
  type ChainRefusal,
  type Trust,
  type VerifiedLeaf,
} from './chain.ts'
export { type RevocationRefusal } from './crl.ts'
export { pem } from './der.ts'
export {
  ENROLMENT_OCTETS_MAX,
  enrolmentRequest,
  readEnrolment,
  type Enrolment,
  type SiteNames,
} from './enrolment.ts'
export {
  acceptGrant,
  GRANT_OCTETS_MAX,
  grantSite,
  northCredentials,
  readGrant,
  siteCredentials,
  writeGrant,
  type Grant,
  type HeldChain,
} from './grant.ts'
export { identityUri, type Identity } from './identity.ts'
export {
  issueLeaf,
  newCredentials,
  refreshCrls,
  revoke,
  serialsOf,
  type Credentials,
  type Issued,
} from './issuing.ts'
export { type CertificateKey, type CertificateKeyName } from './keys.ts'
export {
  LISTS_OCTETS_MAX,
  readLists,
  renewLists,
  writeLists,
  type RevocationLists,
} from './lists.ts'
export { chainOfPeer, clientCertificateOf, fingerprintOf, type PeerCertificate } from './peer.ts'
export { PkiRefusal, type PkiRefusalCode } from './refusal.ts'
export { selfMadeCredentials } from './self-made.ts'
export { newSiteKeys, openSiteKeys, sealSiteKeys, type SiteKeys } from './site-keys.ts'
export {
  cosignerVerifierOf,
  logVerifierOf,
  STATEMENT_OCTETS_MAX,
  verifyStatement,
  type SiteStatement,
  type StatementCheck,
  type StatementRefusal,
} from './statement.ts'
export { CERTIFICATE_WARN_MS, termsOf, type Term, type TermKind } from './terms.ts'
export { type AlternativeNames, type RevocationReason } from './x509.ts'
