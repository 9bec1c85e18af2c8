/**
 * The published client (`./client` of the package): ETSI GS QKD 014 for applications on Node, with
 * its connection. `tools/build-client.ts` makes JavaScript and declarations of this file and of what
 * it stands on, and of nothing else of the house.
 *
 * @see docs/reference/client.md
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import { KmeClient } from '#kme/client'
import { kmeOverHttps, type KmeHttpsOptions } from './kme-https.ts'

export * from '#kme/client'
export { kmeOverHttps, type KmeHttps, type KmeHttpsOptions } from './kme-https.ts'

export interface KmeConnectionOptions extends KmeHttpsOptions {
  /** How often a request is tried that the KME certainly did not act on. Left out: four times. */
  readonly triesMax?: number
}

/** A client and its connections, which end with it. */
export class KmeConnection extends KmeClient implements Disposable {
  readonly #end: () => void

  /**
   * A client over HTTPS. Nothing is asked of the KME yet.
   *
   * @throws TypeError or Error of Node for certificates that are none
   */
  constructor({ triesMax = TRIES_MAX, ...options }: KmeConnectionOptions) {
    const https = kmeOverHttps(options)
    super(https.ask, { triesMax, pause })
    this.#end = () => https[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

const TRIES_MAX = 4
