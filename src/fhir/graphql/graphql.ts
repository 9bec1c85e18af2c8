/**
 * `$graphql`: a question for parts of records, over the same reads and searches as everything else.
 *
 * Whatever a question names is read or searched as by itself: decided upon, logged, shown by the
 * same functions. A question is parsed, held against the schema and counted before it is answered.
 *
 * Refusals say where in the question, not what stands there.
 *
 * @see FHIR R4 §3.4 GraphQL; GraphQL October 2021
 * @module
 */

import {
  execute,
  GraphQLError,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type ExecutionResult,
} from 'graphql'
import { textOf } from '#base'
import { canonicalText, isObject, parseSearch, type Json, type JsonObject } from '#health'
import { askedBy, checkAllowed, type Answer, type Call } from '../context.ts'
import { jsonIn } from '../incoming.ts'
import { checkSent } from '../negotiation.ts'
import { refusedBy } from '../outcome.ts'
import { FhirRefusal, invalidRequest, notFound } from '../refusal.ts'
import { servedResource } from '../resources.ts'
import { findPage } from '../searching.ts'
import { Asking, checkCost } from './limits.ts'
import { schemaOf, type Arguments, type Connection, type Resolving } from './schema.ts'

/** `GET` and `POST $graphql`, of the server or of one resource. */
export async function graphql(call: Call): Promise<Answer> {
  const { type, id } = call
  await checkAllowed(call, 'read', type)
  const question = await questionIn(call)
  const resolving = resolvingFor(call)
  const rootValue =
    type === undefined || id === undefined ? {} : ((await resolving.read(type, id)) ?? absent())
  const schema = schemaOf(type)
  const document = parsed(question.query)
  const faults = validate(schema, document, specifiedRules, { maxErrors: 1 })
  if (faults.length > 0) throw unfitting(faults[0])
  checkCost(document)
  const result = await execute({
    ...{ schema, document, rootValue, contextValue: resolving },
    variableValues: question.variables,
    ...(question.operation !== undefined && { operationName: question.operation }),
  })
  return { status: 200, raw: { type: JSON_TYPE, body: answerText(result) } }
}

interface Question {
  readonly query: string
  readonly variables: Readonly<Record<string, Json | undefined>>
  readonly operation: string | undefined
}

async function questionIn({ options, request }: Call): Promise<Question> {
  if (request.method !== 'POST') return questionOf({ query: request.query.get('query') ?? '' })
  if (request.body.length > QUESTION_OCTETS_MAX) {
    const message = `Expected a question of at most ${QUESTION_OCTETS_MAX} octets`
    throw new FhirRefusal('FHIR_TOO_LARGE', message)
  }
  const type = checkSent(request.contentType, [GRAPHQL_TYPE, JSON_TYPE])
  if (type === GRAPHQL_TYPE) return questionOf({ query: textOf(request.body) })
  const sent = await jsonIn(options, request, [JSON_TYPE])
  if (!isObject(sent)) throw invalidRequest('Expected an object with a query')
  return questionOf(sent)
}

function questionOf({ query, variables, operationName }: JsonObject): Question {
  const operation = operationName ?? undefined
  if (typeof query !== 'string' || query === '') throw invalidRequest('Expected a query')
  if (operation !== undefined && typeof operation !== 'string') {
    throw invalidRequest('Expected operationName to be a text')
  }
  const given = variables ?? {}
  if (!isObject(given)) throw invalidRequest('Expected variables to be an object')
  return { query, variables: given, operation }
}

function parsed(query: string): DocumentNode {
  try {
    return parse(query, { maxTokens: TOKENS_MAX })
  } catch (error) {
    if (error instanceof GraphQLError) throw unfitting(error)
    throw error
  }
}

/** Where a question is wrong; GraphQL's own message would repeat what stands there. */
function unfitting({ locations }: GraphQLError): FhirRefusal {
  const first = locations?.at(0)
  const place = `line ${first?.line ?? 1}, column ${first?.column ?? 1}`
  const message = `The question does not fit the schema at ${place}`
  return new FhirRefusal('FHIR_REQUEST_INVALID', message)
}

function resolvingFor(call: Call): Resolving {
  const { options, base } = call
  const asking = new Asking()
  const read: Resolving['read'] = async (type, id) => {
    asking.one()
    await checkAllowed(call, 'read', type)
    const opened = await options.vault.consult({ type, id }, askedBy(call, 'read', 'open'))
    return opened === undefined || opened.isGone ? undefined : servedResource(opened)
  }
  const search = async (type: string, parameters: Parameters) => {
    asking.one()
    await checkAllowed(call, 'search', type)
    const about = { type, parameters, now: options.clock.now(), bases: [base] }
    const query = parseSearch(about)
    return await findPage({ ...call, type }, query)
  }
  return {
    read: async (type, id) => (await read(type, id)) ?? absent(),
    follow: async (reference, isOptional, type) => {
      const target = targetOf(reference)
      const [own, id] = target ?? []
      const found = own === undefined || id === undefined ? undefined : await read(own, id)
      if (found !== undefined && (type === undefined || type === own)) return found
      if (isOptional || (found !== undefined && type !== own)) return null
      return absent()
    },
    list: async (type, args, of) => {
      const parameters = [...parametersOf(args), ...referring(args, of)]
      return (await search(type, parameters)).matches.map(servedResource)
    },
    connection: async (type, args) => {
      const page = await search(type, parametersOf(args))
      return connectionOf(page.matches.map(servedResource), page)
    },
  }
}

type Parameters = readonly (readonly [name: string, value: string])[]

/** Arguments as search parameters; several values are one of several. */
function parametersOf(args: Arguments): Parameters {
  return Object.entries(args).flatMap(([name, value]) => {
    if (name === '_reference') return []
    const code = name === '_cursor' ? '_page' : name.replaceAll(/(?<=.)_/g, '-')
    return [[code, Array.isArray(value) ? value.join(',') : String(value)] as const]
  })
}

/** That what is listed refers to a resource, by the parameter that `_reference` names. */
function referring({ _reference }: Arguments, of: JsonObject | undefined): Parameters {
  if (of === undefined) return []
  if (typeof _reference !== 'string')
    throw invalidRequest('Expected _reference to name a parameter')
  return [[_reference, `${of['resourceType'] as string}/${of['id'] as string}`]]
}

const connectionOf = (
  resources: readonly JsonObject[],
  { total, next }: { readonly total: number; readonly next: string | undefined },
): Connection => ({
  ...{ count: total, pagesize: resources.length, next: next ?? null },
  edges: resources.map((resource) => ({ mode: 'match', resource })),
})

function targetOf({ reference }: JsonObject): readonly [type: string, id: string] | undefined {
  const found = typeof reference === 'string' ? LOCAL.exec(reference) : null
  return found === null ? undefined : [found[1], found[2]]
}

/** The answer as text. What went wrong inside is told as everywhere, as an OperationOutcome. */
function answerText({ data, errors = [] }: ExecutionResult): string {
  const told = errors.map(({ cause, path, locations }) => {
    const { outcome } = refusedBy(cause ?? invalidRequest('A value does not fit'))
    const [issue] = outcome['issue'] as readonly JsonObject[]
    return {
      message: issue['diagnostics'] ?? null,
      ...(locations && { locations: locations.map(({ line, column }) => ({ line, column })) }),
      ...(path && { path: [...path] }),
      extensions: { resource: outcome },
    }
  })
  return canonicalText({ data: data as Json, ...(told.length > 0 && { errors: told }) })
}

function absent(): never {
  throw notFound()
}

const LOCAL = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})$/
const JSON_TYPE = 'application/json'
const GRAPHQL_TYPE = 'application/graphql'
const QUESTION_OCTETS_MAX = 64 * 1024
const TOKENS_MAX = 5000
