/**
 * The Key Management Entity: serves keys to applications by ETSI GS QKD 014 and 004, and to
 * the site itself; shares keys with the networks of other operators by ETSI GS QKD 020.
 *
 * Stands on the key store of the site and beside the KME of the other site. Pure request →
 * response: the host brings the listener, the certificates and the way to the peer.
 *
 * @see ETSI GS QKD 014 V1.1.1 (2019-02), GS QKD 004 V2.1.1 (2020-08), GS QKD 020 V1.1.1 (2026-06)
 * @module
 */

export { Branch, type BranchOptions } from './branch.ts'
export { callerOf, type CallerRules, type SaeField } from './caller.ts'
export * from './client-mod.ts'
export { fixedDirectory, type SaeDirectory } from './directory.ts'
export {
  BODY_OCTETS_MAX,
  createKme,
  KME_LIMITS,
  type Kme,
  type KmeOptions,
  type StreamCall,
} from './kme.ts'
export { PEER_OCTETS_MAX, type PeerTransport } from './peering.ts'
export { HTTP_STATUS, KmeRefusal, type KmeRefusalCode } from './refusal.ts'
export { ownSaes, PARTNER_LIMITS, Partners, type PartnersOptions } from './etsi-020.ts'
export {
  partnerLink,
  type Partner,
  type PartnerLimits,
  type PartnerTransport,
} from './etsi-020-desk.ts'
export { partnerMigrations } from './etsi-020-rows.ts'
export { PARTNER_BODY_OCTETS_MAX } from './etsi-020-server.ts'
export { STREAM_BODY_OCTETS_MAX } from './etsi-004.ts'
export { SaePolicies, type SaePolicy } from './sae-policy.ts'
export type { StreamFrame } from './streams.ts'
export type { KeySupply, MakeRequest, SuppliedKey } from './supply.ts'
export type { Dialect, KmeLimits } from './wire.ts'
export { Shares, type SharesLimits } from './shares.ts'
