/**
 * The FHIR server of a site: who may ask it, by the certificates that they show.
 *
 * A client is known by the name in its certificate, of the same hierarchy as that of applications
 * for keys, and may do what the configuration says of it; nobody else may do anything. There are no
 * people yet and no consent: whoever may read, reads everything.
 *
 * @module
 */

import { siteId, type Ports } from '#base'
import {
  createFhir,
  FHIR_JSON,
  outcomeOf,
  type Action,
  type Decision,
  type Fhir,
  type Session,
} from '#fhir'
import { canonicalText, JSON_OCTETS_MAX } from '#health'
import { callerOf } from '#kme'
import type { Vault } from '#vault'
import type { FhirClient, SiteConfiguration } from './config.ts'

export interface FhirServiceInput {
  readonly configuration: Pick<SiteConfiguration, 'fhir' | 'site'>
  readonly ports: Pick<Ports, 'clock' | 'random' | 'log' | 'store' | 'disk'>
  readonly vault: Vault
  readonly version: string
}

/** Answers for the clients in the configuration; where there are none, refuses everybody. */
export function newFhir({ configuration, ports, vault, version }: FhirServiceInput): Fhir {
  const { base, references = 'any', clients = [] } = configuration.fhir ?? {}
  const known = new Map<string, FhirClient>(clients.map((client) => [client.name, client]))
  return createFhir({
    ...{ ...ports, vault, version, base, references, site: siteId(configuration.site) },
    authenticate: ({ client: certificate }) => {
      const name = callerOf(certificate)
      const client = name === undefined ? undefined : known.get(name)
      return client === undefined ? undefined : sessionOf(client)
    },
  })
}

const sessionOf = ({ name, may }: FhirClient): Session => ({
  actor: name,
  decide: ({ action }) => decisionFor(may, action),
  glance: (action) => decisionFor(may, action).permit,
})

function decisionFor(may: FhirClient['may'], action: Action): Decision {
  if (may === 'write' || READING.includes(action)) return { permit: true }
  return { permit: false, reason: 'This client may only read' }
}

/** The body of an error that the listener itself answers. */
export const fhirErrorBody = (status: number, message: string): string =>
  canonicalText(
    outcomeOf([{ severity: 'error', code: ISSUES[status] ?? 'invalid', text: message }]),
  )

const ISSUES: Readonly<Partial<Record<number, string>>> = {
  413: 'too-long',
  500: 'exception',
  503: 'transient',
}
/** Octets of one request. */
export const FHIR_BODY_OCTETS_MAX = JSON_OCTETS_MAX
export const FHIR_TYPE = `${FHIR_JSON}; charset=utf-8`
const READING: readonly Action[] = ['read', 'history', 'search', 'export']
