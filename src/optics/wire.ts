/**
 * Messages of the device socket, between the process that plays the fibre and the two daemons.
 *
 * One message is one octet of kind and a body. Numbers are little-endian. A detection is one
 * variable-length number, (gap − 1) × 4 + outcome, in groups of 7 bits with the lowest first, and
 * the high bit set on all groups but the last: one octet up to a gap of 32 slots, two up to 4096.
 * Where a CHSH test measured any of them, one bit for each says which, behind them all.
 * Two choices share an octet, the first in its low half. Settings and refusals are CBOR.
 *
 *   1 detections      batch, flags, slotCount, count, clicks × 4, doubleClicks, deadTimeDrops,
 *                     photocurrent, arrival times, then the detections
 *   2 choice request  batch, count, then the slots as gaps − 1
 *   3 choices         batch, count, flags, incoming light, what detectors observed if there are any,
 *                     then the choices
 *   4 settings        to each end once, first of all
 *   5 refusal         of one choice request
 *   6 taken           batch: the receiving end has taken it, and another may follow
 *   7 align           asks the receiver to align the devices
 *   8 aligned         the first batch after it, and the slots that it took
 *   9 not aligned     why it did not
 *
 * Every message has one encoding only, and decoders refuse all others. Messages hold raw key bits:
 * the socket must be inside TLS. Nothing here authenticates the peer.
 *
 * @module
 */

import {
  assert,
  door,
  Exactly,
  fromDeterministicCbor,
  OneOf,
  Text,
  toCbor,
  Type,
  Whole,
  type CborValue,
  type Door,
} from '#base'
import {
  BATCH_SLOTS_MAX,
  type Alignment,
  type ArrivalTimes,
  type DetectionBatch,
  type PulseSettings,
  type ReceiverObservables,
  type TransmitterChoices,
  type TransmitterObservables,
} from './device.ts'
import {
  chshMarks,
  GAP_OCTETS_MAX,
  invalidMessage,
  markChsh,
  readDetections,
  readSlots,
  writeDetections,
  writeSlots,
} from './gaps.ts'
import { checkedSettings, INTENSITIES_MAX } from './source.ts'

/** A question for the choices of one batch. */
export interface ChoiceRequest {
  readonly batch: number
  /** Strictly increasing. */
  readonly slots: Uint32Array
}

/** Why a choice request was refused. */
export interface ChoiceRefusal {
  readonly batch: number
  readonly code: string
  readonly message: string
}

export type DeviceMessage =
  | { readonly kind: 'detections'; readonly detections: DetectionBatch }
  | { readonly kind: 'choice-request'; readonly request: ChoiceRequest }
  | { readonly kind: 'choices'; readonly choices: TransmitterChoices }
  | { readonly kind: 'settings'; readonly settings: PulseSettings }
  | { readonly kind: 'refusal'; readonly refusal: ChoiceRefusal }
  | { readonly kind: 'taken'; readonly batch: number }
  | { readonly kind: 'align' }
  | { readonly kind: 'aligned'; readonly alignment: Alignment }
  | { readonly kind: 'not-aligned'; readonly refusal: Omit<ChoiceRefusal, 'batch'> }

/** Longest message: a batch with a detection in every slot, one octet and one mark each. */
export const DEVICE_MESSAGE_OCTETS_MAX = 80 + BATCH_SLOTS_MAX + BATCH_SLOTS_MAX / 8

/**
 * Encodes one message into a fresh array.
 *
 * Unsorted slots and values out of range are bugs of ours and fail an assertion.
 */
export function encodeDeviceMessage(message: DeviceMessage): Uint8Array {
  switch (message.kind) {
    case 'detections':
      return encodeDetections(message.detections)
    case 'choice-request':
      return encodeRequest(message.request)
    case 'choices':
      return encodeChoices(message.choices)
    case 'settings':
      return encodeCbor(KIND_SETTINGS, settingsValue(message.settings))
    case 'refusal':
      return encodeCbor(KIND_REFUSAL, { ...message.refusal })
    case 'taken': {
      const { octets, view } = begin(KIND_TAKEN, TAKEN_OCTETS)
      setWhole(view, 1, message.batch)
      return octets
    }
    case 'align':
      return begin(KIND_ALIGN, 1).octets
    case 'aligned': {
      const { octets, view } = begin(KIND_ALIGNED, ALIGNED_OCTETS)
      setWhole(view, 1, message.alignment.firstBatch)
      setWhole(view, 9, message.alignment.slots)
      return octets
    }
    case 'not-aligned':
      return encodeCbor(KIND_NOT_ALIGNED, { ...message.refusal })
  }
}

/**
 * Decodes one message. Arrays in it are fresh.
 *
 * @throws OpticsRefusal OPTICS_MESSAGE_INVALID for anything but the one encoding of a message
 */
export function decodeDeviceMessage(octets: Uint8Array): DeviceMessage {
  if (octets.length === 0 || octets.length > DEVICE_MESSAGE_OCTETS_MAX)
    throw invalidMessage('length')
  switch (octets[0]) {
    case KIND_DETECTIONS:
      return { kind: 'detections', detections: decodeDetections(octets) }
    case KIND_REQUEST:
      return { kind: 'choice-request', request: decodeRequest(octets) }
    case KIND_CHOICES:
      return { kind: 'choices', choices: decodeChoices(octets) }
    case KIND_SETTINGS:
      return { kind: 'settings', settings: decodeCbor(octets, openSettings) }
    case KIND_REFUSAL:
      return { kind: 'refusal', refusal: decodeCbor(octets, openRefusal) }
    case KIND_TAKEN:
      if (octets.length !== TAKEN_OCTETS) throw invalidMessage('length')
      return { kind: 'taken', batch: wholeAt(viewOf(octets), 1) }
    case KIND_ALIGN:
      if (octets.length !== 1) throw invalidMessage('length')
      return { kind: 'align' }
    case KIND_ALIGNED:
      return { kind: 'aligned', alignment: decodeAlignment(octets) }
    case KIND_NOT_ALIGNED:
      return { kind: 'not-aligned', refusal: decodeCbor(octets, openNotAligned) }
    default:
      throw invalidMessage('kind')
  }
}

function encodeDetections(batch: DetectionBatch): Uint8Array {
  const { slots, outcomes, slotCount, observables } = batch
  const count = slots.length
  assert(outcomes.length === count && slotCount <= BATCH_SLOTS_MAX, 'a batch is of its form')
  assert((slots.at(-1) ?? 0) < slotCount, 'slots lie in the batch')
  const most = Math.min(GAP_OCTETS_MAX * count, slotCount)
  const marks = chshMarks(outcomes)
  const { octets, view } = begin(KIND_DETECTIONS, DETECTIONS_HEAD + most + marks.length)
  setWhole(view, 1, batch.batch)
  const { arrivals } = observables
  octets[9] =
    (batch.simulated ? FLAG_SIMULATED : 0) |
    (arrivals === undefined ? 0 : FLAG_ARRIVALS) |
    (marks.length === 0 ? 0 : FLAG_MARKS)
  view.setUint32(10, slotCount, true)
  view.setUint32(14, count, true)
  setObservables(view, DETECTIONS_HEAD - OBSERVABLES_OCTETS, observables)
  const end = writeDetections(octets, DETECTIONS_HEAD, slots, outcomes)
  octets.set(marks, end)
  return octets.subarray(0, end + marks.length)
}

function decodeDetections(octets: Uint8Array): DetectionBatch {
  if (octets.length < DETECTIONS_HEAD) throw invalidMessage('length')
  const view = viewOf(octets)
  const batch = wholeAt(view, 1)
  const [slotCount, count] = [view.getUint32(10, true), view.getUint32(14, true)]
  if (slotCount < 1 || slotCount > BATCH_SLOTS_MAX) throw invalidMessage('slot count')
  // Each detection takes an octet or more: no memory is taken on the sender's word alone.
  if (count > octets.length - DETECTIONS_HEAD) throw invalidMessage('count')
  if (octets[9] > (FLAG_SIMULATED | FLAG_ARRIVALS | FLAG_MARKS)) throw invalidMessage('flags')
  const timed = (octets[9] & FLAG_ARRIVALS) !== 0
  const observables = observablesAt(view, DETECTIONS_HEAD - OBSERVABLES_OCTETS, timed)
  const slots = new Uint32Array(count)
  const outcomes = new Uint8Array(count)
  const marked = (octets[9] & FLAG_MARKS) !== 0
  const end = octets.length - (marked ? Math.ceil(count / 8) : 0)
  readDetections(octets.subarray(0, end), DETECTIONS_HEAD, slotCount, slots, outcomes)
  if (marked) markChsh(outcomes, octets.subarray(end))
  const simulated = (octets[9] & FLAG_SIMULATED) !== 0
  return { batch, slotCount, simulated, slots, outcomes, observables }
}

/** Clicks × 4, double clicks, drops, photocurrent, mean and spread of arrival times. */
function setObservables(view: DataView, at: number, observables: ReceiverObservables): void {
  const { clicks, doubleClicks, deadTimeDrops, photocurrentUa, arrivals } = observables
  const counts = [...clicks, doubleClicks, deadTimeDrops]
  for (const [index, value] of counts.entries()) view.setUint32(at + 4 * index, value, true)
  const figures = [photocurrentUa, arrivals?.meanPs ?? 0, arrivals?.spreadPs ?? 0]
  for (const [index, value] of figures.entries()) view.setFloat64(at + 24 + 8 * index, value, true)
}

function observablesAt(view: DataView, at: number, timed: boolean): ReceiverObservables {
  const count = (index: number): number => view.getUint32(at + 4 * index, true)
  const photocurrentUa = view.getFloat64(at + 24, true)
  if (!(photocurrentUa >= 0 && photocurrentUa < Infinity)) throw invalidMessage('photocurrent')
  return {
    clicks: [count(0), count(1), count(2), count(3)],
    doubleClicks: count(4),
    deadTimeDrops: count(5),
    photocurrentUa,
    ...arrivalsAt(view, at + 32, timed),
  }
}

/** Arrival times where they are given; two zeros, of one sign, where they are not. */
function arrivalsAt(
  view: DataView,
  at: number,
  given: boolean,
): { readonly arrivals?: ArrivalTimes } {
  const meanPs = view.getFloat64(at, true)
  const spreadPs = view.getFloat64(at + 8, true)
  if (!given) {
    if (!Object.is(meanPs, 0) || !Object.is(spreadPs, 0)) throw invalidMessage('arrival times')
    return {}
  }
  if (!Number.isFinite(meanPs) || !(spreadPs >= 0 && spreadPs < Infinity)) {
    throw invalidMessage('arrival times')
  }
  return { arrivals: { meanPs, spreadPs } }
}

function encodeRequest({ batch, slots }: ChoiceRequest): Uint8Array {
  const last = slots.at(-1) ?? 0
  assert(last < BATCH_SLOTS_MAX, 'slots lie inside a batch')
  const most = Math.min(GAP_OCTETS_MAX * slots.length, last + 1)
  const { octets, view } = begin(KIND_REQUEST, COUNT_HEAD + most)
  setWhole(view, 1, batch)
  view.setUint32(9, slots.length, true)
  return octets.subarray(0, writeSlots(octets, COUNT_HEAD, slots))
}

function decodeRequest(octets: Uint8Array): ChoiceRequest {
  const { batch, count } = decodeHead(octets)
  if (count > octets.length - COUNT_HEAD) throw invalidMessage('count')
  const slots = new Uint32Array(count)
  readSlots(octets, COUNT_HEAD, BATCH_SLOTS_MAX, slots)
  return { batch, slots }
}

function encodeChoices({ batch, choices, observables }: TransmitterChoices): Uint8Array {
  assert(choices.length <= BATCH_SLOTS_MAX, 'choices fit into one message')
  const { incomingLightNw, detectors } = observables ?? {}
  const head = CHOICES_HEAD + (detectors === undefined ? 0 : 4 + OBSERVABLES_OCTETS)
  const { octets, view } = begin(KIND_CHOICES, head + Math.ceil(choices.length / 2))
  setWhole(view, 1, batch)
  view.setUint32(9, choices.length, true)
  octets[COUNT_HEAD] =
    (incomingLightNw === undefined ? 0 : FLAG_INCOMING_LIGHT) |
    (detectors === undefined ? 0 : FLAG_DETECTORS) |
    (detectors?.arrivals === undefined ? 0 : FLAG_THEIR_ARRIVALS)
  view.setFloat64(COUNT_HEAD + 1, incomingLightNw ?? 0, true)
  if (detectors !== undefined) {
    view.setUint32(CHOICES_HEAD, detectors.slotCount, true)
    setObservables(view, CHOICES_HEAD + 4, detectors)
  }
  let all = 0
  for (let index = 0; index < choices.length; index++) {
    all |= choices[index]
    octets[head + (index >> 1)] |= choices[index] << ((index & 1) << 2)
  }
  assert(all < 16, 'a choice has four bits')
  return octets
}

function decodeChoices(octets: Uint8Array): TransmitterChoices {
  const { batch, count } = decodeHead(octets)
  const flags = octets.length > COUNT_HEAD ? octets[COUNT_HEAD] : 0
  const head = CHOICES_HEAD + ((flags & FLAG_DETECTORS) === 0 ? 0 : 4 + OBSERVABLES_OCTETS)
  if (octets.length !== head + Math.ceil(count / 2)) throw invalidMessage('count')
  const observables = transmitterObservables(viewOf(octets), flags)
  if (count % 2 === 1 && octets[octets.length - 1] > 15) throw invalidMessage('choices')
  const choices = new Uint8Array(count)
  for (let index = 0; index < count; index++) {
    choices[index] = (octets[head + (index >> 1)] >> ((index & 1) << 2)) & 15
  }
  return { batch, choices, ...(flags === 0 ? {} : { observables }) }
}

/** What a message of choices says of its end. */
function transmitterObservables(view: DataView, flags: number): TransmitterObservables {
  const incomingLightNw = view.getFloat64(COUNT_HEAD + 1, true)
  const lit = (flags & FLAG_INCOMING_LIGHT) !== 0
  const timed = (flags & FLAG_THEIR_ARRIVALS) !== 0
  const all = FLAG_INCOMING_LIGHT | FLAG_DETECTORS | FLAG_THEIR_ARRIVALS
  if (flags > all || (!lit && !Object.is(incomingLightNw, 0))) throw invalidMessage('flags')
  if (!(incomingLightNw >= 0 && incomingLightNw < Infinity)) throw invalidMessage('incoming light')
  const light = lit ? { incomingLightNw } : {}
  if ((flags & FLAG_DETECTORS) === 0) {
    if (timed) throw invalidMessage('flags')
    return light
  }
  const slotCount = view.getUint32(CHOICES_HEAD, true)
  if (slotCount < 1 || slotCount > BATCH_SLOTS_MAX) throw invalidMessage('slot count')
  return {
    ...light,
    detectors: { slotCount, ...observablesAt(view, CHOICES_HEAD + 4, timed) },
  }
}

function decodeAlignment(octets: Uint8Array): Alignment {
  if (octets.length !== ALIGNED_OCTETS) throw invalidMessage('length')
  const view = viewOf(octets)
  return { firstBatch: wholeAt(view, 1), slots: wholeAt(view, 9) }
}

function decodeHead(octets: Uint8Array): { readonly batch: number; readonly count: number } {
  if (octets.length < COUNT_HEAD) throw invalidMessage('length')
  const view = viewOf(octets)
  const count = view.getUint32(9, true)
  if (count > BATCH_SLOTS_MAX) throw invalidMessage('count')
  return { batch: wholeAt(view, 1), count }
}

function encodeCbor(kind: number, value: CborValue): Uint8Array {
  const body = toCbor(value)
  const { octets } = begin(kind, 1 + body.length)
  octets.set(body, 1)
  return octets
}

function decodeCbor<T>(octets: Uint8Array, open: Door<T>): T {
  try {
    return open(fromDeterministicCbor(octets.subarray(1), CBOR_OCTETS_MAX))
  } catch (cause) {
    throw invalidMessage('body', cause)
  }
}

function begin(kind: number, size: number): { octets: Uint8Array; view: DataView } {
  const octets = new Uint8Array(size)
  octets[0] = kind
  return { octets, view: viewOf(octets) }
}

const viewOf = (octets: Uint8Array): DataView =>
  new DataView(octets.buffer, octets.byteOffset, octets.byteLength)

function setWhole(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'batches and slots are whole')
  view.setUint32(at, value % 2 ** 32, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}

function wholeAt(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true)
  if (high >= 2 ** 21) throw invalidMessage('whole number')
  return high * 2 ** 32 + view.getUint32(at, true)
}

const settingsValue = (settings: PulseSettings): CborValue => ({
  clockHz: settings.clockHz,
  intensities: settings.intensities.map((intensity) => ({ ...intensity })),
  keyBasisProbability: { ...settings.keyBasisProbability },
  ...(settings.source === undefined ? {} : { source: settings.source }),
  ...(settings.chshProbability === undefined ? {} : { chshProbability: settings.chshProbability }),
})

const settingsShape = door(
  Exactly({
    clockHz: Type.Number(),
    intensities: Type.Array(
      Exactly({ meanPhotonNumber: Type.Number(), probability: Type.Number() }),
      { maxItems: INTENSITIES_MAX },
    ),
    keyBasisProbability: Exactly({ transmitter: Type.Number(), receiver: Type.Number() }),
    source: Type.Optional(OneOf('entangled-pairs', 'three-states')),
    chshProbability: Type.Optional(Type.Number()),
  }),
  'pulse settings',
)

const openSettings = (value: unknown): PulseSettings => checkedSettings(settingsShape(value))

const openRefusal = door(
  Exactly({ batch: Whole(0), code: Text(64), message: Text(512) }),
  'choice refusal',
)

const openNotAligned = door(Exactly({ code: Text(64), message: Text(512) }), 'alignment refusal')

const KIND_DETECTIONS = 1
const KIND_REQUEST = 2
const KIND_CHOICES = 3
const KIND_SETTINGS = 4
const KIND_REFUSAL = 5
const KIND_TAKEN = 6
const KIND_ALIGN = 7
const KIND_ALIGNED = 8
const KIND_NOT_ALIGNED = 9
const TAKEN_OCTETS = 9
/** Kind, batch, slots. */
const ALIGNED_OCTETS = 17

/** Six counts, photocurrent, mean and spread of arrival times. */
const OBSERVABLES_OCTETS = 6 * 4 + 3 * 8
/** Kind, batch, flags, two counts, what was observed. */
const DETECTIONS_HEAD = 1 + 8 + 1 + 2 * 4 + OBSERVABLES_OCTETS
const FLAG_SIMULATED = 1
/** Arrival times are given. */
const FLAG_ARRIVALS = 2
/** Detections of a CHSH test are marked behind the others. */
const FLAG_MARKS = 4
/** Kind, batch, count. */
const COUNT_HEAD = 1 + 8 + 4
const FLAG_INCOMING_LIGHT = 1
/** The end has detectors, which say what they observed. */
const FLAG_DETECTORS = 2
const FLAG_THEIR_ARRIVALS = 4
/** Kind, batch, count, flags, incoming light. */
const CHOICES_HEAD = COUNT_HEAD + 1 + 8
const CBOR_OCTETS_MAX = 4096
