/**
 * Syslog over TLS: one connection to a SIEM, made when there is something to send.
 *
 * The receiver's certificate is verified against the authority in the configuration and its name;
 * ours is shown where one is configured. Nothing is read from the other end.
 *
 * @see RFC 5425 §4.2, §5
 * @module
 */

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import type { SiemWay, SiteConfiguration } from '#site'
import { GatewayRefusal } from './refusal.ts'

type Siem = NonNullable<SiteConfiguration['siem']>

/** The way to the SIEM of a configuration. Owns its connection until it is closed. */
export class SyslogWay implements SiemWay {
  readonly #siem: Siem
  readonly #folder: string
  #socket: TLSSocket | undefined

  /** @param folder   of the site: relative paths count from it */
  constructor(siem: Siem, folder: string) {
    this.#siem = siem
    this.#folder = folder
  }

  /** @throws GatewayRefusal `SIEM_UNREACHABLE` */
  async connect(): Promise<boolean> {
    if (this.#socket?.writable === true) return false
    this.#socket = await this.#connected()
    return true
  }

  /** @throws GatewayRefusal `SIEM_UNREACHABLE` */
  async send(octets: Uint8Array): Promise<void> {
    const { promise, resolve: done, reject } = Promise.withResolvers<undefined>()
    const socket = this.#socket
    if (socket?.writable !== true) throw this.#unreachable(new Error('closed'))
    const timer = setTimeout(() => socket.destroy(new Error('timeout')), TIMEOUT_MS)
    const closed = (): void => reject(new Error('closed'))
    socket.once('close', closed)
    socket.write(octets, (error) => (error ? reject(error) : done(undefined)))
    try {
      await promise
    } catch (cause) {
      throw this.#unreachable(cause)
    } finally {
      clearTimeout(timer)
      socket.off('close', closed)
    }
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  async #connected(): Promise<TLSSocket> {
    const { host, port, authority, identity } = this.#siem
    const { promise, resolve: done, reject } = Promise.withResolvers<undefined>()
    try {
      const file = (path: string): Buffer => readFileSync(resolve(this.#folder, path))
      const socket = connect({
        ...{ host, port, ca: file(authority), minVersion: 'TLSv1.2' },
        ...(isIP(host) === 0 && { servername: host }),
        ...(identity && { key: file(identity.key), cert: file(identity.certificate) }),
      })
      this.#socket = socket
      socket.setTimeout(TIMEOUT_MS, () => reject(new Error('timeout')))
      socket.once('secureConnect', () => done(undefined))
      // Stays for the life of the socket: a later error closes it, and the next page finds it closed.
      socket.on('error', reject)
      socket.resume()
      await promise
      socket.setTimeout(0)
      return socket
    } catch (cause) {
      this.close()
      throw this.#unreachable(cause)
    }
  }

  #unreachable(cause: unknown): GatewayRefusal {
    const { host, port } = this.#siem
    const message = `The SIEM at ${host}:${port} does not take messages`
    return new GatewayRefusal('SIEM_UNREACHABLE', message, { cause })
  }
}

const TIMEOUT_MS = 10_000
