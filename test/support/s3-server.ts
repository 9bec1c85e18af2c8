/**
 * An object storage that speaks S3, in this process and on this machine alone. It knows one access key,
 * and does not verify signatures: the tests of the gateway do.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { newFolder } from './two-sites.ts'

/** As `s3rver` has it; it comes without types. */
interface S3rver {
  run(): Promise<AddressInfo>
  readonly httpServer: Server
}
const S3rver = createRequire(import.meta.url)('s3rver') as new (options: object) => S3rver

export interface S3Server {
  readonly endpoint: string
  /** Files of the bucket, for who looks behind the server. */
  readonly directory: string
  start(): Promise<void>
  stop(): Promise<void>
}

export const BUCKET = 'records'

/** Starts a server with one bucket, on a port that it keeps when it is stopped and started. */
export async function s3Server(t: TestContext): Promise<S3Server> {
  const directory = newFolder(t)
  let running: S3rver | undefined
  let port = 0
  const start = async (): Promise<void> => {
    const options = { address: '127.0.0.1', port, silent: true, directory, vhostBuckets: false }
    running = new S3rver({ ...options, configureBuckets: [{ name: BUCKET }] })
    port = (await running.run()).port
  }
  const stop = async (): Promise<void> => {
    const server = running?.httpServer
    running = undefined
    if (server === undefined) return
    const { promise, resolve } = Promise.withResolvers<undefined>()
    server.close(() => resolve(undefined))
    server.closeAllConnections()
    await promise
  }
  await start()
  t.after(stop)
  return { endpoint: `http://127.0.0.1:${port}`, directory, start, stop }
}

/** Writes an access key: the one that the server knows, unless another is given. */
export function writeAccessKey(folder: string, accessKeyId = 'S3RVER'): void {
  const text = JSON.stringify({ accessKeyId, secretAccessKey: 'S3RVER' })
  writeFileSync(join(folder, 's3.json'), text, { mode: 0o600 })
}
