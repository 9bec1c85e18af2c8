/**
 * The thread of one link: an engine, and nothing else.
 *
 * @module
 */

import { parentPort } from 'node:worker_threads'
import { present } from '#base'
import { systemRandom } from '#crypto'
import { inlineCompute, type EngineSeat, type EngineStep } from '#site/engine'
import { wholeBuffers, type FromLinkWorker, type ToLinkWorker } from './link-compute.ts'

const port = present(parentPort, 'port of a worker thread')
let seat: EngineSeat | undefined

port.on('message', (message: ToLinkWorker) => {
  if (message.kind === 'open') {
    seat = inlineCompute(systemRandom).open(message.site, message.parameters)
    return
  }
  void answer(present(seat, 'engine that was opened'), message.input)
})

/** Steps are computed synchronously inside `step`, so answers leave in the order of the inputs. */
async function answer(at: EngineSeat, input: Parameters<EngineSeat['step']>[0]): Promise<void> {
  try {
    const step = await at.step(input)
    say({ kind: 'step', step })
    forget(step)
  } catch (error) {
    say({ kind: 'failed', message: error instanceof Error ? error.message : 'unknown' })
  }
}

/** The main thread has its copy of the key; this one must not outlive it. */
function forget({ effects }: EngineStep): void {
  for (const effect of effects) {
    if (effect.kind === 'store-block') effect.block.key.octets.fill(0)
  }
}

/** Slots to ask for move; what the engine says is copied, for it stays in its transcript. */
function say(message: FromLinkWorker): void {
  const effects = message.kind === 'step' ? message.step.effects : []
  const slots = effects.flatMap((effect) => (effect.kind === 'ask-choices' ? [effect.slots] : []))
  port.postMessage(message, wholeBuffers(...slots))
}
