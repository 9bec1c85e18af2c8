/**
 * The FHIR server of a site: whoever is known asks, and every answer is decided.
 *
 * Who somebody is, a list of desks says: certificates of clients, and whatever the host adds. What
 * is permitted then, `fhir-session` decides by policies that are opened in the background; a request
 * that comes before waits for them, and a set that does not load ends the start.
 *
 * @module
 */

import { siteId, type Ports, type SecretBytes } from '#base'
import {
  AccessRefusal,
  openPolicyEngine,
  type Caller,
  type GlassKeeper,
  type PolicyEngine,
  type PolicySources,
} from '#access'
import {
  createFhir,
  FhirRefusal,
  FHIR_JSON,
  outcomeOf,
  type Fhir,
  type FhirOptions,
  type FhirRequest,
  type HookOptions,
  type Sending,
} from '#fhir'
import { canonicalText, JSON_OCTETS_MAX } from '#health'
import type { Vault } from '#vault'
import { IMPLIED_PURPOSES, type SiteConfiguration } from './config.ts'
import { DecisionMemory, type Deciding } from './fhir-asking.ts'
import { clientDesk, type ClientDesk } from './fhir-clients.ts'
import type { Desk } from './fhir-desks.ts'
import { patientsOf } from './fhir-patients.ts'
import { sessionFor } from './fhir-session.ts'

export interface FhirServiceInput {
  readonly configuration: Pick<SiteConfiguration, 'fhir' | 'site' | 'consoleListener'>
  readonly ports: Pick<Ports, 'clock' | 'random' | 'log' | 'store' | 'disk'>
  readonly vault: Vault
  readonly version: string
  /** Roles and guards, as text. */
  readonly policies: PolicySources | undefined
  /** Grants of broken glass. */
  readonly glass: GlassKeeper
  /** Further ways to be known, asked before certificates. */
  readonly desks?: readonly Desk[]
  /** A name of this site's own that stands for another. */
  readonly pseudonymOf: (name: string) => string
  /** Tells an endpoint of a subscription: see `HookOptions`. */
  readonly knock: HookOptions['knock']
  /** Records on their way to other sites. */
  readonly sending?: Sending
  readonly wayOf?: FhirOptions['wayOf']
  /** For what is kept of subscriptions; stays the caller's. */
  readonly hookKey: SecretBytes
}

/** The server, and what it decides with. */
export interface FhirService {
  readonly fhir: Fhir
  readonly deciding: Deciding
  /** A client of the configuration as a caller, by its name. */
  readonly clientNamed: ClientDesk['named']
  /** Rejects if the policies do not load: nothing may be served then. */
  readonly ready: Promise<unknown>
}

/** Answers for the clients in the configuration; where there are none, refuses everybody. */
export function newFhir(input: FhirServiceInput): FhirService {
  const { configuration, ports, vault, version, policies, pseudonymOf, knock, hookKey } = input
  const more = input.desks ?? []
  const { base, references = 'any', clients = [] } = configuration.fhir ?? {}
  // A console without a listener for FHIR has the same default.
  const impliedPurposes = configuration.fhir?.impliedPurposes ?? IMPLIED_PURPOSES
  const { hookEndpoints = [] } = configuration.fhir ?? {}
  const { clock } = ports
  const site = siteId(configuration.site)
  const engine = openPolicies(configuration, policies)
  // Whoever starts the site awaits it too; until then a failure is nobody's.
  engine.catch(() => undefined)
  const deciding: Deciding = {
    ...{ site, clock, engine, impliedPurposes, patients: patientsOf(vault, clock) },
    ...{ glass: input.glass, random: ports.random, memory: new DecisionMemory() },
    sending: input.sending,
  }
  const desk = clientDesk(clients, { site, clock })
  const desks = [...more, desk.of]
  const fhir = createFhir({
    ...{ ...ports, vault, version, base, references, site, pseudonymOf, wayOf: input.wayOf },
    hooks: {
      ...{ endpoints: hookEndpoints, knock, key: hookKey },
      sessionFor: (actor) => {
        const caller = desk.named(actor)
        return caller && sessionFor(deciding, caller)
      },
    },
    authenticate: async (request) => {
      const caller = await callerAt(desks, request)
      return caller && sessionFor(deciding, caller)
    },
  })
  // A site without a listener for FHIR or people serves nothing that would have to be decided.
  return {
    fhir,
    deciding,
    clientNamed: desk.named,
    ready: serves(configuration) ? engine : Promise.resolve(),
  }
}

const serves = ({ fhir, consoleListener }: FhirServiceInput['configuration']): boolean =>
  (fhir ?? consoleListener) !== undefined

/** Opens the policies, where there is a listener whose answers they decide. */
const openPolicies = async (
  configuration: FhirServiceInput['configuration'],
  policies: PolicySources | undefined,
): Promise<PolicyEngine> => {
  if (serves(configuration) && policies !== undefined) return await openPolicyEngine(policies)
  const message = 'Expected policies that say who may ask the FHIR server'
  throw new AccessRefusal('ACCESS_POLICY_INVALID', message)
}

/** The first desk that knows the caller decides. @throws FhirRefusal `FHIR_REQUEST_INVALID` */
async function callerAt(desks: readonly Desk[], request: FhirRequest): Promise<Caller | undefined> {
  try {
    for (const desk of desks) {
      const caller = await desk(request)
      if (caller !== undefined) return caller
    }
    return undefined
  } catch (cause) {
    if (!(cause instanceof AccessRefusal) || cause.code !== 'ACCESS_PURPOSE_INVALID') throw cause
    throw new FhirRefusal('FHIR_REQUEST_INVALID', cause.message, { cause })
  }
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
