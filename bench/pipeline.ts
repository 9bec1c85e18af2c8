/**
 * The whole pipeline between two processes, one core each: sifting, Cascade, verification, bound,
 * amplification and authentication, over a socket whose messages are held back.
 *
 * Time is that of the wall: on a machine that does something else besides, the figures are too low.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { resolve } from 'node:path'
import type { Benchmark } from './bench.ts'
import type { PipelineFigures } from './pipeline-end.ts'

export function pipelines(): readonly Benchmark[] {
  const toshiba = (value: number) => ({ name: 'Toshiba record system', value })
  const secret: number[] = []
  const atOnce: number[] = []
  return [
    {
      name: 'link.pipeline.sifted',
      claim: 'whole pipeline, two processes, 1 ms round trip, QBER 1 %',
      unit: 'Mb/s sifted',
      bar: 30,
      better: 'more',
      peer: toshiba(60),
      runs: RUNS,
      run: async () => {
        const { siftedBits, secretBits, seconds } = await pipeline(0.5)
        secret.push(secretBits / seconds / 1e6)
        return siftedBits / seconds / 1e6
      },
    },
    {
      name: 'link.pipeline.secret',
      claim: 'its secret key',
      unit: 'Mb/s secret',
      bar: 13.7,
      better: 'more',
      peer: toshiba(13.7),
      runs: RUNS,
      run: () => secret.shift() ?? NaN,
    },
    {
      name: 'link.pipeline.direct',
      claim: 'the same with no delay at all',
      unit: 'Mb/s sifted',
      bar: null,
      better: 'more',
      runs: RUNS,
      run: async () => {
        const { siftedBits, seconds } = await pipeline(0)
        atOnce.push(siftedBits / seconds / 1e6)
        return siftedBits / seconds / 1e6
      },
    },
    {
      name: 'link.pipeline.far',
      claim: 'share of that at 10 ms round trip',
      unit: '',
      bar: 0.9,
      better: 'more',
      peer: { name: 'cascade-cpp, a frame at a time', value: ONE_FRAME_SHARE },
      runs: RUNS,
      run: async () => {
        const { siftedBits, seconds } = await pipeline(5)
        return siftedBits / seconds / 1e6 / (atOnce.shift() ?? NaN)
      },
    },
  ]
}

/** Runs both ends. @param delayMs   for which messages are held back at each end */
async function pipeline(delayMs: number): Promise<PipelineFigures> {
  const receiver = end('receiver', 0, delayMs)
  const lines = createInterface(receiver.stdout)[Symbol.asyncIterator]()
  const line = async (): Promise<unknown> => {
    const { value } = (await lines.next()) as { value?: string }
    if (value === undefined) throw new Error('The receiving end has ended')
    return JSON.parse(value)
  }
  const { port } = (await line()) as { readonly port: number }
  const transmitter = end('transmitter', port, delayMs)
  transmitter.stdout.resume()
  const figures = (await line()) as PipelineFigures
  await Promise.all([gone(receiver), gone(transmitter)])
  return figures
}

function end(role: string, port: number, delayMs: number) {
  const file = resolve(import.meta.dirname, 'pipeline-end.ts')
  const args = [role, String(port), String(delayMs), String(BLOCKS)]
  return spawn(process.execPath, [...process.execArgv, file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

const gone = (child: ReturnType<typeof end>): Promise<void> =>
  new Promise((resume) => {
    if (child.exitCode !== null) resume()
    else child.once('exit', () => resume())
  })

/** Blocks of 8 Mbit that are counted, behind those that fill the link: as many as are in flight. */
const BLOCKS = 96
const RUNS = 3
/**
 * What a round trip of 10 ms leaves of 14.2 Mb/s, where a frame of 10⁵ bits takes 214 of them and
 * no other frame is corrected meanwhile: both as measured of cascade-cpp's variant yanetal.
 */
const ONE_FRAME_SHARE = 1e5 / (1e5 / 14.2e6 + 214 * 0.01) / 14.2e6
