/**
 * Tells an endpoint of a subscription that there is something new: a POST without a body.
 *
 * Which endpoints may be told is decided before, from the configuration. Redirections are not
 * followed, and what is answered is not read. Certificates are verified against what Node trusts;
 * the operator adds the hospital's own with `NODE_EXTRA_CA_CERTS`.
 *
 * @module
 */

import { Agent } from 'node:https'
import { exchangeHttps } from './https-exchange.ts'

/** Knocks at an endpoint. @param ca   trusted instead of what Node trusts @returns the status of its answer; rejects where there is none */
export async function knock(
  url: string,
  headers: Readonly<Record<string, string>>,
  ca?: string,
): Promise<number> {
  // A connection for each knock: what a hospital's endpoint was an hour ago it need not be now.
  const agent = new Agent({ keepAlive: false, minVersion: 'TLSv1.3', ...(ca && { ca }) })
  try {
    const question = { ...QUESTION, agent, url, headers, body: new Uint8Array(0) }
    return (await exchangeHttps(question)).status
  } finally {
    agent.destroy()
  }
}

const QUESTION = { method: 'POST', timeoutMs: 10_000, octetsMax: 64 * 1024 } as const
