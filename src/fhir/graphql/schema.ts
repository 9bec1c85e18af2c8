/**
 * The GraphQL schema of FHIR R4, made of the definitions: what can be asked, for introspection too.
 *
 * Objects are the data types and resources of R4; primitives are strings, numbers and booleans,
 * decimals to the letter. A list takes arguments for the primitive members of its values, `_count`
 * and `_offset`. A Reference has `resource`. A resource has, beside its own elements, lists of what
 * refers to it: `ObservationList(_reference: subject)`. There are no mutations.
 *
 * Not there: the directives `@flatten`, `@first`, `@singleton`, `@slice`, and `fhirpath` arguments.
 *
 * @see FHIR R4 §3.4 GraphQL
 * @module
 */

import {
  GraphQLBoolean,
  GraphQLInt,
  GraphQLList,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  type GraphQLOutputType,
} from 'graphql'
import { present } from '#base'
import {
  canonicalText,
  elementsOf,
  isObject,
  RESOURCE_TYPES,
  searchParametersOf,
  type ElementInfo,
  type Json,
  type JsonObject,
} from '#health'

/** What the fields of a schema that leave their resource ask. */
export interface Resolving {
  /** `Type/id`; undefined for what is not there or may not be seen. */
  readonly read: (type: string, id: string) => Promise<JsonObject | undefined>
  /** What a reference leads to. @param isOptional whether it may lead nowhere */
  readonly follow: (
    reference: JsonObject,
    isOptional: boolean,
    type: string | undefined,
  ) => Promise<JsonObject | null>
  /** A list; `of` is what it is to refer to. */
  readonly list: (type: string, args: Arguments, of?: JsonObject) => Promise<readonly JsonObject[]>
  /** A page of a search. */
  readonly connection: (type: string, args: Arguments) => Promise<Connection>
}

export type Arguments = Readonly<Record<string, unknown>>

/** One page of a search, as FHIR's GraphQL has it. */
export interface Connection {
  readonly count: number
  readonly pagesize: number
  readonly next: string | null
  readonly edges: readonly { readonly mode: string; readonly resource: JsonObject }[]
}

/** The schema for questions to the server, or about one resource of a type. */
export function schemaOf(type?: string): GraphQLSchema {
  const name = type ?? ''
  const known = schemas.get(name)
  if (known !== undefined) return known
  const query = type === undefined ? systemType() : objectOf(type)
  const types = type === undefined ? [] : [resourceUnion()]
  const schema = new GraphQLSchema({ query, types })
  schemas.set(name, schema)
  return schema
}

type Field = GraphQLFieldConfig<JsonObject, Resolving>
type Fields = GraphQLFieldConfigMap<JsonObject, Resolving>

/** `Patient(id)`, `PatientList(…)`, `PatientConnection(…)` for every type. */
const systemType = (): GraphQLObjectType<JsonObject, Resolving> =>
  new GraphQLObjectType<JsonObject, Resolving>({
    name: 'Query',
    fields: () => Object.assign({}, ...RESOURCE_TYPES.map(queriesOf)) as Fields,
  })

function queriesOf(type: string): Fields {
  const args = searchArguments(type)
  return {
    [type]: {
      type: objectOf(type),
      args: { id: { type: GraphQLString } },
      resolve: (_, { id }: Arguments, { read }) => read(type, typeof id === 'string' ? id : ''),
    },
    [`${type}List`]: {
      type: new GraphQLList(objectOf(type)),
      args,
      resolve: (_, given: Arguments, { list }) => list(type, given),
    },
    [`${type}Connection`]: {
      type: connectionOf(type),
      args: { ...args, _cursor: { type: GraphQLString } },
      resolve: (_, given: Arguments, { connection }) => connection(type, given),
    },
  }
}

const connectionOf = (type: string): GraphQLObjectType =>
  new GraphQLObjectType({
    name: `${type}Connection`,
    fields: () => ({
      count: { type: GraphQLInt },
      pagesize: { type: GraphQLInt },
      next: { type: GraphQLString },
      edges: {
        type: new GraphQLList(
          new GraphQLObjectType({
            name: `${type}Edge`,
            fields: () => ({
              mode: { type: GraphQLString },
              resource: { type: objectOf(type) },
            }),
          }),
        ),
      },
    }),
  })

/** The object type of a resource, a data type, or an element with members of its own. */
function objectOf(path: string): GraphQLObjectType<JsonObject, Resolving> {
  const known = objects.get(path)
  if (known !== undefined) return known
  const made = new GraphQLObjectType<JsonObject, Resolving>({
    name: path.split('.').map(capital).join('_'),
    fields: () => fieldsOf(path),
  })
  objects.set(path, made)
  return made
}

function fieldsOf(path: string): Fields {
  const members = [...present(elementsOf(path), 'the members of a path').values()]
  const own = members.flatMap((member) => [fieldOf(member), ...companionOf(member)])
  const fields: Fields = Object.fromEntries(own)
  if (path === 'Reference') fields['resource'] = FOLLOWED()
  return isResource(path) ? { resourceType: TEXT, ...fields, ...referringTo(path) } : fields
}

function fieldOf(member: ElementInfo): readonly [string, Field] {
  const { name, isList, path } = member
  const one = typeOf(member)
  if (!isList) return [name, { type: one }]
  const args = path === undefined ? {} : listArguments(path)
  const resolve: Field['resolve'] = (source, given: Arguments) => listed(source[name], given)
  return [name, { type: new GraphQLList(one), args, resolve }]
}

/** `_birthDate`: the id and extensions of a primitive. */
function companionOf({ name, path, isList }: ElementInfo): readonly (readonly [string, Field])[] {
  if (path !== undefined || name === 'id') return []
  const type = objectOf('Element')
  return [[`_${name}`, { type: isList ? new GraphQLList(type) : type }]]
}

function typeOf({ type, path }: ElementInfo): GraphQLOutputType {
  if (type === 'Resource') return resourceUnion()
  return path === undefined ? (PRIMITIVES[type] ?? GraphQLString) : objectOf(path)
}

/** Any resource; told apart by fragments. */
function resourceUnion(): GraphQLUnionType {
  return (union ??= new GraphQLUnionType({
    name: 'Resource',
    types: () => RESOURCE_TYPES.map(objectOf),
    resolveType: (value) => (value as JsonObject)['resourceType'] as string,
  }))
}

const FOLLOWED = (): Field => ({
  type: resourceUnion(),
  args: { optional: { type: GraphQLBoolean }, type: { type: GraphQLString } },
  resolve: (reference, { optional, type }: Arguments, { follow }) =>
    follow(reference, optional === true, typeof type === 'string' ? type : undefined),
})

/** Lists of the types that can refer to a resource: of a patient, an encounter, and so on. */
function referringTo(type: string): Fields {
  if (!REFERRED.includes(type)) return {}
  const fields = RESOURCE_TYPES.filter((other) => refersTo(other, type)).map(
    (other): readonly [string, Field] => [
      `${other}List`,
      {
        type: new GraphQLList(objectOf(other)),
        args: { ...searchArguments(other), _reference: { type: GraphQLString } },
        resolve: (source, given: Arguments, { list }) => list(other, given, source),
      },
    ],
  )
  return Object.fromEntries(fields)
}

const refersTo = (type: string, target: string): boolean =>
  searchParametersOf(type)
    .values()
    .some((parameter) => parameter.type === 'reference' && parameter.targets.includes(target))

/** Search parameters, with underscores for hyphens: a list of values for each. */
function searchArguments(type: string): GraphQLFieldConfigArgumentMap {
  const known = searchArgumentsOf.get(type)
  if (known !== undefined) return known
  const codes = [...searchParametersOf(type).keys(), ...CONTROLS]
  const made = Object.fromEntries(
    codes.map((code) => [code.replaceAll('-', '_'), { type: VALUES }]),
  )
  searchArgumentsOf.set(type, made)
  return made
}

/** For the primitive members of a list's values, and which of them. */
function listArguments(path: string): GraphQLFieldConfigArgumentMap {
  const members = [...(elementsOf(path)?.values() ?? [])]
  const own = members.filter((member) => member.path === undefined && !member.isList)
  return {
    ...Object.fromEntries(own.map(({ name }) => [name, { type: GraphQLString }])),
    _count: { type: GraphQLInt },
    _offset: { type: GraphQLInt },
  }
}

/** What of a list has the members that were asked for. */
function listed(list: Json | undefined, { _count, _offset, ...wanted }: Arguments): unknown {
  if (!Array.isArray(list)) return undefined
  const fitting = list.filter((item) =>
    Object.entries(wanted).every(([name, value]) => isObject(item) && isSpelled(item[name], value)),
  )
  const start = typeof _offset === 'number' ? Math.max(0, _offset) : 0
  return typeof _count === 'number'
    ? fitting.slice(start, start + Math.max(0, _count))
    : fitting.slice(start)
}

/** Whether a primitive is spelled so. */
const isSpelled = (value: Json | undefined, text: unknown): boolean =>
  value !== undefined && (value === text || canonicalText(value) === text)

const isResource = (path: string): boolean => RESOURCE_TYPES.includes(path)
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** Numbers and texts come as they are: a decimal is a number kept by its spelling. */
const scalar = (name: string): GraphQLScalarType =>
  new GraphQLScalarType({ name, coerceOutputValue: (value) => value })

const TEXT: Field = { type: GraphQLString }
const VALUES = new GraphQLList(GraphQLString)
const DECIMAL = scalar('decimal')
const INTEGER = scalar('integer')
const PRIMITIVES: Readonly<Partial<Record<string, GraphQLScalarType>>> = {
  boolean: GraphQLBoolean,
  decimal: DECIMAL,
  integer: INTEGER,
  positiveInt: INTEGER,
  unsignedInt: INTEGER,
}
const CONTROLS: readonly string[] = ['_id', '_lastUpdated', '_sort', '_count']
/** What lists of referring resources are for. */
const REFERRED: readonly string[] = ['Patient', 'Encounter', 'Practitioner', 'Organization']
/** Owned by this module; only ever grow, to the types of R4. */
const schemas = new Map<string, GraphQLSchema>()
const objects = new Map<string, GraphQLObjectType<JsonObject, Resolving>>()
const searchArgumentsOf = new Map<string, GraphQLFieldConfigArgumentMap>()
let union: GraphQLUnionType | undefined
