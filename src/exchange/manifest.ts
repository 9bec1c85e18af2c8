/**
 * The manifest of a transfer: what is sent, how it is proven, and the keys to open it.
 *
 * It travels sealed under the session's key, so the data keys in it are as well protected as the
 * session says. Its hash and the sender's signatures cover the list of containers, never a key. The
 * containers themselves travel beside it, as they are stored, wrapped for the session alone.
 *
 * @module
 */

import {
  concat,
  door,
  Exactly,
  fromCbor,
  fromDeterministicCbor,
  Octets,
  SecretBytes,
  siteId,
  Text,
  toCbor,
  Type,
  utf8,
  uuid,
  UuidText,
  uuidOctets,
  Whole,
  type RandomSource,
  type SiteId,
  type Uuid,
} from '#base'
import {
  sha256,
  signDual,
  verifyDual,
  type DualSignature,
  type DualSigner,
  type DualVerifier,
} from '#crypto'
import { openMessage, payloadOctets, sealMessage } from '#envelope'
import {
  PROTECTION_OCTETS_MAX,
  PROTECTIONS_MAX,
  type GroupProof,
  type ItemProtection,
} from '#vault'
import { readProtection } from '#session'
import { ExchangeRefusal } from './refusal.ts'

/** One container of a transfer, without its octets. */
export interface ManifestItem {
  /** `containerHash`, 32 octets. */
  readonly hash: Uint8Array
  /** Octets of the container as it travels. */
  readonly octets: number
  /** 32 octets; whoever reads a manifest disposes it. */
  readonly dataKey: SecretBytes
  readonly proof: GroupProof
  /** Ways the item took before this one, oldest first. */
  readonly protections: readonly ItemProtection[]
}

export interface Manifest {
  readonly transfer: Uuid
  readonly from: SiteId
  readonly to: SiteId
  readonly dataClass: string
  readonly items: readonly ManifestItem[]
}

/** What the sender signs and the receipt names: parties and containers in order. */
export function manifestHash({ transfer, from, to, dataClass, items }: Manifest): Uint8Array {
  const containers = items.map(({ hash, octets }) => [hash, octets] as const)
  return sha256(LABEL_HASH, toCbor({ v: 1, transfer, from, to, class: dataClass, containers }))
}

/** The manifest, signed by its sender and sealed for its receiver. */
export function sealManifest(
  manifest: Manifest,
  by: { readonly signer: DualSigner; readonly key: SecretBytes; readonly random: RandomSource },
): Uint8Array {
  const { mlDsa, ed25519 } = signDual(by.signer, SIGNATURE, manifestHash(manifest))
  const plain = toCbor({ ...bodyOf(manifest), signature: { mlDsa, ed25519 } })
  if (plain.length > MANIFEST_OCTETS_MAX) {
    throw new ExchangeRefusal('TRANSFER_TOO_LARGE', 'The list of items is too long for a transfer')
  }
  const sealed = new Uint8Array(payloadOctets(plain.length))
  const salt = by.random.octets(24)
  const context = contextOf(manifest.transfer)
  sealMessage({ dataKey: by.key.reveal(), salt, context }, plain, sealed)
  plain.fill(0)
  return sealed
}

/**
 * Opens a manifest and checks that its sender signed it for this site.
 *
 * @throws ExchangeRefusal `OFFER_INVALID`, the same for every cause
 */
export function openManifest(
  sealed: Uint8Array,
  about: {
    readonly transfer: Uuid
    readonly from: SiteId
    readonly to: SiteId
    readonly key: SecretBytes
    readonly senderKeys: DualVerifier
  },
): Manifest {
  try {
    const plain = openMessage(about.key.reveal(), contextOf(about.transfer), sealed)
    const { manifest, signature } = readBody(plain)
    plain.fill(0)
    const { transfer, from, to } = manifest
    const ours = transfer === about.transfer && from === about.from && to === about.to
    if (ours && verifyDual(about.senderKeys, SIGNATURE, manifestHash(manifest), signature)) {
      return manifest
    }
    disposeKeys(manifest)
  } catch (cause) {
    throw new ExchangeRefusal('OFFER_INVALID', 'The offer of a transfer is not valid', { cause })
  }
  throw new ExchangeRefusal('OFFER_INVALID', 'The offer of a transfer is not valid')
}

/** Clears the data keys of a manifest. */
export function disposeKeys({ items }: Manifest): void {
  for (const { dataKey } of items) dataKey[Symbol.dispose]()
}

/** Groups are named once each: thousands of items share a few signatures. */
function bodyOf({ transfer, from, to, dataClass, items }: Manifest) {
  const groups: GroupProof[] = []
  const places = new Map<string, number>()
  const listed = items.map(({ hash, octets, dataKey, proof, protections }) => {
    const name = sha256(proof.statement).toHex()
    const group = places.get(name) ?? groups.push(proof) - 1
    places.set(name, group)
    return {
      hash,
      octets,
      key: dataKey.reveal(),
      group,
      place: proof.place,
      path: proof.path,
      ways: protections.map(({ mode, used, record }) => ({ mode, used, record })),
    }
  })
  const named = groups.map(({ statement, signature: { mlDsa, ed25519 } }) => ({
    statement,
    mlDsa,
    ed25519,
  }))
  return { v: 1, transfer, from, to, class: dataClass, groups: named, items: listed }
}

function readBody(plain: Uint8Array): { manifest: Manifest; signature: DualSignature } {
  const body = shape(fromDeterministicCbor(plain, MANIFEST_OCTETS_MAX))
  const items = body.items.map(({ hash, octets, key, group, place, path, ways }) => {
    const named = body.groups.at(group)
    if (named === undefined) throw new RangeError('An item names no group of its manifest')
    const { statement, mlDsa, ed25519 } = named
    for (const way of ways) checkWay(way)
    const proof = { statement, signature: { mlDsa, ed25519 }, place, path }
    return { hash, octets, dataKey: SecretBytes.copyOf(key), proof, protections: ways }
  })
  const manifest = {
    transfer: uuid(body.transfer),
    from: siteId(body.from),
    to: siteId(body.to),
    dataClass: body.class,
    items,
  }
  return { manifest, signature: body.signature }
}

/** What a sender says of former ways is shown later: it must be a record, and say one thing. */
function checkWay({ mode, used, record }: ItemProtection): void {
  const read = readProtection(fromCbor(record, PROTECTION_OCTETS_MAX))
  if (read.mode !== mode || read.used !== used) {
    throw new RangeError('The record of a way says something else than its summary')
  }
}

const contextOf = (transfer: Uuid): Uint8Array => concat(LABEL_SEAL, uuidOctets(transfer))

const LABEL_HASH = utf8('photonward/transfer-list@v1\0')
const LABEL_SEAL = utf8('photonward/transfer-manifest@v1\0')
const SIGNATURE = 'photonward/transfer/v1'

/** Octets of a manifest; leaves room for the message around it. */
export const MANIFEST_OCTETS_MAX = 12 * 1024 * 1024
export const ITEMS_MAX = 10_000
/** Octets of one container. */
export const ITEM_OCTETS_MAX = 64 * 1024 * 1024
/** Octets of all containers of one transfer. */
export const TRANSFER_OCTETS_MAX = 512 * 1024 * 1024

const Signatures = { mlDsa: Octets(3309), ed25519: Octets(64) }
const shape = door(
  Exactly({
    v: Type.Literal(1),
    transfer: UuidText,
    from: Text(63, 1),
    to: Text(63, 1),
    class: Text(32, 1),
    groups: Type.Array(Exactly({ statement: Octets(1, 1024), ...Signatures }), {
      maxItems: ITEMS_MAX,
    }),
    items: Type.Array(
      Exactly({
        hash: Octets(32),
        octets: Whole(1, ITEM_OCTETS_MAX),
        key: Octets(32),
        group: Whole(0, ITEMS_MAX),
        place: Whole(0, 2 ** 32),
        path: Type.Array(Octets(32), { maxItems: 32 }),
        ways: Type.Array(
          Exactly({ mode: Text(32), used: Text(32), record: Octets(0, PROTECTION_OCTETS_MAX) }),
          { maxItems: PROTECTIONS_MAX - 1 },
        ),
      }),
      { minItems: 1, maxItems: ITEMS_MAX },
    ),
    signature: Exactly(Signatures),
  }),
  'manifest of a transfer',
)
