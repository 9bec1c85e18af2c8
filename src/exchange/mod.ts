/**
 * Records on their way from site to site: listed durably, sealed, sent, imported once, receipted.
 *
 * Stands above the vault, whose containers it moves as they are, and above sessions, whose keys
 * protect the manifest that opens them. Knows nothing of connections: the site carries messages.
 *
 * Does not decide who may send what to whom, and a receipt does not prove what the receiver does
 * with a record afterwards.
 *
 * @module
 */

export type { ExchangeContext, TransferSessions } from './context.ts'
export { Exchange, type ExchangeHandler } from './exchange.ts'
export type { SendRequest } from './outbox.ts'
export { checkOrder, readWord, type Order, type Word } from './erasure-messages.ts'
export type { ErasureStanding, Erasures } from './erasures.ts'
export { checkReceipt, signReceipt, type Receipt } from './receipt.ts'
export { ExchangeRefusal, type ExchangeRefusalCode } from './refusal.ts'
export { exchangeMigrations, type Transfer, type TransferState } from './tables.ts'
