/**
 * The applications of the two sites, as curl plays them, and how their answers are read.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestSite, TwoSites } from '../support/two-sites.ts'
import type { CurlAnswer, CurlOptions } from './curl.ts'
import { pathOf, tool } from './tools.ts'

export const curlTool = tool('curl')
/** The words of GS QKD 014 for a key that is not there, or not any more. */
export const NOT_FOUND = 'one or more keys specified are not found on KME'

export const asSae = (sites: TwoSites, sae: string, site: TestSite): CurlOptions => ({
  program: pathOf(curlTool),
  folder: join(sites.folder, sae),
  port: site.northPort,
})
export const asMaster = (sites: TwoSites): CurlOptions =>
  asSae(sites, 'bristol.ward', sites.bristol)
export const asSlave = (sites: TwoSites): CurlOptions =>
  asSae(sites, 'cambridge.ward', sites.cambridge)

export interface Served {
  readonly key_ID: string
  readonly key: string
}

export function keysIn({ status, body }: CurlAnswer): readonly Served[] {
  assert.equal(status, 200)
  return (JSON.parse(body) as { keys: readonly Served[] }).keys
}

/** The message of a refusal with this status, which is a JSON object as the standard has it. */
export function refusal(answer: CurlAnswer, status: number): string {
  assert.equal(answer.status, status, answer.body)
  assert.match(answer.headers['content-type'], /^application\/json(;|$)/)
  const body = JSON.parse(answer.body) as { message: unknown }
  assert.deepEqual(Object.keys(body), ['message'])
  assert(typeof body.message === 'string' && body.message !== '')
  return body.message
}

export interface Status {
  readonly source_KME_ID: string
  readonly slave_SAE_ID: string
  readonly stored_key_count: number
}
