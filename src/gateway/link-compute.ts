/**
 * Link engines on worker threads, one for each link, so that post-processing never makes a request
 * for a key wait.
 *
 * A worker that fails takes its session with it, not the daemon: the next session gets a new one.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'
import type { SiteId } from '#base'
import type { EngineSeat, EngineStep, LinkCompute } from '#site/engine'
import { GatewayRefusal } from './refusal.ts'

type LinkParameters = Parameters<LinkCompute['open']>[1]
type EngineInput = Parameters<EngineSeat['step']>[0]

/** What goes to a link worker. */
export type ToLinkWorker =
  | { readonly kind: 'open'; readonly site: SiteId; readonly parameters: LinkParameters }
  | { readonly kind: 'input'; readonly input: EngineInput }

/** What comes back for each input, in order. */
export type FromLinkWorker =
  | { readonly kind: 'step'; readonly step: EngineStep }
  | { readonly kind: 'failed'; readonly message: string }

interface Waiting {
  readonly resolve: (step: EngineStep) => void
  readonly reject: (error: unknown) => void
}

/** Computes links on worker threads. */
export const workerCompute: LinkCompute = {
  open: (site, parameters) => new WorkerSeat(site, parameters),
}

class WorkerSeat implements EngineSeat {
  readonly #site: SiteId
  readonly #parameters: LinkParameters
  #worker: Worker | undefined
  /** Steps not answered yet, oldest first. */
  #waiting: Waiting[] = []

  constructor(site: SiteId, parameters: LinkParameters) {
    this.#site = site
    this.#parameters = parameters
  }

  step(input: EngineInput): Promise<EngineStep> {
    this.#worker ??= this.#start()
    const worker = this.#worker
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      post(worker, { kind: 'input', input })
    })
  }

  close(): void {
    void this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL('link-worker.ts', import.meta.url), { execArgv: [] })
    post(worker, { kind: 'open', site: this.#site, parameters: this.#parameters })
    worker.on('message', (answer: FromLinkWorker) => {
      const waiting = this.#waiting.shift()
      if (answer.kind === 'step') waiting?.resolve(answer.step)
      else waiting?.reject(failed(answer.message))
    })
    worker.once('error', (error) => this.#lost(worker, error))
    worker.once('exit', () => this.#lost(worker, undefined))
    return worker
  }

  #lost(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(failed('the worker has ended', cause))
  }
}

/**
 * What a device reported, and secrets, move to the other thread; messages of the peer, which may
 * share memory with others of its stream, are copied.
 */
function post(worker: Worker, message: ToLinkWorker): void {
  worker.postMessage(message, message.kind === 'input' ? moved(message.input) : [])
  // A secret that shares its memory was copied: the engine has its own now, and clears that.
  if (message.kind !== 'input') return
  for (const secret of secretsIn(message.input)) if (secret.length > 0) secret.fill(0)
}

function moved(input: EngineInput): ArrayBuffer[] {
  if (input.kind === 'detections') return wholeBuffers(input.batch.slots, input.batch.outcomes)
  if (input.kind === 'choices') return wholeBuffers(input.choices.choices)
  return wholeBuffers(...secretsIn(input))
}

/** Hash keys and pads of the sources with which a session begins. */
const secretsIn = (input: EngineInput): readonly Uint8Array[] =>
  input.kind === 'started'
    ? input.sources.flatMap(({ send, receive }) => [
        ...[send.hashKey, send.pads],
        ...[receive.hashKey, receive.pads],
      ])
    : []

/** The buffers of arrays that have one to themselves, and so may leave this thread with it. */
export function wholeBuffers(...arrays: readonly ArrayBufferView[]): ArrayBuffer[] {
  return arrays.flatMap(({ buffer, byteLength }) =>
    buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && byteLength > 0
      ? [buffer]
      : [],
  )
}

const failed = (why: string, cause?: unknown): GatewayRefusal =>
  new GatewayRefusal('WORKER_FAILED', `A link worker failed: ${why}`, { cause })
