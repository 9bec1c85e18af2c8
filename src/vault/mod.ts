/**
 * The vault: records at rest, each version sealed under a key of its own, for its patient's key,
 * for the site's key.
 *
 * Takes in FHIR resources and items from other sites, gives out records to whoever may read them
 * (which it does not decide), and items with their keys to `exchange`. Every version is in a signed
 * group, every group in the log; a scrub verifies all of it.
 *
 * A stolen disk shows how many patients, objects and versions there are, their sizes, when they
 * were written, and which belong together; nothing of what they say. It does not protect against
 * whoever holds the root key, nor hide what a running site has in memory.
 *
 * @module
 */

export { ROW_OCTETS_MAX } from './blobs.ts'
export type { Change, ResourceName, WriteUnit, WriteView, Written } from './changes.ts'
export { paced, pauses, type VaultLog, type VaultPorts, type VerifiersOf } from './context.ts'
export type { Burials, Erased, ErasureOrder } from './erasing.ts'
export { type ExportItem, type ExportLimits, type PreparedExport } from './export.ts'
export { FAULTS_REPORTED_MAX, type ScrubFinding, type ScrubPart } from './findings.ts'
export { readStatement, type GroupProof, type GroupStatement } from './group.ts'
export { HOLD_CAUSES, type Hold, type HoldCause } from './holds.ts'
export { type ImportOutcome } from './import.ts'
export type { Asked, Judge, Opened, RefusedDeed, SiteResourceName } from './opened.ts'
export { contentOf, perContent } from './kept-versions.ts'
export { requireOwnName } from './names.ts'
export {
  PROTECTION_OCTETS_MAX,
  PROTECTIONS_MAX,
  type ItemProtection,
  type Travelled,
} from './origins.ts'
export type { PastPage, PastPlace, PastQuery } from './past.ts'
export type { PortableOutcome } from './portable-import.ts'
export { type ReceivedItem, type StagedImport } from './receive.ts'
export { PATIENTS_A_PAGE } from './records.ts'
export type { Item, OpenedRecord, PatientEntry, PatientPage } from './records.ts'
export { VaultRefusal, type VaultRefusalCode } from './refusal.ts'
export type { Rotated } from './rotating.ts'
export type { SearchAsked, SearchPage } from './search.ts'
export { resealSiteKeyFiles } from './site-keys.ts'
export { SUBJECTS_MAX } from './subjects.ts'
export { sealedBy } from './shown.ts'
export type { Survey, SurveyPlan } from './survey.ts'
export { vaultMigrations } from './tables.ts'
export { ERASURE_CAUSES, TOMB_OBJECTS_MAX, type ErasureCause, type Tomb } from './tombs.ts'
export type { Deed, Marked, Told } from './trail.ts'
export type { TrailEvent, TrailPage, TrailQuery } from './trail-reading.ts'
export type { WalkPlace, WalkQuery, WalkStep } from './walk.ts'
export { openVault, type Vault, type VaultOptions } from './vault.ts'
