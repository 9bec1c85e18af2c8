/**
 * The private keys of one site, made by itself and never leaving it but sealed.
 *
 * One key for each purpose, so that a signature or an exchange of one kind is never one of another:
 * TLS between sites, the listener northbound, statements, the log, and key encapsulation.
 *
 * @module
 */

import { cborDoor, Exactly, Octets, Type, type RandomSource } from '#base'
import {
  kemKeyPairOf,
  newDualSigner,
  newKemKeyPair,
  newSigningKeyPair,
  seedOf,
  signingKeyPairOf,
  type DualSigner,
  type KemKeyPair,
  type SigningKeyPair,
} from '#crypto'
import { certificateKeyOf, newCertificateKey, pkcs8Of, plain, type CertificateKey } from './keys.ts'
import { openState, sealState, SEALED_OCTETS_MAX } from './sealed.ts'

export interface SiteKeys {
  /** ML-DSA-65: TLS between sites. */
  readonly tls: CertificateKey
  /** ECDSA P-256: TLS of the listeners northbound. */
  readonly north: CertificateKey
  /** ML-DSA-65 and Ed25519: statements of the site to others. */
  readonly statement: DualSigner
  /** Ed25519 and ML-DSA-44: checkpoints and cosignatures. */
  readonly audit: { readonly ed25519: SigningKeyPair; readonly mlDsa44: SigningKeyPair }
  /** ML-KEM-1024, static: for what is sent to the site without a session. */
  readonly kem: KemKeyPair
}

/** Fresh keys, from the random source of the operating system through OpenSSL. */
export const newSiteKeys = (): SiteKeys => ({
  tls: newCertificateKey('ml-dsa-65'),
  north: newCertificateKey('ecdsa-p256'),
  statement: newDualSigner(),
  audit: { ed25519: newSigningKeyPair('ed25519'), mlDsa44: newSigningKeyPair('ml-dsa-44') },
  kem: newKemKeyPair('ml-kem-1024'),
})

/** @param key 32 octets, derived from the root key of the site */
export function sealSiteKeys(keys: SiteKeys, key: Uint8Array, random: RandomSource): Uint8Array {
  const stored = {
    v: 1,
    tls: pkcs8Of(keys.tls),
    north: pkcs8Of(keys.north),
    statementMlDsa: seedOf(keys.statement.mlDsa),
    statementEd25519: seedOf(keys.statement.ed25519),
    auditEd25519: seedOf(keys.audit.ed25519),
    auditMlDsa: seedOf(keys.audit.mlDsa44),
    kem: plain(keys.kem.decapsulationKey.export({ format: 'raw-seed' })),
  }
  const octets = sealState(stored, { key, label: LABEL, random })
  for (const secret of Object.values(stored)) if (typeof secret !== 'number') secret.fill(0)
  return octets
}

/** @throws PkiRefusal `SEALED_INVALID` */
export function openSiteKeys(octets: Uint8Array, key: Uint8Array): SiteKeys {
  const plaintext = openState(octets, { key, label: LABEL })
  const stored = readSiteKeys(plaintext)
  const keys = {
    tls: certificateKeyOf(stored.tls),
    north: certificateKeyOf(stored.north),
    statement: {
      mlDsa: signingKeyPairOf('ml-dsa-65', stored.statementMlDsa),
      ed25519: signingKeyPairOf('ed25519', stored.statementEd25519),
    },
    audit: {
      ed25519: signingKeyPairOf('ed25519', stored.auditEd25519),
      mlDsa44: signingKeyPairOf('ml-dsa-44', stored.auditMlDsa),
    },
    kem: kemKeyPairOf('ml-kem-1024', stored.kem),
  }
  plaintext.fill(0)
  for (const secret of Object.values(stored)) if (typeof secret !== 'number') secret.fill(0)
  return keys
}

const LABEL = 'photonward/site-keys/v1'
const Seed = Octets(32)
const readSiteKeys = cborDoor(
  Exactly({
    v: Type.Literal(1),
    tls: Octets(1, 8192),
    north: Octets(1, 8192),
    statementMlDsa: Seed,
    statementEd25519: Seed,
    auditEd25519: Seed,
    auditMlDsa: Seed,
    kem: Octets(64),
  }),
  'site keys',
  SEALED_OCTETS_MAX,
)
