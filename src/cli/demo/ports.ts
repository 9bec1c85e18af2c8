/**
 * Ports of this machine for daemons that are about to be started.
 *
 * @module
 */

import { createServer } from 'node:net'

/**
 * So many free ports, below those that the system gives to outgoing connections: a daemon that is
 * started again must find its port free.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const free: number[] = []
  for (let port = 18_000 + (process.pid % 1000) * 10; free.length < count; port++) {
    if (port > 31_000) port = 18_000
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    free.push(port)
  }
  return free
}

/** Ports that this process has given away: perhaps nobody listens there yet. */
const given = new Set<number>()

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  server.once('error', () => resolve(false))
  server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
    server.close(() => resolve(true))
  })
  return promise
}
