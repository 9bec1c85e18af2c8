/** @module */

import { Refusal } from '#base'

export type ExchangeRefusalCode =
  | 'TRANSFER_UNKNOWN'
  | 'TRANSFER_DIFFERS'
  | 'TRANSFER_INVALID'
  | 'TRANSFER_TOO_LARGE'
  | 'OFFER_UNKNOWN'
  | 'OFFER_INVALID'
  | 'OFFERS_BUSY'
  | 'ITEM_INVALID'
  | 'ITEMS_MISSING'
  | 'RECEIPT_INVALID'
  /** An order of an erasure, or the word that it was obeyed, is not what it must be. */
  | 'ERASURE_INVALID'
  /** The site is going down: the sender tries again. */
  | 'EXCHANGE_STOPPING'
  /** No patient of that reference is here. */
  | 'RECORD_NOT_FOUND'
  /** The record cannot be read here: what to do is a matter of this site alone. */
  | 'RECORD_DAMAGED'

/** A transfer, or a message of one, was refused; nothing of it was kept. */
export class ExchangeRefusal extends Refusal<ExchangeRefusalCode> {
  override readonly name = 'ExchangeRefusal'
}
