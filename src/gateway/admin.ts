/**
 * The admin socket: the route table of `#contract`, served over HTTP on a Unix socket.
 *
 * Whoever can open the socket is the operator: it has mode 0600 in a folder of mode 0700, and asks
 * for nothing more.
 *
 * @module
 */

import { createServer, type Server } from 'node:http'
import type { Log } from '#base'
import type { Handlers } from '#contract'
import { listenUnix } from './listen.ts'
import { BODY_OCTETS_MAX, routeErrorBody, serveRoutes, type AnyTable } from './routes.ts'
import { HEADER_OCTETS_MAX, newWeb } from './web.ts'

export interface AdminOptions<Table extends AnyTable> {
  /** Path of the socket; its folder is ours alone. */
  readonly path: string
  readonly table: Table
  readonly handlers: Handlers<Table>
  readonly log: Log
}

/** Opens the admin socket. @throws GatewayRefusal */
export async function openAdmin<Table extends AnyTable>(
  options: AdminOptions<Table>,
): Promise<AdminListener> {
  const listener = new AdminListener(options)
  await listener.listen(options.path)
  return listener
}

/** Owns the socket. Made by `openAdmin`. */
export class AdminListener implements AsyncDisposable {
  readonly #log: Log
  readonly #server: Server
  readonly #web: ReturnType<typeof newWeb>

  constructor(options: Pick<AdminOptions<AnyTable>, 'table' | 'handlers' | 'log'>) {
    this.#log = options.log
    this.#server = createServer({ maxHeaderSize: HEADER_OCTETS_MAX, requireHostHeader: false })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#web = newWeb({
      name: 'admin',
      server: this.#server,
      bodyOctetsMax: BODY_OCTETS_MAX,
      log: options.log,
      errorBody: routeErrorBody,
    })
    serveRoutes(this.#web, options)
  }

  /** Used by `openAdmin`. */
  async listen(path: string): Promise<void> {
    await this.#web.ready()
    await listenUnix(this.#server, path)
    this.#log.write('info', 'listening', { listener: 'admin', address: path })
  }

  /** Takes no new connections; what is under way goes on. */
  stopListening(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  /** Ends every connection; handlers of streams see their signal. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening()
    this.#server.closeAllConnections()
    await this.#web.close()
  }
}

const CONNECTIONS_MAX = 64
