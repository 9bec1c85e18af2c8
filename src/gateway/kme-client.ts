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

/** A client and its connections, which end with it. */
export class KmeConnection extends KmeClient implements Disposable {
  readonly #end: () => void

  /**
   * A client over HTTPS. A request that the KME certainly did not act on is tried four times.
   *
   * Nothing is asked of the KME yet. @throws TypeError or Error of Node for certificates that are none
   */
  constructor(options: KmeHttpsOptions) {
    const https = kmeOverHttps(options)
    super(https.ask, { triesMax: TRIES_MAX, pause })
    this.#end = () => https[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

const TRIES_MAX = 4
