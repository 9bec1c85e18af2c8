/** @module */

import { Refusal } from '#base'

export type VaultRefusalCode =
  /** The root key given is not the one this store was made with. */
  | 'VAULT_ROOT_WRONG'
  | 'VAULT_NOT_FOUND'
  /** It was here and was erased, for good: its key is destroyed. */
  | 'VAULT_ERASED'
  /** A legal hold stands on the patient's record. */
  | 'VAULT_HELD'
  /** The key that this store is under is no longer in the folder. */
  | 'VAULT_KEY_GONE'
  /** It is another site's, or has a name that only another site's resources have. */
  | 'VAULT_RECEIVED'
  /** The newest version is not the one that was to be changed; `version` is which it is. */
  | 'VAULT_VERSION_OTHER'
  /** Something stored is not as it was sealed; `facts` name the row. */
  | 'VAULT_DAMAGED'
  | 'VAULT_NOT_SYNTHETIC'
  | 'VAULT_TOO_MANY_SUBJECTS'
  /** A search would have to look through too much; the message says what helps. */
  | 'VAULT_SEARCH_COSTLY'
  /** A link to the next page of a search is not from here, not the caller's, or too old. */
  | 'VAULT_PLACE_UNKNOWN'
  /** An item from another site does not prove what it must. */
  | 'VAULT_ITEM_REFUSED'
  /** A record is more than a file takes. */
  | 'VAULT_EXPORT_TOO_LARGE'
  /** What is in the file is not the history of a record. */
  | 'VAULT_FILE_INVALID'
  /** A resource of the file is here with another history. */
  | 'VAULT_IMPORT_CONFLICT'

/** The vault refused. Names objects and rows by our own ids, never a patient. */
export class VaultRefusal extends Refusal<VaultRefusalCode> {
  override readonly name = 'VaultRefusal'
}

/** A row that is not what it should be. @param place `vault_edition 0198… 2` */
export const damaged = (place: string, problem: string, cause?: unknown): VaultRefusal =>
  new VaultRefusal('VAULT_DAMAGED', `${place}: ${problem}`, { cause, facts: { place } })

/** What was here and is no more, its key being destroyed. */
export const erased = (what: 'record' | 'item' | 'patient'): VaultRefusal =>
  new VaultRefusal('VAULT_ERASED', `This ${what} was erased; nothing of it can be opened or filed`)

/** What a legal hold forbids. */
export const held = (what: string): VaultRefusal =>
  new VaultRefusal('VAULT_HELD', `A hold stands on the record of this patient: it is not ${what}`)

/** A search that would open too many charts. */
export const costlySearch = (charts: number): VaultRefusal =>
  new VaultRefusal(
    'VAULT_SEARCH_COSTLY',
    `This search would look into more than ${charts} records: name a patient, an identifier, ` +
      'three letters of a name, or a date of birth',
    { facts: { charts } },
  )

/** A page with too many included resources. */
export const costlyIncludes = (resources: number): VaultRefusal =>
  new VaultRefusal(
    'VAULT_SEARCH_COSTLY',
    `The includes of this page come to more than ${resources} resources: ask for fewer matches`,
    { facts: { resources } },
  )
