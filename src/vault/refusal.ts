/** @module */

import { Refusal } from '#base'

export type VaultRefusalCode =
  /** The root key given is not the one this store was made with. */
  | 'VAULT_ROOT_WRONG'
  | 'VAULT_NOT_FOUND'
  /** The newest version is not the one that was to be changed; `version` is which it is. */
  | 'VAULT_VERSION_OTHER'
  /** Something stored is not as it was sealed; `facts` name the row. */
  | 'VAULT_DAMAGED'
  | 'VAULT_NOT_SYNTHETIC'
  | 'VAULT_TOO_MANY_SUBJECTS'
  /** An item from another site does not prove what it must. */
  | 'VAULT_ITEM_REFUSED'

/** The vault refused. Names objects and rows by our own ids, never a patient. */
export class VaultRefusal extends Refusal<VaultRefusalCode> {
  override readonly name = 'VaultRefusal'
}

/** A row that is not what it should be. @param place `vault_edition 0198… 2` */
export const damaged = (place: string, problem: string, cause?: unknown): VaultRefusal =>
  new VaultRefusal('VAULT_DAMAGED', `${place}: ${problem}`, { cause, facts: { place } })
