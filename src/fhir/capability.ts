/**
 * `/metadata`: the CapabilityStatement, made from the table of routes, so that it says what is so.
 *
 * @see FHIR R4 CapabilityStatement
 * @module
 */

import { isoTime } from '#base'
import { eventProfiles } from '#audit'
import { RESOURCE_TYPES, searchParametersOf, type JsonObject } from '#health'
import type { FhirOptions } from './context.ts'
import { ROUTES, type Interaction } from './routes.ts'

/** What this server can do. */
export function capabilityStatement(
  { version, clock }: Pick<FhirOptions, 'version' | 'clock'>,
  base: string,
): JsonObject {
  return {
    ...{ resourceType: 'CapabilityStatement', status: 'active', kind: 'instance' },
    date: isoTime(clock.now()),
    software: { name: 'PhotonWard', version },
    implementation: { description: 'Records of one site, sealed at rest', url: base },
    fhirVersion: '4.0.1',
    format: ['json', 'application/fhir+json'],
    patchFormat: ['application/json-patch+json', 'application/fhir+json'],
    rest: [
      {
        mode: 'server',
        security: { description: 'TLS 1.3 with client certificates' },
        resource: (resources ??= RESOURCE_TYPES.map(resourceOf)),
        interaction: codesOf(SYSTEM),
        operation: [EXPORT, GRAPHQL].map(operationOf),
        compartment: ['http://hl7.org/fhir/CompartmentDefinition/patient'],
      },
    ],
  }
}

/** The same for every request; made at the first. */
let resources: JsonObject[] | undefined

function resourceOf(type: string): JsonObject {
  const operations = [VALIDATE, GRAPHQL, UNMASK, PROVENANCE, ...(OPERATIONS[type] ?? [])]
  return {
    type,
    ...(type === 'AuditEvent' && EVENTS),
    interaction: codesOf(BY_TYPE),
    ...{ versioning: 'versioned-update', readHistory: true, updateCreate: true },
    conditionalCreate: true,
    conditionalRead: 'full-support',
    conditionalUpdate: has('update-conditional'),
    conditionalDelete: has('delete-conditional') ? 'single' : 'not-supported',
    referencePolicy: ['literal', 'local', 'logical'],
    searchInclude: ['*'],
    searchParam: [...searchParametersOf(type).values()].map(({ code, type: kind }) => ({
      ...{ name: code, type: kind },
    })),
    operation: operations.map(operationOf),
  }
}

/** What the log of the site says of accesses: see `events`. */
const EVENTS = {
  supportedProfile: [...eventProfiles()],
  documentation:
    'GET AuditEvent finds accesses in the log of this site, read-only, newest first, with ids log-[n]. ' +
    'What other systems file is found by Patient/[id]/AuditEvent.',
}

const has = (interaction: Interaction): boolean =>
  ROUTES.some((route) => route.interaction === interaction)

const codesOf = (codes: Codes): JsonObject[] =>
  (Object.keys(codes) as Interaction[])
    .filter(has)
    .flatMap((interaction) => codes[interaction] ?? [])
    .map((code) => ({ code }))

type Codes = Readonly<Partial<Record<Interaction, readonly string[]>>>
/** Codes of type-restful-interaction … */
const BY_TYPE: Codes = {
  read: ['read'],
  vread: ['vread'],
  update: ['update'],
  patch: ['patch'],
  delete: ['delete'],
  'history-instance': ['history-instance'],
  'history-type': ['history-type'],
  create: ['create'],
  'search-type': ['search-type'],
}
/** … and of system-restful-interaction. */
const SYSTEM: Codes = {
  bundle: ['transaction', 'batch'],
  'history-system': ['history-system'],
  'search-system': ['search-system'],
}
/** An operation by its name and the definition that it follows. */
interface Operation {
  readonly name: string
  readonly definition: string
}

const operationOf = ({ name, definition }: Operation): JsonObject => ({ name, definition })

const R4 = 'http://hl7.org/fhir/OperationDefinition'
const BULK = 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition'
const VALIDATE: Operation = { name: 'validate', definition: `${R4}/Resource-validate` }
const GRAPHQL: Operation = { name: 'graphql', definition: `${R4}/Resource-graphql` }
const EXPORT: Operation = { name: 'export', definition: `${BULK}/export` }
const UNMASK: Operation = { name: 'unmask', definition: 'urn:photonward:operation:unmask' }
const PROVENANCE: Operation = {
  name: 'provenance',
  definition: 'urn:photonward:operation:provenance',
}
/** Operations on types, beside `$validate` on all. */
const OPERATIONS: Readonly<Partial<Record<string, readonly Operation[]>>> = {
  Patient: [
    { name: 'break-glass', definition: 'urn:photonward:operation:break-glass' },
    { name: 'end-break-glass', definition: 'urn:photonward:operation:end-break-glass' },
    { name: 'send', definition: 'urn:photonward:operation:send' },
    { name: 'transfers', definition: 'urn:photonward:operation:transfers' },
    { name: 'everything', definition: `${R4}/Patient-everything` },
    { name: 'summary', definition: 'http://hl7.org/fhir/uv/ips/OperationDefinition/summary' },
    { name: 'match', definition: `${R4}/Patient-match` },
    { name: 'export', definition: `${BULK}/patient-export` },
    { name: 'merge', definition: 'http://hl7.org/fhir/5.0/OperationDefinition/Patient-merge' },
    { name: 'unmerge', definition: 'urn:photonward:operation:patient-unmerge' },
  ],
  Group: [{ name: 'export', definition: `${BULK}/group-export` }],
}
