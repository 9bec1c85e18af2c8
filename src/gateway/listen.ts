/**
 * Listening on a TCP address or a Unix socket, with a clear refusal where that cannot be.
 *
 * @module
 */

import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { GatewayRefusal } from './refusal.ts'
import { systemCode } from './system.ts'

/** Host and port; port 0 lets the operating system choose. */
export interface TcpAddress {
  readonly host: string
  readonly port: number
}

/** The address in the form people type: `127.0.0.1:8443`, `[::1]:8443`. */
export const addressText = ({ host, port }: TcpAddress): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/**
 * Listens on a TCP address and resolves to it, with the port that was chosen.
 *
 * @throws GatewayRefusal `ADDRESS_IN_USE`, `ADDRESS_INVALID`, `PERMISSION_DENIED`
 */
export async function listenTcp(server: Server, address: TcpAddress): Promise<TcpAddress> {
  try {
    await begin(server, { ...address, exclusive: true })
  } catch (error) {
    throw listenRefusal(error, addressText(address))
  }
  const { port } = server.address() as AddressInfo
  return { host: address.host, port }
}

/** Whether this process could listen on a TCP address now. */
export async function isFree(address: TcpAddress): Promise<boolean> {
  const server = createServer()
  try {
    await listenTcp(server, address)
    return true
  } catch (error) {
    if (error instanceof GatewayRefusal && error.code === 'ADDRESS_IN_USE') return false
    throw error
  } finally {
    server.close()
  }
}

/**
 * Listens on a Unix socket of mode 0600, replacing one that a dead process left behind.
 *
 * @throws GatewayRefusal `ADDRESS_IN_USE` if a living process listens there or something else lies
 *   there, `ADDRESS_INVALID` if the path is too long
 */
export async function listenUnix(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > UNIX_PATH_OCTETS_MAX) {
    throw new GatewayRefusal(
      'ADDRESS_INVALID',
      `A socket path has at most ${UNIX_PATH_OCTETS_MAX} octets; choose a shorter folder: ${path}`,
      { facts: { address: path } },
    )
  }
  if (await isStale(path)) unlinkSync(path)
  try {
    await begin(server, { path })
    chmodSync(path, 0o600)
  } catch (error) {
    throw listenRefusal(error, path)
  }
}

/** The refusal for an error of `listen`. */
export function listenRefusal(error: unknown, address: string): GatewayRefusal {
  const system = systemCode(error) ?? 'unknown'
  const options = { cause: error, facts: { address, system } }
  switch (system) {
    case 'EADDRINUSE':
      return new GatewayRefusal('ADDRESS_IN_USE', `Another process listens on ${address}`, options)
    case 'EACCES':
    case 'EPERM':
      return new GatewayRefusal('PERMISSION_DENIED', `May not listen on ${address}`, options)
    default:
      return new GatewayRefusal('ADDRESS_INVALID', `Cannot listen on ${address}`, options)
  }
}

function begin(
  server: Server,
  options: { path: string } | (TcpAddress & { exclusive: boolean }),
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(options, () => {
    server.off('error', reject)
    resolve()
  })
  return promise
}

/** Whether a socket file is there that nobody listens on. Anything else stays as it is. */
async function isStale(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = connect(path)
  probe.once('connect', () => resolve(false))
  probe.once('error', (error) => resolve(systemCode(error) === 'ECONNREFUSED'))
  const stale = await promise
  probe.destroy()
  return stale
}

/** `sun_path` of Linux holds 108 octets, the closing zero included. */
const UNIX_PATH_OCTETS_MAX = 107
