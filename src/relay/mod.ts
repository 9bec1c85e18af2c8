/**
 * Keys for sites that share no fibre: relayed hop by hop over trusted nodes, in shares on ways of
 * their own, and always wrapped from end to end.
 *
 * Stands between the key stores of neighbours, whose pads it spends, and that of distant pairs,
 * which it fills before anybody asks. What it fills is served like any other pool.
 *
 * Trusted nodes are trusted: one that lies is found, but whoever holds a node on every way of a block
 * lacks nothing but the wrap. `provenance` names them, key by key.
 *
 * @see ITU-T Y.3803, ETSI GS QKD 020; docs/decisions/0034-relay.md
 * @module
 */

export {
  relayLinkName,
  type Pad,
  type PadSupply,
  type RelayOptions,
  type RelayPair,
  type Ways,
  type WrapSupply,
} from './context.ts'
export { BLOCK_OCTETS_MAX, SHARES_MAX } from './messages.ts'
export type { OutwardState, OutwardView } from './outward.ts'
export { RelayRefusal, type RelayRefusalCode } from './refusal.ts'
export { Relay } from './relay.ts'
