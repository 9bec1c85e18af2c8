/**
 * Devices over a connection: the process that plays the fibre serves them, a daemon uses them.
 *
 * A message that is not of its form ends the connection. When it ends, the served device lives
 * on: batches wait in it, up to its limit, for the next connection.
 *
 * Does not authenticate: the connection has proven its ends, and must be encrypted, for it carries
 * raw key bits.
 *
 * @module
 */

import type { Connection } from '#base'
import type {
  Alignment,
  DetectionBatch,
  PulseSettings,
  ReceiverDevice,
  TransmitterChoices,
  TransmitterDevice,
} from './device.ts'
import type { TakeBatch } from './inbox.ts'
import { OpticsRefusal, type OpticsRefusalCode } from './refusal.ts'
import { decodeDeviceMessage, encodeDeviceMessage, type DeviceMessage } from './wire.ts'

/** Serves a transmitter over one connection, until it ends. */
export function serveTransmitter(device: TransmitterDevice, connection: Connection): void {
  void sent(connection, { kind: 'settings', settings: device.settings })
  connection.receive(async (octets) => {
    const message = decoded(octets)
    if (message?.kind === 'choice-request') {
      const { batch, slots } = message.request
      await sent(connection, await answerTo(device, batch, slots))
    } else {
      connection.close()
    }
  })
}

/**
 * Serves a receiver over one connection, in place of any earlier one, until it ends.
 *
 * At most `BATCHES_AHEAD_MAX` batches are on their way: more would only grow old in buffers, and
 * the transmitter would have forgotten their choices by the time they are asked for.
 */
export function serveReceiver(device: ReceiverDevice, connection: Connection): void {
  void sent(connection, { kind: 'settings', settings: device.settings })
  const ahead = new Set<number>()
  let room: (() => void) | undefined
  connection.receive((octets) => {
    const message = decoded(octets)
    if (message?.kind === 'taken' && ahead.delete(message.batch)) room?.()
    else if (message?.kind === 'align')
      void alignmentOf(device).then((said) => sent(connection, said))
    else connection.close()
  })
  device.receive(async (detections) => {
    while (ahead.size >= BATCHES_AHEAD_MAX) {
      await new Promise<void>((resume) => {
        room = resume
      })
    }
    ahead.add(detections.batch)
    const taken = await sent(connection, { kind: 'detections', detections })
    detections.outcomes.fill(0)
    // Whoever cannot take batches any more must not let them run into the void.
    if (!taken) await new Promise<never>(() => undefined)
  })
}

/**
 * The transmitter at the other end of a connection.
 *
 * Its promises reject with OPTICS_CLOSED once the connection has ended, and with
 * OPTICS_REQUESTS_TOO_MANY above `REQUESTS_MAX` questions at a time.
 */
export async function remoteTransmitter(connection: Connection): Promise<TransmitterDevice> {
  const asked = new Map<number, PromiseWithResolvers<TransmitterChoices>>()
  const settings = await settingsFrom(connection, (message) => {
    const batch = batchOf(message)
    const question = batch === undefined ? undefined : asked.get(batch)
    if (batch === undefined || question === undefined) {
      connection.close()
      return
    }
    asked.delete(batch)
    if (message.kind === 'choices') question.resolve(message.choices)
    if (message.kind === 'refusal') question.reject(refusalFrom(message.refusal))
  })
  void connection.closed.then(() => {
    for (const { reject } of asked.values()) reject(closedRefusal())
    asked.clear()
  })
  const choicesAt = async (batch: number, slots: Uint32Array): Promise<TransmitterChoices> => {
    if (asked.has(batch)) {
      const message = 'The choices of this batch have been asked for already'
      throw new OpticsRefusal('OPTICS_BATCH_REPEATED', message, { facts: { batch } })
    }
    if (asked.size >= REQUESTS_MAX) {
      const message = `More than ${REQUESTS_MAX} questions to a transmitter at a time`
      throw new OpticsRefusal('OPTICS_REQUESTS_TOO_MANY', message)
    }
    const question = Promise.withResolvers<TransmitterChoices>()
    // The connection may end while the question is on its way, before anybody waits for an answer.
    question.promise.catch(() => undefined)
    asked.set(batch, question)
    const request = { batch, slots }
    if (!(await sent(connection, { kind: 'choice-request', request }))) {
      asked.delete(batch)
      throw closedRefusal()
    }
    const choices = await question.promise
    if (choices.choices.length === slots.length) return choices
    connection.close()
    throw new OpticsRefusal('OPTICS_MESSAGE_INVALID', 'A transmitter answered other slots')
  }
  return { settings, choicesAt, closed: connection.closed, close: () => connection.close() }
}

/** The receiver at the other end of a connection. Batches wait there until they are taken. */
export async function remoteReceiver(connection: Connection): Promise<ReceiverDevice> {
  const taker = Promise.withResolvers<TakeBatch>()
  let take: TakeBatch | undefined
  let asked: PromiseWithResolvers<Alignment> | undefined
  const settings = await settingsFrom(connection, async (message) => {
    if (asked !== undefined && (message.kind === 'aligned' || message.kind === 'not-aligned')) {
      if (message.kind === 'aligned') asked.resolve(message.alignment)
      else asked.reject(alignmentRefusalFrom(message.refusal))
      asked = undefined
      return
    }
    if (message.kind !== 'detections') {
      connection.close()
      return
    }
    const { batch } = message.detections
    await (take ?? (await taker.promise))(message.detections)
    await sent(connection, { kind: 'taken', batch })
  })
  void connection.closed.then(() => {
    asked?.reject(closedRefusal())
    asked = undefined
  })
  const align = async (): Promise<Alignment> => {
    if (asked !== undefined) {
      const message = 'The devices are aligning themselves already'
      throw new OpticsRefusal('OPTICS_REQUESTS_TOO_MANY', message)
    }
    const question = Promise.withResolvers<Alignment>()
    question.promise.catch(() => undefined)
    asked = question
    if (await sent(connection, { kind: 'align' })) return question.promise
    asked = undefined
    throw closedRefusal()
  }
  return {
    settings,
    align,
    receive: (next) => {
      take = next
      taker.resolve((detections: DetectionBatch) => take?.(detections))
    },
    closed: connection.closed,
    close: () => connection.close(),
  }
}

/** Waits for the settings, which come first; hands over what comes later. */
function settingsFrom(
  connection: Connection,
  take: (message: DeviceMessage) => Promise<void> | void,
): Promise<PulseSettings> {
  const { promise, resolve, reject } = Promise.withResolvers<PulseSettings>()
  let settled = false
  connection.receive((octets) => {
    const message = decoded(octets)
    if (message === undefined || settled === (message.kind === 'settings')) {
      connection.close()
    } else if (message.kind === 'settings') {
      settled = true
      resolve(message.settings)
    } else {
      return take(message)
    }
  })
  void connection.closed.then(() => reject(closedRefusal()))
  return promise
}

async function answerTo(
  device: TransmitterDevice,
  batch: number,
  slots: Uint32Array,
): Promise<DeviceMessage> {
  try {
    return { kind: 'choices', choices: await device.choicesAt(batch, slots) }
  } catch (error) {
    if (!(error instanceof OpticsRefusal)) throw error
    return { kind: 'refusal', refusal: { batch, code: error.code, message: error.message } }
  }
}

async function alignmentOf(device: ReceiverDevice): Promise<DeviceMessage> {
  try {
    return { kind: 'aligned', alignment: await device.align() }
  } catch (error) {
    if (!(error instanceof OpticsRefusal)) throw error
    return { kind: 'not-aligned', refusal: { code: error.code, message: error.message } }
  }
}

/** Whether the message was sent; false once the connection has ended. */
async function sent(connection: Connection, message: DeviceMessage): Promise<boolean> {
  try {
    await connection.send(encodeDeviceMessage(message))
    return true
  } catch {
    return false
  }
}

/** The message, or undefined if it is not of its form. */
function decoded(octets: Uint8Array): DeviceMessage | undefined {
  try {
    return decodeDeviceMessage(octets)
  } catch {
    return undefined
  }
}

const batchOf = (message: DeviceMessage): number | undefined => {
  if (message.kind === 'choices') return message.choices.batch
  return message.kind === 'refusal' ? message.refusal.batch : undefined
}

function refusalFrom({ code, message, batch }: { code: string; message: string; batch: number }) {
  const known = RELAYED_CODES.find((relayed) => relayed === code)
  return new OpticsRefusal(known ?? 'OPTICS_MESSAGE_INVALID', message, { facts: { batch } })
}

const alignmentRefusalFrom = ({ code, message }: { code: string; message: string }) =>
  new OpticsRefusal(code === 'OPTICS_REQUESTS_TOO_MANY' ? code : 'OPTICS_ALIGNMENT_FAILED', message)

const closedRefusal = (): OpticsRefusal =>
  new OpticsRefusal('OPTICS_CLOSED', 'The connection to the device has ended')

/** Batches that a receiver sends before the first of them has been taken. */
export const BATCHES_AHEAD_MAX = 8

/** Questions to one transmitter that may be open at a time. */
export const REQUESTS_MAX = 64

/** Refusals that a transmitter may give to a question. */
const RELAYED_CODES: readonly OpticsRefusalCode[] = [
  'OPTICS_BATCH_UNKNOWN',
  'OPTICS_BATCH_FORGOTTEN',
  'OPTICS_BATCH_REPEATED',
  'OPTICS_SLOTS_INVALID',
  'OPTICS_CLOSED',
]
