/**
 * What key stores of two sites say to each other, as deterministic CBOR.
 *
 * An *activation* tells the peer which bits of the sender's half have become which keys, for whom
 * and for how long; the same octets, sent as a *withdrawal*, say that these bits shall never be
 * keys. A *block report* and a *high-water mark* bring two ends together again after a crash. No
 * message holds key bits or anything derived from them.
 *
 * The messages rest on an authenticated connection between the two sites. Whoever may sign them for
 * a third party is the host, not this room.
 *
 * @module
 */

import {
  assert,
  cborDoor,
  concat,
  Exactly,
  keyId,
  linkId,
  Octets,
  saeId,
  ShapeRefusal,
  Text,
  toCbor,
  Type,
  uuidOctets,
  uuidOf,
  Whole,
  type KeyId,
  type LinkId,
  type SaeId,
  type Uuid,
} from '#base'
import { sha256 } from '#crypto'
import type { CarriedKey } from './carrying.ts'
import { provenanceOctets, readProvenance } from './provenance.ts'
import { KeystoreRefusal } from './refusal.ts'

/** Octets of the sender's half of one block. */
export interface Range {
  readonly epoch: number
  readonly sequence: number
  /** First octet in the half. */
  readonly from: number
  readonly octets: number
}

/** Which bits have become which keys: key i is octets i·n to (i+1)·n of the ranges, joined. */
export interface Activation {
  readonly id: Uuid
  readonly link: LinkId
  readonly keyIds: readonly KeyId[]
  readonly keyOctets: number
  readonly ranges: readonly Range[]
  readonly master: SaeId
  readonly slaves: readonly SaeId[]
  /** How long the keys may wait to be fetched, counted from the activation. */
  readonly lifeMs: number
  /** Digest of the origins of the blocks in order: both ends must have noted the same. */
  readonly origins: Uint8Array
  /** Keys that the octets mask, joined in order, where they are not the keys themselves. */
  readonly carried?: CarriedKey | undefined
}

/** An activation as it came, with what tells a repetition from another content. */
export interface ReceivedActivation extends Activation {
  readonly digest: Uint8Array
}

/** Bits that shall never be keys, and the keys they were to be, if any. */
export interface Withdrawal {
  readonly id: Uuid
  readonly link: LinkId
  readonly keyIds: readonly KeyId[]
  readonly keyOctets: number
  readonly ranges: readonly Range[]
}

/** The octets of an activation. */
export function activationOctets(activation: Activation): Uint8Array {
  const { id, link, keyIds, keyOctets, ranges, master, slaves, lifeMs, origins } = activation
  const { carried } = activation
  return toCbor({
    v: 1,
    id: uuidOctets(id),
    link,
    keys: concat(...keyIds.map(uuidOctets)),
    size: keyOctets,
    ranges: ranges.map(tuple),
    for: { master, slaves, life: lifeMs, origins },
    ...(carried === undefined
      ? {}
      : { carried: { mask: carried.mask, provenance: provenanceOctets(carried.provenance) } }),
  })
}

/** The octets of a withdrawal of bits that never became keys. */
export const withdrawalOctets = (
  withdrawal: Pick<Withdrawal, 'id' | 'link' | 'ranges'>,
): Uint8Array => octetsOfWithdrawal({ ...withdrawal, keyIds: [], keyOctets: 0 })

const octetsOfWithdrawal = ({ id, link, keyIds, keyOctets, ranges }: Withdrawal): Uint8Array =>
  toCbor({
    v: 1,
    id: uuidOctets(id),
    link,
    keys: concat(...keyIds.map(uuidOctets)),
    size: keyOctets,
    ranges: ranges.map(tuple),
  })

/** Reads an activation. @throws Refusal `SHAPE_INVALID`, `CBOR_…`, `KEYSTORE_MESSAGE_INVALID` */
export function readActivation(octets: Uint8Array): ReceivedActivation {
  const message = openMessage(octets)
  const { for: use } = message
  const withdrawal = withdrawalOf(message)
  const { keyIds, keyOctets, ranges } = withdrawal
  if (use === undefined || keyIds.length === 0) throw invalid('names neither keys nor their use')
  const sum = ranges.reduce((octetsSum, range) => octetsSum + range.octets, 0)
  if (sum > ACTIVATION_KEY_OCTETS_MAX) throw invalid('wants more octets than one may')
  if (sum !== keyIds.length * keyOctets) throw invalid('has ranges that do not add up to its keys')
  const slaves = [...new Set(use.slaves.map(nameOf))]
  if (slaves.length !== use.slaves.length) throw invalid('names a slave SAE twice')
  return {
    ...withdrawal,
    master: nameOf(use.master),
    slaves,
    lifeMs: use.life,
    origins: use.origins,
    digest: sha256(octets),
    ...carriedOf(message, sum),
  }
}

/** Reads a withdrawal, which may be the octets of an activation. @throws Refusal */
export const readWithdrawal = (octets: Uint8Array): Withdrawal => withdrawalOf(openMessage(octets))

/** The ranges of key `index` of an activation. */
export const rangesOfKey = (
  activation: Pick<Activation, 'ranges' | 'keyOctets'>,
  index: number,
): readonly Range[] => rangesOfKeys(activation, index, index + 1)

/** The ranges of the keys of an activation from `first` on, before `end`. */
export function rangesOfKeys(
  { ranges, keyOctets }: Pick<Activation, 'ranges' | 'keyOctets'>,
  first: number,
  end: number,
): readonly Range[] {
  const found: Range[] = []
  let skip = first * keyOctets
  let need = (end - first) * keyOctets
  for (const range of ranges) {
    if (need === 0) break
    if (skip >= range.octets) {
      skip -= range.octets
      continue
    }
    const octets = Math.min(need, range.octets - skip)
    found.push({ ...range, from: range.from + skip, octets })
    skip = 0
    need -= octets
  }
  assert(need === 0, 'an activation has octets for each of its keys')
  return found
}

/**
 * The octets of a withdrawal of some keys of an activation, of which others stay what they are.
 *
 * @param message   the activation, or a withdrawal of its keys
 * @param some.from   first key that is withdrawn
 * @param some.to   first key after it that is not; all unless said
 * @param some.id   name of the withdrawal; that of the activation unless said
 */
export function restOctets(
  message: Uint8Array,
  some: { readonly from: number; readonly to?: number; readonly id?: Uuid },
): Uint8Array {
  if (some.from === 0 && some.to === undefined && some.id === undefined) return message
  const activation = readWithdrawal(message)
  const { link, keyIds, keyOctets } = activation
  const { from, to = keyIds.length, id = activation.id } = some
  const ranges = rangesOfKeys(activation, from, to)
  return octetsOfWithdrawal({ id, link, keyIds: keyIds.slice(from, to), keyOctets, ranges })
}

/** Ranges as stored beside a key: four whole numbers of 64 bits each. */
export function rangesOctets(ranges: readonly Range[]): Uint8Array {
  const octets = new Uint8Array(ranges.length * RANGE_ROW_OCTETS)
  const view = new DataView(octets.buffer)
  ranges.forEach(({ epoch, sequence, from, octets: size }, at) => {
    for (const [place, whole] of [epoch, sequence, from, size].entries()) {
      view.setUint32(at * RANGE_ROW_OCTETS + place * 8, Math.floor(whole / 2 ** 32))
      view.setUint32(at * RANGE_ROW_OCTETS + place * 8 + 4, whole >>> 0)
    }
  })
  return octets
}

/** Reads `rangesOctets`. @throws KeystoreRefusal if they say anything else */
export function readRanges(octets: Uint8Array): readonly Range[] {
  const count = octets.length / RANGE_ROW_OCTETS
  if (!Number.isInteger(count) || count < 1 || count > ACTIVATION_RANGES_MAX) {
    throw invalid('has a broken list of ranges')
  }
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const whole = (at: number): number => {
    const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
    if (Number.isSafeInteger(value)) return value
    throw invalid('has a broken list of ranges')
  }
  return Array.from({ length: count }, (_, index) => {
    const at = index * RANGE_ROW_OCTETS
    const [epoch, sequence, from, size] = [whole(at), whole(at + 8), whole(at + 16), whole(at + 24)]
    if (size < 1 || size > RANGE_OCTETS_MAX) throw invalid('has a broken list of ranges')
    return { epoch, sequence, from, octets: size }
  })
}

/** One block as reported to the peer: stored and waiting, or in use. */
export interface BlockNote {
  readonly epoch: number
  readonly sequence: number
  readonly state: 'held' | 'available'
}

/** The octets of a block report. */
export const blockNotesOctets = (notes: readonly BlockNote[]): Uint8Array =>
  toCbor({
    v: 1,
    blocks: notes.map(({ epoch, sequence, state }) => [epoch, sequence, state === 'held']),
  })

/** Reads a block report. @throws Refusal */
export const readBlockNotes = (octets: Uint8Array): readonly BlockNote[] =>
  openNotes(octets).blocks.map(([epoch, sequence, held]) => {
    return { epoch, sequence, state: held ? 'held' : 'available' }
  })

/** How far one end of a link has come, for the other end to compare with what it remembers. */
export interface HighWater {
  readonly link: LinkId
  /** 16 random octets drawn when the key store was opened. */
  readonly run: Uint8Array
  /** Grows with every mark this end makes, and survives restarts. */
  readonly mark: number
  /** The highest mark of the other end that this end has seen. */
  readonly seen: number
  /** The run that made it; null before the first. */
  readonly seenRun: Uint8Array | null
  /** End of the furthest octets this end has allocated in its half; null before the first. */
  readonly allocated: Range | null
  /** End of the furthest octets of the other end's half that were activated here. */
  readonly activated: Range | null
}

/** The octets of a high-water mark. */
export function highWaterOctets(mark: HighWater): Uint8Array {
  const { allocated, activated } = mark
  return toCbor({
    ...{ v: 1, ...mark },
    allocated: allocated && tuple(allocated),
    activated: activated && tuple(activated),
  })
}

/** Reads a high-water mark. @throws Refusal */
export function readHighWater(octets: Uint8Array): HighWater {
  const { link, run, mark, seen, seenRun, allocated, activated } = openHighWater(octets)
  return {
    link: checkedName(() => linkId(link)),
    run,
    mark,
    seen,
    seenRun,
    allocated: allocated === null ? null : rangeOf(allocated),
    activated: activated === null ? null : rangeOf(activated),
  }
}

function carriedOf({ carried }: Message, octets: number): Pick<Activation, 'carried'> {
  if (carried === undefined) return {}
  const provenance = checkedName(() => readProvenance(carried.provenance))
  const told = provenance.parts.reduce((sum, part) => sum + part.octets, 0)
  if (carried.mask.length === octets && told === octets) {
    return { carried: { mask: carried.mask, provenance } }
  }
  throw invalid('carries more or less than its bits can mask')
}

function withdrawalOf(message: Message): Withdrawal {
  const { id, link, keys, size, ranges } = message
  if (keys.length % 16 !== 0) throw invalid('has a broken list of key_IDs')
  const keyIds = Array.from({ length: keys.length / 16 }, (_, at) =>
    keyId(uuidOf(keys.subarray(at * 16, at * 16 + 16))),
  )
  if (new Set(keyIds).size !== keyIds.length) throw invalid('names a key_ID twice')
  return {
    id: uuidOf(id),
    link: checkedName(() => linkId(link)),
    keyIds,
    keyOctets: size,
    ranges: ranges.map(rangeOf),
  }
}

const rangeOf = ([epoch, sequence, from, octets]: readonly [
  number,
  number,
  number,
  number,
]): Range => ({ epoch, sequence, from, octets })

const tuple = ({ epoch, sequence, from, octets }: Range): readonly number[] => [
  epoch,
  sequence,
  from,
  octets,
]

const nameOf = (text: string): SaeId => checkedName(() => saeId(text))

function checkedName<T>(check: () => T): T {
  try {
    return check()
  } catch (cause) {
    throw new ShapeRefusal('SHAPE_INVALID', 'Invalid key store message: a name', { cause })
  }
}

const invalid = (why: string): KeystoreRefusal =>
  new KeystoreRefusal('KEYSTORE_MESSAGE_INVALID', `The message ${why}`)

/** key_IDs in one activation; an audit leaf has room for as many. */
export const ACTIVATION_KEYS_MAX = 128
/** Pieces that the octets of one activation may lie in. */
export const ACTIVATION_RANGES_MAX = 64
/** Octets of key in one activation. */
export const ACTIVATION_KEY_OCTETS_MAX = 2 ** 18
/** Octets of key that one activation may carry, and of what is told of them. */
export const CARRIED_OCTETS_MAX = 2 ** 16
/** Octets of one range: half of the largest block. */
export const RANGE_OCTETS_MAX = 2 ** 23
/** Octets of one range in a row of the store. */
const RANGE_ROW_OCTETS = 32
/** Slave SAEs of one key. */
export const SLAVES_MAX = 16
/** Longest time a key may wait to be fetched: 30 days. */
export const LIFE_MS_MAX = 30 * 86_400_000
/** Octets of any message of this room. */
export const MESSAGE_OCTETS_MAX = 2 ** 17
/** Blocks in one report. */
export const BLOCK_NOTES_MAX = 2048

const RangeShape = Type.Tuple([Whole(0), Whole(0), Whole(0), Whole(1, RANGE_OCTETS_MAX)])
const HalfRangeShape = Type.Tuple([Whole(0), Whole(0), Whole(0), Whole(0)])
const MessageShape = Exactly({
  v: Type.Literal(1),
  id: Octets(16),
  link: Text(63, 1),
  keys: Octets(0, 16 * ACTIVATION_KEYS_MAX),
  size: Whole(0, ACTIVATION_KEY_OCTETS_MAX),
  ranges: Type.Array(RangeShape, { minItems: 1, maxItems: ACTIVATION_RANGES_MAX }),
  for: Type.Optional(
    Exactly({
      master: Text(64, 1),
      slaves: Type.Array(Text(64, 1), { minItems: 1, maxItems: SLAVES_MAX }),
      life: Whole(1, LIFE_MS_MAX),
      origins: Octets(32),
    }),
  ),
  carried: Type.Optional(
    Exactly({ mask: Octets(1, CARRIED_OCTETS_MAX), provenance: Octets(1, CARRIED_OCTETS_MAX) }),
  ),
})
type Message = (typeof MessageShape)['static']

const openMessage = cborDoor(MessageShape, 'key store message', MESSAGE_OCTETS_MAX)
const openNotes = cborDoor(
  Exactly({
    v: Type.Literal(1),
    blocks: Type.Array(Type.Tuple([Whole(0), Whole(0), Type.Boolean()]), {
      maxItems: BLOCK_NOTES_MAX,
    }),
  }),
  'block report',
  MESSAGE_OCTETS_MAX,
)
const openHighWater = cborDoor(
  Exactly({
    v: Type.Literal(1),
    link: Text(63, 1),
    run: Octets(16),
    mark: Whole(0),
    seen: Whole(0),
    seenRun: Type.Union([Octets(16), Type.Null()]),
    allocated: Type.Union([HalfRangeShape, Type.Null()]),
    activated: Type.Union([HalfRangeShape, Type.Null()]),
  }),
  'high-water mark',
  MESSAGE_OCTETS_MAX,
)
