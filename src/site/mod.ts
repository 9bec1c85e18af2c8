/**
 * One hospital site: the rooms wired behind the ports, its configuration and its folder.
 *
 * @module
 */

export { AdminRefusal } from './admin-refusal.ts'
export {
  parametersOf,
  siteSae,
  SiteConfigurationShape,
  type DaemonConfiguration,
  type KmeLinkConfiguration,
  type LinkConfiguration,
  type SiteConfiguration,
} from './config.ts'
export type { ProviderConfiguration } from './config-providers.ts'
export {
  COURIER_FILE_OCTETS_MAX,
  CourierRefusal,
  exportCourier,
  importCourier,
  type CourierMeans,
} from './courier.ts'
export { readActs, type Act } from './authority-log.ts'
export { daemonsOf, Presence, type DaemonEntry } from './daemons.ts'
export {
  checkSaeName,
  enrolDevice,
  enrolSae,
  enrolSite,
  introduce,
  issuedBy,
  makeAuthority,
  makeSite,
  publishLists,
  renewRequest,
  requestIn,
  revokeSerial,
  type IssuedView,
  type Means,
} from './enrolment.ts'
export { Follower, type FollowerOptions } from './following.ts'
export { Lead, leadOf } from './lead.ts'
export * from './link-ports.ts'
export { Alarms } from './alarms.ts'
export { Declarations } from './declarations.ts'
export { compareDecoys } from './decoy-comparison.ts'
export { giveUpDeclared, takeBackPardoned } from './declared-keys.ts'
export { serveDiscards } from './discards.ts'
export { IsolationWatch } from './isolation.ts'
export { LogRefusal } from './log-keeper.ts'
export {
  chainCheckOf,
  credentialsIn,
  EnrolmentRefusal,
  readDeviceCredentials,
  readMaterial,
  type EnrolmentRefusalCode,
  type Material,
} from './material.ts'
export type { PolicySources } from '#access'
export { siteMigrations } from './migrations.ts'
export { mayCall, ROUTE_ROLES, type AdminRoute } from './rights.ts'
export type { SiemWay } from './siem-keeper.ts'
export type { Authorizing, PatientChoice } from './authorizing.ts'
export type { Arrival, Holder } from './people.ts'
export { SignedInPeople, type HolderView, type ShownFactor } from './signed-in.ts'
export { askPeerClock, type PeerClock } from './peer-clock.ts'
export {
  createPreShared,
  endsOf,
  importPreShared,
  PreSharedRefusal,
  PSK_FILE_OCTETS_MAX,
} from './pre-shared.ts'
export { padsFrom, relayLinksOf } from './relaying.ts'
export { protectRootKey, rekeyRoot } from './root-key/changing.ts'
export { rootKeyForm, type RootKeyForm } from './root-key/forms.ts'
export { RootKeyRefusal } from './root-key/refusal.ts'
export {
  rootFingerprintIn,
  sealedCredentials,
  sealedHandlers,
  sealedKeys,
  sealedRecords,
  SealRefusal,
} from './root-key/sealed-site.ts'
export { openUnsealing, type Unsealed, type Unsealing } from './root-key/unsealing.ts'
export { createRootKey, keyFor, readRootKey, type RootKey } from './root-key/root-key.ts'
export { REMEDY_WORDS, TrustAlarms, type TrustAlarmsInput } from './trust-alarms.ts'
export {
  inspectLogHead,
  inspectTrust,
  stageOf,
  type TrustEnd,
  type TrustRefusal,
  type TrustRemedy,
  type TrustView,
} from './trust.ts'
export {
  KmeClientRefusal,
  PARTNER_BODY_OCTETS_MAX,
  STREAM_BODY_OCTETS_MAX,
  type KmeClientRequest,
  type KmeClientResponse,
  type KmeClientTransport,
  type PartnerTransport,
  type StreamCall,
  type StreamFrame,
} from '#kme'
export type { PartnerAccess } from './key-service.ts'
export type { ControlAnswer, ControlRequest } from './etsi-015/restconf.ts'
export { errorBody as controlErrorBody } from './etsi-015/refusal.ts'
export { YANG_JSON } from './etsi-015/restconf.ts'
export { WayFinder } from './way-finder.ts'
export { openSite, Site, verifyLogOf, type SiteOptions, type Surroundings } from './site.ts'

/** Invented patients, as bundles; loads what only hospitals need. */
export const syntheticCohort = async (seed: number, patients: number) =>
  (await import('./synthetic.ts')).syntheticCohort(seed, patients)

/** Every text of a FHIR document that must not be readable on a disk. */
export const stringsIn = async (octets: Uint8Array): Promise<readonly string[]> =>
  (await import('./synthetic.ts')).stringsIn(octets)
