/**
 * A group: versions written in one commit, and the two signatures that cover them all.
 *
 * The manifest lists each version as object(16) ‖ version(4) ‖ container hash(32), for what came
 * from another site followed by the hash of how it came(32). Its entries are the leaves of a Merkle
 * tree (RFC 9162); the statement that is signed holds the tree's size and root. So one ML-DSA-65
 * and one Ed25519 signature serve thousands of versions, any single version can be proven without
 * the others, and a row that is missing can be named.
 *
 * A group proves what was written together. That no group is missing, the audit log proves, which
 * holds the hash of each statement.
 *
 * @module
 */

import {
  assert,
  cborDoor,
  concat,
  epochMs,
  Exactly,
  Octets,
  siteId,
  Text,
  toCbor,
  Type,
  uint32,
  uuidOctets,
  uuidOf,
  Whole,
  type EpochMs,
  type SiteId,
  type Uuid,
} from '#base'
import {
  inclusionProof,
  leafHash,
  MerkleEdge,
  rootFromInclusion,
  sameSecret,
  sha256,
  signDual,
  verifyDual,
  type DualSignature,
  type DualSigner,
  type DualVerifier,
} from '#crypto'

/** One version in a manifest. */
export interface ManifestEntry {
  readonly object: Uuid
  readonly version: number
  /** `containerHash`. */
  readonly hash: Uint8Array
  /** Hash of its row in `vault_origin`, for what came from another site. */
  readonly origin?: Uint8Array | undefined
}

/** What is signed. */
export interface GroupStatement {
  readonly site: SiteId
  readonly group: Uuid
  readonly at: EpochMs
  /** Entries of the manifest, at least 1. */
  readonly size: number
  /** Octets of one entry. */
  readonly stride: number
  readonly root: Uint8Array
}

/** A signed group, whole: for its own site. */
export interface SignedGroup {
  readonly statement: Uint8Array
  readonly manifest: Uint8Array
  readonly signature: DualSignature
}

/** Proof that one version is in a group: for a site that does not have the others. */
export interface GroupProof {
  readonly statement: Uint8Array
  readonly signature: DualSignature
  /** Index of the entry, from 0. */
  readonly place: number
  readonly path: readonly Uint8Array[]
}

/** Signs versions as one group. The entries have one form: all with an origin, or none. */
export function signGroup(
  signer: DualSigner,
  about: { readonly site: SiteId; readonly group: Uuid; readonly at: EpochMs },
  entries: readonly ManifestEntry[],
): SignedGroup & { readonly root: Uint8Array } {
  assert(entries.length > 0 && entries.length <= GROUP_ENTRIES_MAX, 'a group has entries')
  const leaves = entries.map(entryOctets)
  const stride = leaves[0].length
  assert(
    leaves.every((leaf) => leaf.length === stride),
    'the entries of a group have one form',
  )
  const root = rootOf(leaves)
  const { site, group, at } = about
  const id = uuidOctets(group)
  const statement = toCbor({ v: 1, site, group: id, at, size: entries.length, stride, root })
  const signature = signDual(signer, LABEL, statement)
  return { statement, manifest: concat(...leaves), signature, root }
}

/** The statement of its octets. @throws Refusal unless they are one */
export function readStatement(octets: Uint8Array): GroupStatement {
  const { site, group, at, size, stride, root } = openStatement(octets)
  return { site: siteId(site), group: uuidOf(group), at: epochMs(at), size, stride, root }
}

/** Whether both signatures of one of these verifiers are good. */
export const isSigned = (
  by: readonly DualVerifier[],
  { statement, signature }: Pick<SignedGroup, 'statement' | 'signature'>,
): boolean => by.some((verifier) => verifyDual(verifier, LABEL, statement, signature))

/** Whether a manifest is the one that a statement speaks of. */
export function isManifestOf(manifest: Uint8Array, statement: GroupStatement): boolean {
  const { size, stride, root } = statement
  if (manifest.length !== size * stride) return false
  return sameSecret(rootOf(leavesOf(manifest, stride)), root)
}

/** The entry at a place of a manifest, as octets to compare with `entryOctets`. */
export const entryAt = (manifest: Uint8Array, stride: number, place: number): Uint8Array =>
  manifest.subarray(place * stride, (place + 1) * stride)

/** The form of an entry in a manifest. */
export function entryOctets({ object, version, hash, origin }: ManifestEntry): Uint8Array {
  const parts = [uuidOctets(object), uint32(version), hash]
  return concat(...parts, ...(origin === undefined ? [] : [origin]))
}

/**
 * What a manifest lists, of either form of entry; and other things, where it was changed so that its
 * form cannot be told.
 */
export function* listedIn(
  manifest: Uint8Array,
): Generator<{ readonly object: Uuid; readonly hash: Uint8Array }> {
  for (const stride of [SEALED_STRIDE, RECEIVED_STRIDE]) {
    if (manifest.length % stride !== 0) continue
    for (const leaf of leavesOf(manifest, stride)) {
      yield { object: subjectOfEntry(leaf).object, hash: leaf.subarray(20, SEALED_STRIDE) }
    }
  }
}

/** Which object and version an entry of a manifest is about. */
export function subjectOfEntry(entry: Uint8Array): {
  readonly object: Uuid
  readonly version: number
} {
  const version = new DataView(entry.buffer, entry.byteOffset + 16, 4).getUint32(0)
  return { object: uuidOf(entry.subarray(0, 16)), version }
}

/** Proves entries of one group. Holds the hashes of its tree, 64 octets an entry. */
export class GroupProver {
  readonly #group: SignedGroup
  readonly #size: number
  readonly #levels: Uint8Array[][]

  /** @param group   of what was sealed at its own site; its manifest is the one it signed */
  constructor(group: SignedGroup) {
    const { size, stride } = readStatement(group.statement)
    assert(stride === SEALED_STRIDE, 'what came from another site is proven by that site')
    this.#group = group
    this.#size = size
    this.#levels = [leavesOf(group.manifest, stride).map(leafHash)]
    const tree = new MerkleEdge()
    for (const hash of this.#levels[0]) {
      tree.append(hash, (level, index, node) => ((this.#levels[level] ??= [])[index] = node))
    }
  }

  /** The proof that the entry at `place` is in the group. */
  prove(place: number): GroupProof {
    const path = inclusionProof(place, this.#size, (level, index) => this.#levels[level][index])
    const { statement, signature } = this.#group
    return { statement, signature, place, path }
  }
}

/** Whether a version is in the group of a proof; its signatures are checked with `isSigned`. */
export function isProven(
  { statement, place, path }: GroupProof,
  entry: Omit<ManifestEntry, 'origin'>,
): boolean {
  try {
    const { size, stride, root } = readStatement(statement)
    const leaf = { hash: leafHash(entryOctets(entry)), index: place, size }
    return stride === SEALED_STRIDE && sameSecret(rootFromInclusion(leaf, path), root)
  } catch {
    return false
  }
}

/** The hash of a statement, for the log. */
export const statementHash = (statement: Uint8Array): Uint8Array => sha256(statement)

function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const tree = new MerkleEdge()
  for (const leaf of leaves) tree.append(leafHash(leaf))
  return tree.root()
}

function leavesOf(manifest: Uint8Array, stride: number): Uint8Array[] {
  const count = Math.floor(manifest.length / stride)
  return Array.from({ length: count }, (_, place) => entryAt(manifest, stride, place))
}

/** Versions in one group. */
export const GROUP_ENTRIES_MAX = 10_000
/** Octets of an entry for what was sealed at this site … */
export const SEALED_STRIDE = 52
/** … and for what came from another, with the hash of how it came. */
export const RECEIVED_STRIDE = SEALED_STRIDE + 32
const LABEL = 'photonward/vault-group@v1'

const openStatement = cborDoor(
  Exactly({
    v: Type.Literal(1),
    site: Text(63, 1),
    group: Octets(16),
    at: Whole(0),
    size: Whole(1, GROUP_ENTRIES_MAX),
    stride: Type.Union([Type.Literal(SEALED_STRIDE), Type.Literal(RECEIVED_STRIDE)]),
    root: Octets(32),
  }),
  'group statement',
  256,
)
