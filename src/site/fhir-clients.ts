/**
 * Clients of the FHIR server by their certificates: systems of the hospital, each with what its
 * entry in the configuration declares.
 *
 * A client is known by the name in its certificate, of the same hierarchy as that of applications
 * for keys. It is a service: it has no role but that, its declared flow reaches every patient as far
 * as its scopes do, and patients' consents count for it as for anybody.
 *
 * @module
 */

import { DAY_MS, epochMs, type Clock, type SiteId } from '#base'
import {
  ANYBODY,
  AccessRefusal,
  purposeOf,
  PURPOSE_HEADER,
  readScopes,
  type Caller,
  type Principal,
  type Purpose,
  type Scope,
  type Sensitivity,
} from '#access'
import type { FhirRequest } from '#fhir'
import { callerOf } from '#kme'
import type { FhirClient } from './config.ts'
import { SENSITIVITY_WORDS } from './fhir-words.ts'

/** Whom a request comes from, by the certificate it came with. */
export interface ClientDesk {
  readonly of: (request: FhirRequest) => Caller | undefined
  /** The same by its name, without a request: for what it asked to be done later. */
  readonly named: (name: string) => Caller | undefined
}

/**
 * The desk for these clients.
 *
 * @throws AccessRefusal `ACCESS_SCOPE_INVALID` for a client that declares what is no system scope
 */
export function clientDesk(
  clients: readonly FhirClient[],
  { site, clock }: { readonly site: SiteId; readonly clock: Clock },
): ClientDesk {
  const known = new Map(clients.map((client) => [client.name, declared(client)] as const))
  /** As they were made lately, by name and purpose: the same caller is decided about once. */
  const lately = new Map<string, Caller>()
  const callerNamed = (name: string | undefined, purpose?: string): Caller | undefined => {
    const client = name === undefined ? undefined : known.get(name)
    if (client === undefined) return undefined
    const { principal, scopes, purposes } = client
    const at = clock.now()
    const claimed = purposeOf(principal.roles, purpose, purposes)
    const key = `${claimed} ${principal.id}`
    const before = lately.get(key)
    const since = before?.token.notBefore ?? Infinity
    if (before !== undefined && since <= at && at < since + LATELY_MS) return before
    // The listener has verified the certificate for this connection: it stands for the request.
    const token = { site, notBefore: at, expiresAt: epochMs(at + REQUEST_MS), scopes }
    const caller: Caller = {
      ...{ principal, token, actor: principal.id, who: { client: principal.id } },
      purpose: claimed,
      flows: [{ kind: 'declared-flow', patient: ANYBODY, with: principal.id }],
    }
    lately.set(key, caller)
    return caller
  }
  return {
    of: ({ client, header }) => callerNamed(callerOf(client), header(PURPOSE_HEADER)),
    named: (name) => callerNamed(name),
  }
}

interface Declared {
  readonly principal: Principal
  readonly scopes: readonly Scope[]
  readonly purposes: readonly Purpose[]
}

function declared({ name, may, scopes, purposes = ['TREAT'], clearances }: FhirClient): Declared {
  if (may !== undefined && scopes !== undefined) {
    throw invalid(`The FHIR client ${name} has both "may" and "scopes": expected one of them`)
  }
  const list = readScopes(scopes ?? SHORTHANDS[may ?? 'read'])
  const isSystem = list.scopes.every(({ level }) => level === 'system')
  if (!isSystem || list.words.length + list.unknown.length > 0) {
    throw invalid(`The FHIR client ${name} has scopes that are none of a system`)
  }
  const cleared: readonly Sensitivity[] = scopes === undefined ? SENSITIVITY_WORDS : []
  const principal: Principal = {
    ...{ id: name, kind: 'service', roles: ['service'], references: [`client:${name}`] },
    ...{ careTeams: [], employment: 'none', delegations: [] },
    clearances: clearances ?? cleared,
  }
  return { principal, scopes: list.scopes, purposes }
}

const invalid = (message: string): AccessRefusal =>
  new AccessRefusal('ACCESS_SCOPE_INVALID', message)

/** Longer than any request may take, or an export that is asked for in one. */
const REQUEST_MS = 2 * DAY_MS
/** How long a caller is taken for the same as before. */
const LATELY_MS = DAY_MS
const SHORTHANDS = { read: 'system/*.rs', write: 'system/*.cruds' } as const
