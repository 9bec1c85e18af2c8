/**
 * One hospital that serves FHIR, as a real daemon in a temporary folder, and ways to ask it.
 *
 * @module
 */

import { Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePorts } from '#cli'
import { createAuthority, initSite, issue, issueSae } from '#gateway'
import { credentialsAt, type SaeCredentials } from './north.ts'
import { newFolder, TestSite } from './two-sites.ts'

/** A site with a listener for FHIR, and its clients by name. */
export interface FhirSite {
  readonly site: TestSite
  /** URL of the FHIR server. */
  readonly base: string
  readonly credentials: (client: string) => SaeCredentials
}

/** Makes the site and starts nothing; the daemon ends and the folder goes with the test. */
export async function makeFhirSite(
  t: TestContext,
  options: {
    /** What each client may do. */
    readonly clients: Readonly<Record<string, 'read' | 'write'>>
    readonly profile?: 'demo' | 'production'
  },
): Promise<FhirSite> {
  const { clients, profile = 'production' } = options
  const folder = newFolder(t)
  const at = (name: string): string => join(folder, name)
  const [peerPort, northPort, port] = await freePorts(3)
  await createAuthority(at('authority'))
  const chosen = { name: 'bristol', peerPort, northPort, profile, passphrase: undefined }
  await initSite(at('bristol'), chosen)
  await issue(at('authority'), at('bristol'))
  for (const name of Object.keys(clients)) await issueSae(at('authority'), name, at(name))
  const [sae] = Object.keys(clients)
  const site = new TestSite({
    ...{ name: 'bristol', folder: at('bristol'), ports: [peerPort, northPort], sae: at(sae) },
  })
  site.configure((value) => {
    value['fhir'] = {
      listen: { host: '127.0.0.1', port },
      clients: Object.entries(clients).map(([name, may]) => ({ name, may })),
    }
  })
  t.after(async () => {
    await site.daemon.kill()
    site.ward[Symbol.dispose]()
  })
  const base = `https://127.0.0.1:${port}/fhir`
  return { site, base, credentials: (client) => credentialsAt(at(client)) }
}

/**
 * `fetch` with a client certificate, which Node's own cannot show; or with none, but with the root
 * under which the server is known.
 */
export function fetchAs(
  t: TestContext,
  credentials: SaeCredentials | Pick<SaeCredentials, 'ca'>,
): typeof fetch {
  const agent = new Agent({ ...credentials, keepAlive: true, maxSockets: 16 })
  t.after(() => agent.destroy())
  return async (input, init) => {
    const asked = new Request(input, init)
    const body = new Uint8Array(await asked.arrayBuffer())
    const { promise, resolve, reject } = Promise.withResolvers<Response>()
    const headers = { ...Object.fromEntries(asked.headers), 'content-length': body.length }
    const options = { agent, method: asked.method, headers, timeout: 60_000 }
    const call = httpsRequest(asked.url, options, (answer) => {
      const parts: Uint8Array[] = []
      answer.on('data', (part: Uint8Array) => parts.push(part))
      answer.once('error', reject)
      answer.once('end', () => {
        const status = answer.statusCode ?? 0
        const told = Object.entries(answer.headersDistinct).flatMap(
          ([name, values = []]): [string, string][] =>
            name === 'set-cookie'
              ? values.map((value) => [name, value])
              : [[name, values.join(', ')]],
        )
        const text = status === 204 || status === 304 ? null : Buffer.concat(parts)
        resolve(new Response(text, { status, headers: told }))
      })
    })
    call.once('error', reject)
    call.once('timeout', () => call.destroy(new Error('The server does not answer')))
    call.end(body)
    return await promise
  }
}
