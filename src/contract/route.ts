/**
 * What a route of the admin API is: one line of data that the daemon serves, the command line
 * calls, and the documentation prints.
 *
 * @module
 */

import { Type, type Static, type TSchema } from '#base'

export interface Route<Query extends TSchema, Body extends TSchema, Answer extends TSchema> {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Path with `:name` for parameters, which are members of the query shape. */
  readonly path: string
  /** What it does, in one sentence, for help and documentation. */
  readonly summary: string
  /** Path and query parameters; texts only. */
  readonly query: Query
  /** JSON body; `Type.Null()` for none, `rawBody` for octets that are not ours to parse here. */
  readonly body: Body
  /** The answer, or with `stream` each line of it. */
  readonly answer: Answer
  /** The answer is NDJSON: one document a line, as they come. */
  readonly stream?: boolean
}

/** Marks a body that is passed on as octets: a FHIR bundle, whose text must stay to the letter. */
export const rawBody = Type.Unsafe<Uint8Array>(Type.Uint8Array())

export type QueryOf<R> = R extends Route<infer Q, TSchema, TSchema> ? Static<Q> : never
export type BodyOf<R> = R extends Route<TSchema, infer B, TSchema> ? Static<B> : never
export type AnswerOf<R> = R extends Route<TSchema, TSchema, infer A> ? Static<A> : never

/** Handlers of a route table: a promise of the answer, or an async iterable for a stream. */
export type Handlers<Table> = {
  readonly [Name in keyof Table]: (
    query: QueryOf<Table[Name]>,
    body: BodyOf<Table[Name]>,
    signal: AbortSignal,
  ) => Table[Name] extends { readonly stream: true }
    ? AsyncIterable<AnswerOf<Table[Name]>>
    : Promise<AnswerOf<Table[Name]>>
}

/** Checks the form of a route and keeps its exact type. */
export const route = <const R extends Route<TSchema, TSchema, TSchema>>(one: R): R => one
