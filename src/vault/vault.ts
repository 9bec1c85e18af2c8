/**
 * The vault of one site, opened.
 *
 * @module
 */

import type { EpochMs, SecretBytes, SiteId, Uuid } from '#base'
import type { SearchQuery } from '#health'
import { sweepBlobs } from './blobs.ts'
import type { ResourceName, WriteUnit, Written } from './changes.ts'
import { Charts } from './charts.ts'
import { storedVerifiersOf, type VaultContext, type VaultPorts } from './context.ts'
import {
  exportItems,
  prepareExport,
  type ExportItem,
  type ExportLimits,
  type PreparedExport,
} from './export.ts'
import type { ScrubFinding } from './findings.ts'
import {
  burialsOf,
  erase,
  erasedOf,
  eraseObjects,
  finishErasures,
  foreignAmong,
  type Burials,
  type Erased,
  type ErasureOrder,
} from './erasing.ts'
import { Groups } from './groups.ts'
import { holdOf, putHold, releaseHold, type Hold, type HoldCause } from './holds.ts'
import { importOutcome, importUnit, readForImport, type ImportOutcome } from './import.ts'
import { siteHolders } from './holders.ts'
import { patientsLinkedTo, referencesIndexed } from './indexed.ts'
import { KeptVersions } from './kept-versions.ts'
import { openKeyring } from './keyring.ts'
import { objectById } from './objects.ts'
import {
  consult,
  tellRefused,
  type Asked,
  type Opened,
  type RefusedDeed,
  type SiteResourceName,
} from './opened.ts'
import { everyTravelled, type Travelled } from './origins.ts'
import { instancePast, past, type PastPage, type PastPlace, type PastQuery } from './past.ts'
import { enterRegime } from './regime.ts'
import { completeIndex } from './reindex.ts'
import { stageImport, type ReceivedItem, type StagedImport } from './receive.ts'
import {
  countRecords,
  findPatients,
  itemsOf,
  listPatients,
  readPatient,
  readRecord,
  showItem,
  patientKey,
  type Item,
  type OpenedRecord,
  type PatientEntry,
  type PatientPage,
} from './records.ts'
import { portableRecord, type PortableOrder } from './portable.ts'
import { readPortable, type PortableOutcome } from './portable-import.ts'
import { search, type SearchAsked, type SearchPage } from './search.ts'
import { scrub, type ScrubOptions } from './scrub.ts'
import { forgetEvents, type Forgotten } from './forgetting.ts'
import { finishRotation, rotate, type Rotated } from './rotating.ts'
import { SiteKeyFiles } from './site-keys.ts'
import { everyTomb } from './tombs.ts'
import { trailEntries, trailTelling, type Deed, type Telling } from './trail.ts'
import { trailPage, type TrailPage, type TrailQuery } from './trail-reading.ts'
import { walk, type WalkQuery, type WalkStep } from './walk.ts'
import { holderNamed, Surveys, type Survey, type SurveyPlan } from './survey.ts'
import { Writer } from './writer.ts'

export interface VaultOptions extends VaultPorts {
  /** 32 octets; not kept, stays with its owner. */
  readonly rootKey: SecretBytes
}

/**
 * Opens the vault of a site.
 *
 * @throws VaultRefusal `VAULT_ROOT_WRONG`, `VAULT_DAMAGED`, `VAULT_NOT_SYNTHETIC`
 */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const { rootKey, ...ports } = options
  const { site } = ports
  const siteKeyFiles = new SiteKeyFiles(ports, rootKey)
  const keyring = await openKeyring({ ...ports, files: siteKeyFiles }, rootKey)
  try {
    const index = await keyring.index()
    const groups = new Groups(ports, storedVerifiersOf(ports))
    const charts = new Charts(ports, keyring)
    const own = await siteHolders(ports)
    const surveys = new Surveys()
    const versions = new KeptVersions(ports.clock)
    const parts = { keyring, siteKeyFiles, groups, charts, versions, siteHolders: own, surveys }
    const context = { ...ports, ...index, ...parts }
    await finishRotation(context, site)
    await finishErasures(context)
    await enterRegime(context)
    await completeIndex(context)
    return new Vault(context)
  } catch (error) {
    keyring[Symbol.dispose]()
    siteKeyFiles[Symbol.dispose]()
    throw error
  }
}

/**
 * Records of one site, sealed. Owns its keys until it is disposed; afterwards nothing opens.
 *
 * Every method that gives out or takes in a record writes to the log first. `actor` is who asked,
 * as it shall stand there. What is read is verified; a `VaultRefusal` `VAULT_DAMAGED` names what
 * is not as it was sealed.
 */
export class Vault implements Disposable {
  readonly #context: VaultContext
  readonly #writer: Writer
  /** The end of the queue of writes: what one read of the store decides, the next write needs. */
  #turn: Promise<unknown> = Promise.resolve()

  /** Use `openVault`. */
  constructor(context: VaultContext) {
    this.#context = context
    this.#writer = new Writer(context, (task) => this.exclusively(task))
  }

  /**
   * Imports a FHIR R4 resource or Bundle: all of it, or nothing.
   *
   * @param octets   UTF-8 JSON
   * @throws HealthRefusal if it is not valid, VaultRefusal, PortRefusal
   */
  async importRecords(octets: Uint8Array, by: { readonly actor: string }): Promise<ImportOutcome> {
    const resources = await readForImport(this.#context, octets)
    return importOutcome(await this.write(importUnit(resources, by.actor)))
  }

  /**
   * Changes resources of this site: all changes of a unit or none, durable when it resolves.
   *
   * Units under way at the same time share a signed group. The plan of a unit sees what is stored
   * when its turn comes, and nothing is written between that and its commit.
   *
   * @throws VaultRefusal `VAULT_VERSION_OTHER`, `VAULT_NOT_SYNTHETIC`, `VAULT_TOO_MANY_SUBJECTS`;
   *   PortRefusal; what the plan throws
   */
  write(unit: WriteUnit): Promise<readonly Written[]> {
    return this.#writer.write(unit)
  }

  /**
   * One version of a resource, the newest unless another is asked for, logged and then given out.
   *
   * @returns undefined for what is not there and for what the judge withholds
   */
  consult(
    name: SiteResourceName & { readonly version?: number },
    asked: Asked,
  ): Promise<Opened | undefined> {
    return consult(this.#context, name, asked)
  }

  /** The versions of one resource, newest first; undefined as with `consult`. */
  instancePast(
    name: SiteResourceName,
    query: Omit<PastQuery, 'type' | 'after' | 'without'> & { readonly before?: number },
    asked: Asked,
  ): Promise<PastPage<number> | undefined> {
    return instancePast(this.#context, name, query, asked)
  }

  /** The versions of all resources of this site, or of those of a type, newest first. */
  past(query: PastQuery, asked: Asked): Promise<PastPage<PastPlace>> {
    return past(this.#context, query, asked)
  }

  /** A page of what a query finds among the resources of this site: see `search`. */
  search(query: SearchQuery, asked: SearchAsked): Promise<SearchPage> {
    return search(this.#context, query, asked)
  }

  /** References that the index has for a resource: see `referencesIndexed`. */
  referencesIndexed(name: ResourceName, code: string): Promise<readonly string[]> {
    return referencesIndexed(this.#context, name, code)
  }

  /** Patients here who are linked to one of another site: see `patientsLinkedTo`. */
  patientsLinkedTo(id: string): Promise<readonly string[]> {
    return patientsLinkedTo(this.#context, id)
  }

  /** Everything of some records, chart by chart: see `walk`. */
  walk(query: WalkQuery, asked: SearchAsked): AsyncGenerator<WalkStep> {
    return walk(this.#context, query, asked)
  }

  /** Logs what somebody tried and did not get; durable when it resolves. */
  tellRefused(deed: RefusedDeed): Promise<void> {
    return tellRefused(this.#context, deed)
  }

  /** Events of accesses, newest first, as they are proven by the log: see `trailPage`. */
  events(query: TrailQuery, deed: Omit<Deed, 'kind'>): Promise<TrailPage> {
    return trailPage(this.#context, query, deed)
  }

  /** Forgets events of accesses before a time, but those about whom a hold stands on. */
  forgetEvents(before: EpochMs): Promise<Forgotten> {
    return forgetEvents(this.#context, before)
  }

  /** The patient whom a reference of this site means, by our own id. */
  patientNamed(reference: string): Promise<Uuid | undefined> {
    return holderNamed(this.#context, { kind: 'reference', reference })
  }

  /** Logs a deed that opens no record of a patient; durable when it resolves. */
  async tell(deed: Deed, patient: Uuid | undefined): Promise<void> {
    using key = patient === undefined ? undefined : await patientKey(this.#context, patient)
    await this.#context.store.commit(trailEntries(this.#context, deed, [key ? { key } : {}]))
  }

  /** What the log is to say of a deed that touches no record: for whoever appends the entry. */
  telling(deed: Deed): Telling {
    return trailTelling(this.#context, deed, {})
  }

  /** The newest version of a resource, by its type and logical id at the site that sealed it. */
  readRecord(
    about: { readonly type: string; readonly id: string; readonly origin?: SiteId },
    by: { readonly actor: string },
  ): Promise<OpenedRecord> {
    return readRecord(this.#context, about, by.actor)
  }

  /** A patient's whole record, opened: the patient's own resource first. */
  readPatient(patient: Uuid, by: { readonly actor: string }): AsyncGenerator<OpenedRecord> {
    return readPatient(this.#context, patient, by.actor)
  }

  /** What a patient's record consists of, and how each item came here; nothing is opened. */
  listPatient(patient: Uuid, by: { readonly actor: string }): AsyncGenerator<Item> {
    return itemsOf(this.#context, patient, by.actor)
  }

  /** One item, verified but not opened. */
  async showItem(object: Uuid, version?: number): Promise<Item> {
    return await showItem(this.#context, await objectById(this.#context, object), version)
  }

  /** Every version that came from another site, and how: as noted, neither verified nor opened. */
  travelled(): AsyncGenerator<Travelled> {
    return everyTravelled(this.#context)
  }

  /** Patients whose records are here, in order of their random ids; at most 1,000 at a time. */
  patients(page: PatientPage = {}): Promise<readonly PatientEntry[]> {
    return listPatients(this.#context, page)
  }

  /** Patients who have this identifier now; without a system, in any. */
  findPatient(
    identifier: { readonly system?: string; readonly value: string },
    by: { readonly actor: string },
  ): Promise<readonly Uuid[]> {
    return findPatients(this.#context, identifier, by.actor)
  }

  /** How many patients and items are here. */
  count(): Promise<{ readonly patients: number; readonly items: number }> {
    return countRecords(this.#context)
  }

  /** A patient's whole record with its past, to be sealed for somebody: see `portable.ts`. */
  portableRecord(patient: Uuid, order: PortableOrder): AsyncGenerator<string> {
    return portableRecord(this.#context, patient, order)
  }

  /**
   * Takes in what `portableRecord` gave out, version by version; once more changes nothing.
   *
   * After a crash it is to be called again: what is here already is the beginning of the same.
   *
   * @throws VaultRefusal `VAULT_FILE_INVALID`, `VAULT_ITEM_REFUSED`, `VAULT_ERASED`,
   *   `VAULT_IMPORT_CONFLICT`, and what `write` throws
   */
  async importPortable(
    octets: Uint8Array,
    { actor }: { readonly actor: string },
  ): Promise<PortableOutcome> {
    const { rounds, ...read } = await readPortable(this.#context, octets)
    const patients = new Set<Uuid>()
    let written = 0
    for (const round of rounds) {
      const done = await this.write({ actor, plan: () => round })
      written += done.filter(({ deed }) => deed !== 'kept').length
      for (const one of done) for (const patient of one.patients) patients.add(patient)
    }
    return { ...read, written, patients: [...patients] }
  }

  /** Verifies a patient's record before it leaves; nothing is given out yet: see `PreparedExport`. */
  prepareExport(
    patient: Uuid,
    limits: ExportLimits,
  ): Promise<PreparedExport | { readonly kind: 'too-large' }> {
    return prepareExport(this.#context, patient, limits)
  }

  /** A patient's record for another site: see `ExportItem`. */
  exportItems(about: {
    readonly patient: Uuid
    readonly to: SiteId
    readonly actor: string
  }): AsyncGenerator<ExportItem> {
    return exportItems(this.#context, about)
  }

  /**
   * Verifies items from another site and prepares their commit: see `StagedImport`.
   *
   * Stage and commit inside one `exclusively`, so that nothing is written in between.
   */
  stageImport(
    about: { readonly from: SiteId; readonly actor: string },
    items: readonly ReceivedItem[],
  ): Promise<StagedImport> {
    return stageImport(this.#context, about, items)
  }

  /** What is to be known of patients before anything is decided: see `Survey`. */
  survey<T>(plan: SurveyPlan<T>): Survey<T> {
    return this.#context.surveys.open(this.#context, plan)
  }

  /** Runs a task while no other write of this vault is prepared or committed. Does not nest. */
  exclusively<T>(task: () => Promise<T>): Promise<T> {
    const { surveys } = this.#context
    const mine = this.#turn.then(task).finally(() => surveys.settle())
    this.#turn = mine.catch(() => undefined)
    return mine
  }

  /**
   * Destroys a patient's key and takes the record away, for good: see `erasing.ts`.
   *
   * @throws VaultRefusal `VAULT_NOT_FOUND`, `VAULT_HELD`, `VAULT_ERASED`
   */
  erase(patient: Uuid, order: ErasureOrder): Promise<Erased> {
    return this.exclusively(() => erase(this.#context, patient, order))
  }

  /** Erases some objects of a patient: see `eraseObjects`. @throws VaultRefusal `VAULT_HELD` */
  eraseObjects(
    patient: Uuid,
    about: Parameters<typeof eraseObjects>[2],
  ): Promise<Erased | undefined> {
    return this.exclusively(() => eraseObjects(this.#context, patient, about))
  }

  /** What was erased here of these objects. */
  burials(objects: ReadonlySet<Uuid>): Promise<Burials> {
    return burialsOf(this.#context, objects)
  }

  /** All patients who were erased here. */
  async *everyErased(): AsyncGenerator<Uuid> {
    for await (const { holder } of everyTomb(this.#context)) yield holder
  }

  /** Which of these objects are here, not erased, sealed by another site; and who holds each. */
  foreign(objects: Iterable<Uuid>): Promise<ReadonlyMap<Uuid, readonly Uuid[]>> {
    return foreignAmong(this.#context, objects)
  }

  /** What the erasure of a patient has left, or undefined. */
  erased(patient: Uuid): Promise<Erased | undefined> {
    return erasedOf(this.#context, patient)
  }

  /** Puts a hold on a patient: nothing of the record is removed while it stands. */
  hold(patient: Uuid, about: { readonly cause: HoldCause; readonly actor: string }): Promise<Hold> {
    return this.exclusively(() => putHold(this.#context, patient, about))
  }

  /** Takes a hold off. @returns whether one stood */
  release(patient: Uuid, by: { readonly actor: string }): Promise<boolean> {
    return this.exclusively(() => releaseHold(this.#context, patient, by))
  }

  /** The hold on a patient, or undefined. */
  holdOn(patient: Uuid): Promise<Hold | undefined> {
    return holdOf(this.#context, patient)
  }

  /** Changes the site key: holder keys are wrapped again, records stay as they are. */
  rotate(by: { readonly actor: string }): Promise<Rotated> {
    return this.exclusively(() => rotate(this.#context, by.actor))
  }

  /**
   * Removes files of containers that belong to nothing: see `sweepBlobs`.
   *
   * @returns how many
   * @throws PortRefusal
   */
  sweep(stop: AbortSignal): Promise<number> {
    const exclusively = (task: () => Promise<number>): Promise<number> => this.exclusively(task)
    return sweepBlobs({ ...this.#context, exclusively, stop })
  }

  /** Verifies everything that is stored; the last finding is `done`. */
  scrub(options?: ScrubOptions): AsyncGenerator<ScrubFinding> {
    return scrub(this.#context, options)
  }

  [Symbol.dispose](): void {
    this.#context.keyring[Symbol.dispose]()
    this.#context.siteKeyFiles[Symbol.dispose]()
    this.#context.tags[Symbol.dispose]()
    this.#context.charts[Symbol.dispose]()
    this.#context.versions[Symbol.dispose]()
    this.#context.places[Symbol.dispose]()
    this.#context.kinds[Symbol.dispose]()
    this.#context.trail[Symbol.dispose]()
  }
}
