/**
 * One hospital site: the rooms wired behind the ports, its configuration and its folder.
 *
 * @module
 */

export { AdminRefusal } from './admin.ts'
export {
  parametersOf,
  siteSae,
  SiteConfigurationShape,
  type LinkConfiguration,
  type SiteConfiguration,
} from './config.ts'
export {
  enrolDevice,
  enrolSae,
  enrolSite,
  introduce,
  makeAuthority,
  makeSite,
  publishLists,
  revokeSerial,
  type Means,
} from './enrolment.ts'
export * from './link-ports.ts'
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
export { createRootKey, keyFor, readRootKey, RootKeyRefusal } from './root-key.ts'
export { stringsIn, syntheticCohort } from './synthetic.ts'
export { openSite, Site, siteMigrations, type SiteOptions, type Surroundings } from './site.ts'
