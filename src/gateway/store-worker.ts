/**
 * The writer thread of the Store port: takes what has queued up, commits it as one group, answers.
 *
 * @module
 */

import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads'
import { OpeningFailure, openWriter } from './store-schema.ts'
import { CommitUnpacker } from './store-packing.ts'
import { failureOf, GROUP_COMMITS_MAX, groupSize } from './store-values.ts'
import type { Commit, Failure, FromWriter, Outcome, ToWriter, WriterSetup } from './store-wire.ts'
import { DiskFailure, GroupWriter } from './store-writer.ts'

function main(port: MessagePort, { file, migrations, pagesMax }: WriterSetup): void {
  const say = (message: FromWriter): void => port.postMessage(message)
  try {
    const database = openWriter(file, migrations)
    const end: WriterEnd = { port, writer: new GroupWriter(database), packs: new CommitUnpacker() }
    if (pagesMax !== undefined) end.writer.limit(pagesMax)
    say({ kind: 'ready' })
    port.on('message', (message: ToWriter) => {
      try {
        serve(end, message, say)
      } catch (error) {
        say({ kind: 'failed', failure: failureFor(error) })
        port.close()
      }
    })
    port.on('close', () => database.close())
  } catch (error) {
    say({ kind: 'refused', ...refusalFor(error) })
    port.close()
  }
}

interface WriterEnd {
  readonly port: MessagePort
  readonly writer: GroupWriter
  readonly packs: CommitUnpacker
}

/** Serves a message and whatever else has arrived, in order. */
function serve(
  { port, writer, packs }: WriterEnd,
  first: ToWriter,
  say: (message: FromWriter) => void,
): void {
  const waiting: Commit[] = []
  const flush = (): void => {
    while (waiting.length > 0) say({ kind: 'outcomes', outcomes: commitGroup(writer, waiting) })
  }
  for (let message: ToWriter | undefined = first; message !== undefined; message = next(port)) {
    switch (message.kind) {
      case 'commits':
        waiting.push(...packs.open(message.commits))
        // Acknowledge in good time even if messages never cease.
        if (waiting.length >= GROUP_COMMITS_MAX) flush()
        break
      case 'limit':
        flush()
        writer.limit(message.pagesMax)
        break
      case 'close':
        flush()
        port.close()
        return
    }
  }
  flush()
}

/** Takes a group off the front of the queue and commits it. */
const commitGroup = (writer: GroupWriter, waiting: Commit[]): readonly Outcome[] =>
  writer.commitAll(waiting.splice(0, groupSize(waiting)))

const next = (port: MessagePort): ToWriter | undefined =>
  (receiveMessageOnPort(port) as { message: ToWriter } | undefined)?.message

function refusalFor(error: unknown): Omit<Extract<FromWriter, { kind: 'refused' }>, 'kind'> {
  const refusal =
    error instanceof OpeningFailure
      ? error
      : new OpeningFailure('STORE_UNREADABLE', 'Cannot open the database', { cause: error })
  const { code, message, facts, cause } = refusal
  return { code, message, facts, cause: cause instanceof Error ? cause.message : undefined }
}

const failureFor = (error: unknown): Failure =>
  error instanceof DiskFailure ? error.failure : { ...failureOf(error), code: 'STORE_FAILED' }

if (parentPort !== null) main(parentPort, workerData as WriterSetup)
