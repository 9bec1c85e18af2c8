/**
 * A FHIR server over a vault in memory, for the tests of this room. Holds no tests itself.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { SecretBytes, siteId, textOf, utf8 } from '#base'
import { accountOf, AuditLog, auditMigrations } from '#audit'
import { newDualSigner, newSigningKeyPair, verifierOf } from '#crypto'
import {
  createFhir,
  fhirMigrations,
  type Decision,
  type DecisionFacts,
  type Fhir,
  type FhirOptions,
  type FhirRequest,
} from '#fhir'
import { readJson, type JsonObject } from '#health'
import { openVault, vaultMigrations } from '#vault'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'

/** An answer as a client reads it. */
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** To the letter. */
  readonly text: string
  /** Undefined where there was no body. */
  readonly body: JsonObject | undefined
}

export interface Ask {
  readonly body?: JsonObject | string
  readonly headers?: Readonly<Record<string, string>>
}

/** A server, and a client that asks it. */
export async function newServer(
  decide: (facts: DecisionFacts) => Decision | Promise<Decision> = () => ({ permit: true }),
  more: Partial<FhirOptions> = {},
) {
  const site = siteId('bristol')
  const store = new MemoryStore([...auditMigrations, ...vaultMigrations, ...fhirMigrations])
  const time = new SimulatedTime()
  const clock = time.view()
  const random = seededRandom(1, 'fhir')
  const signer = newDualSigner()
  const log = await AuditLog.open({
    ...{ site, store, clock },
    signer: {
      name: 'photonward.example/bristol',
      ed25519: newSigningKeyPair('ed25519'),
      mlDsa44: newSigningKeyPair('ml-dsa-44'),
    },
  })
  using rootKey = SecretBytes.copyOf(new Uint8Array(32).fill(7))
  const disk = new MemoryDisk()
  const vault = await openVault({
    ...{ site, store, disk, clock, random, audit: log, signer, rootKey },
    verifiersOf: () => [verifierOf(signer)],
    acceptOnlySynthetic: false,
  })
  const messages = new MemoryLog()
  const options: FhirOptions = {
    ...{ site, store, disk, vault, clock, random, log: messages, version: '1.2.3', ...more },
    base: 'https://records.example/fhir',
    authenticate: (request) =>
      request.client === undefined
        ? undefined
        : { account: accountOf(request.client.commonName ?? ''), decide },
  }
  const fhir = createFhir(options)
  return { ask: clientOf(fhir), vault, store, disk, time, log, fhir, messages, options }
}

/** Asks a server, as somebody. */
export const clientOf =
  (fhir: Fhir, commonName = 'ward') =>
  async (line: string, { body, headers = {} }: Ask = {}): Promise<Answered> => {
    const [method, target] = line.split(' ')
    const [path, query] = target.split('?')
    const sent = typeof body === 'string' ? body : body && JSON.stringify(body)
    const request: FhirRequest = {
      ...{ method, path: `/fhir${path}`, query: new URLSearchParams(query) },
      contentType: headers['content-type'] ?? (sent && 'application/fhir+json'),
      body: utf8(sent ?? ''),
      client: { commonName, uriNames: [], serialNumber: '1', fingerprint: '00' },
      header: (name) => headers[name],
    }
    const answer = await fhir.handle(request)
    const text = typeof answer.body === 'string' ? answer.body : textOf(answer.body)
    const isLines = answer.headers?.['content-type'] === 'application/fhir+ndjson'
    const read = text === '' || isLines ? undefined : (readJson(utf8(text)) as JsonObject)
    return { status: answer.status, headers: answer.headers ?? {}, text, body: read }
  }

/** The issues of an OperationOutcome. */
export function issuesIn({ body }: Answered): readonly JsonObject[] {
  assert.equal(body?.['resourceType'], 'OperationOutcome')
  return body['issue'] as JsonObject[]
}

export const patient = (id?: string, more: object = {}): JsonObject => ({
  resourceType: 'Patient',
  ...(id && { id }),
  name: [{ family: 'Winter' }],
  ...more,
})

/** A member that is a text. */
export function textIn(value: JsonObject | undefined, name: string): string {
  const text = value?.[name]
  assert(typeof text === 'string', `${name} is a text`)
  return text
}
