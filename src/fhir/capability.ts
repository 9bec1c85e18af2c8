/**
 * `/metadata`: the CapabilityStatement, made from the table of routes, so that it says what is so.
 *
 * @see FHIR R4 CapabilityStatement
 * @module
 */

import { isoTime } from '#base'
import { RESOURCE_TYPES, type JsonObject } from '#health'
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
    rest: [
      {
        mode: 'server',
        security: { description: 'TLS 1.3 with client certificates' },
        resource: RESOURCE_TYPES.map(resourceOf),
        interaction: codesOf(SYSTEM),
      },
    ],
  }
}

function resourceOf(type: string): JsonObject {
  return {
    type,
    interaction: codesOf(BY_TYPE),
    versioning: 'versioned-update',
    readHistory: true,
    updateCreate: true,
    conditionalCreate: false,
    conditionalRead: 'full-support',
    conditionalUpdate: false,
    conditionalDelete: 'not-supported',
    ...(has('validate') && {
      operation: [{ name: 'validate', definition: VALIDATE }],
    }),
  }
}

const has = (interaction: Interaction): boolean =>
  ROUTES.some((route) => route.interaction === interaction)

const codesOf = (codes: Readonly<Partial<Record<Interaction, readonly string[]>>>): JsonObject[] =>
  (Object.keys(codes) as Interaction[])
    .filter(has)
    .flatMap((interaction) => codes[interaction] ?? [])
    .map((code) => ({ code }))

/** Codes of type-restful-interaction … */
const BY_TYPE: Readonly<Partial<Record<Interaction, readonly string[]>>> = {
  read: ['read'],
  vread: ['vread'],
  update: ['update'],
  delete: ['delete'],
  'history-instance': ['history-instance'],
  'history-type': ['history-type'],
  create: ['create'],
}
/** … and of system-restful-interaction. */
const SYSTEM: Readonly<Partial<Record<Interaction, readonly string[]>>> = {
  'history-system': ['history-system'],
}
const VALIDATE = 'http://hl7.org/fhir/OperationDefinition/Resource-validate'
