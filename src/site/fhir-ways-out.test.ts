/**
 * Every way of the FHIR server to tell something, asked to its end: all pages, all files.
 *
 * Holds no tests itself.
 *
 * @module
 */

import { isObject, type Json, type JsonObject } from '#health'
import type { Answered, AskOptions } from './fhir-fixture.test.ts'
import { PATIENTS } from './fhir-charts.test.ts'

export type Ask = (line: string, options?: AskOptions) => Promise<Answered>

/** One way to ask. */
export interface Way {
  readonly line: string
  readonly body?: JsonObject
  /** Whether the order of the entries is part of the answer. */
  readonly isSorted?: boolean
  /** An export: begun, followed, fetched. */
  readonly isBulk?: boolean
}

/** What came of it. */
export interface Told {
  /** Everything that was said, to the letter. */
  readonly text: string
  /** The same without what is new in each answer: tokens, ids made for it, order that is none. */
  readonly said: Json
}

/** Ways to ask, each of which gives out resources, parts of them, a count or an order. */
export const WAYS: readonly Way[] = [
  ...PATIENTS.flatMap((id) => [
    ...[
      `Patient/${id}`,
      `Condition/c-${id}`,
      `Condition/c-${id}/_history/1`,
      `Condition/c-${id}/_history`,
      `Condition/c-${id}/_history?_summary=true`,
      `Observation/o-${id}/_history`,
      `Observation/o-${id}?_elements=note`,
      `Patient/${id}/$everything`,
      `Patient/${id}/$everything?_type=Condition,Encounter&_count=1`,
      `Patient/${id}/Condition`,
      `Patient/${id}/*?_count=2`,
      `Patient/${id}/$summary`,
      `Patient?identifier=urn:mrn|first-mrn-${id}-4711`,
      `Patient?identifier=first-mrn-${id}-4711&_summary=count`,
      `Observation?patient=${id}&_include=Observation:focus&_include=Observation:patient`,
      `Observation?_include=Observation:focus&_include:iterate=Condition:patient&_id=o-${id}`,
      `Condition?subject=Patient/${id}&_elements=note`,
      `$graphql?query={Patient(id:"${id}"){name{family}Mine:ConditionList(_reference:"subject"){note{text}}}}`,
      `$graphql?query={a:Condition(id:"c-${id}"){note{text}subject{resource{...on%20Patient{name{family}}}}}}`,
      `Observation/o-${id}/$graphql?query={x:focus{resource{...on%20Condition{n:note{text}}}}}`,
    ].map((path) => ({ line: `GET /${path}` })),
    matching({ name: [{ family: `first-Patient-${id}-v1`, given: ['Ada'] }] }),
    matching({ identifier: [{ system: 'urn:mrn', value: `first-mrn-${id}-4711` }] }),
    matching({
      birthDate: `198${id.slice(1)}-02-03`,
      gender: 'female',
      name: [{ given: ['Ada'] }],
    }),
  ]),
  ...[
    'Patient?_revinclude=Condition:patient&_revinclude=Encounter:patient',
    'Patient?_revinclude=Condition:patient&_count=1',
    'Patient?_revinclude:iterate=Observation:focus&_revinclude=Condition:subject',
    'Condition?patient.birthdate=1980-02-03',
    'Condition?patient.identifier=first-mrn-p1-4711',
    'Observation?focus:Condition.patient.family=first-Patient-p0-v1',
    'Observation?subject:Patient.birthdate=lt1982',
    'Patient?_has:Condition:patient:code=F10.2',
    'Patient?_has:Condition:patient:code=F10.2&_summary=count',
    'Patient?_has:Consent:patient:status=active',
    'Patient?_has:Observation:patient:_has:Observation:focus:status=final',
    'Condition?_has:Observation:focus:status=final',
    'Condition?code=F10.2',
    'Condition?code:not=F10.2&_total=accurate',
    'Condition?_summary=count',
    'Condition?_summary=true',
    'Condition?onset-date=gt2005&_total=accurate&_count=1',
    'Encounter?_summary=count&date=gt1990',
    'Patient?_elements=identifier',
    'Patient?birthdate:missing=false&_total=accurate&_count=2',
    'Patient?family:exact=first-Patient-p2-v1',
    '_history',
    '_history?_count=3',
    'Condition/_history',
    'Consent/_history?_count=1',
    'Consent',
    'Encounter?location=Location/w1',
    'Group',
    '?_type=Condition,Observation&_summary=count',
    '?_type=Patient,AllergyIntolerance',
    '$graphql?query={PatientList{id,identifier{value},birthDate}}',
    '$graphql?query={a:PatientList(gender:"female"){b:name{c:family}}d:ConditionList{e:note{f:text}}}',
    '$graphql?query={ConditionConnection(code:"F10.2"){count,pagesize,edges{resource{note{text}}}}}',
    '$graphql?query={many:PatientConnection{count}few:PatientConnection(_count:"1"){count,pagesize}}',
  ].map((path) => ({ line: `GET /${path}` })),
  ...[
    'Patient?_sort=birthdate&_count=1',
    'Patient?_sort=-family',
    'Condition?_sort=onset-date&_count=1',
    'Condition?_sort=-onset-date&_elements=onset',
  ].map((path) => ({ line: `GET /${path}`, isSorted: true })),
  ...['$export', 'Patient/$export', 'Group/g/$export', '$export?_type=Condition'].map((path) => ({
    ...{ line: `GET /${path}`, isBulk: true },
  })),
]

/** Asks one way, and follows it as far as it leads. */
export async function toldBy(ask: Ask, way: Way): Promise<Told> {
  const { line, body, isBulk = false } = way
  const first = await ask(line, {
    ...(body && { body }),
    ...(isBulk && { headers: { prefer: 'respond-async' } }),
  })
  if (isBulk && first.status === 202) return await exported(ask, first)
  const pages = [first]
  for (;;) {
    const last = pages[pages.length - 1]
    const next = nextOf(last.body)
    if (next === undefined) break
    if (pages.length > PAGES_MAX) throw new RangeError(`Expected fewer pages of ${line}`)
    pages.push(await ask(`GET ${next}`))
  }
  return {
    text: pages.map(({ text }) => text).join('\n'),
    said: saidIn(pages, way.isSorted === true),
  }
}

function saidIn(pages: readonly Answered[], isSorted: boolean): Json {
  const bodies = pages.map(({ body }) => withoutNews(body) as JsonObject)
  const entries = bodies.map(({ entry }) => (Array.isArray(entry) ? entry : []))
  const rest = bodies.map(({ entry: _, ...more }) => more)
  const all = entries.flat()
  return {
    status: pages.map(({ status }) => status),
    sizes: entries.map(({ length }) => length),
    entries: isSorted ? all : ordered(all),
    // A list of GraphQL has no order either.
    rest: isSorted ? rest : everyListOrdered(rest),
  }
}

async function exported(ask: Ask, { headers }: Answered): Promise<Told> {
  const status = below(headers['content-location'])
  let answer = await ask(`GET ${status}`)
  for (let round = 0; answer.status === 202; round++) {
    if (round > ROUNDS_MAX) throw new RangeError('Expected the export to end')
    await new Promise((resume) => setImmediate(resume))
    answer = await ask(`GET ${status}`)
  }
  const output = (answer.body['output'] ?? []) as readonly JsonObject[]
  const said: Json[] = []
  for (const { url, count, type } of output) {
    const { text } = await ask(`GET ${below(url as string)}`)
    const lines = text.split('\n').slice(0, -1)
    const read = lines.map((one): Json => withoutNews(JSON.parse(one) as Json))
    said.push({ ...{ count: count ?? null, type: type ?? null }, lines: ordered(read) })
  }
  await ask(`DELETE ${status}`)
  return { text: JSON.stringify(said), said: [answer.status, ordered(said)] }
}

/** Without links but whether there is a next page, without tokens, and ids made for the answer. */
function withoutNews(value: Json | undefined): Json {
  if (Array.isArray(value)) return value.map(withoutNews)
  if (typeof value === 'string') return value.replaceAll(NEWS, '…')
  if (!isObject(value)) return value ?? null
  const members = Object.entries(value).map(([name, member]): [string, Json] => [
    name,
    name === 'link' && Array.isArray(member) ? member.length : withoutNews(member),
  ])
  return Object.fromEntries(members)
}

const everyListOrdered = (value: Json | undefined): Json => {
  if (Array.isArray(value)) return ordered(value.map(everyListOrdered))
  if (!isObject(value)) return value ?? null
  const members = Object.entries(value).map(([name, one]) => [name, everyListOrdered(one)] as const)
  return Object.fromEntries(members)
}

const ordered = (list: readonly Json[]): Json[] =>
  list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

function nextOf({ link }: JsonObject): string | undefined {
  const links = Array.isArray(link) ? link.filter(isObject) : []
  const url = links.find(({ relation }) => relation === 'next')?.['url']
  return typeof url === 'string' ? below(url) : undefined
}

const below = (url = ''): string => url.slice('https://records.example/fhir'.length)

function matching(patient: JsonObject): Way {
  const resource = { resourceType: 'Patient', ...patient }
  const body = { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }] }
  return { line: 'POST /Patient/$match', body }
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
const NEWS = new RegExp(`${UUID.source}|(?<=[?&"]_page=|"next":")[\\w%.~-]+`, 'g')
const PAGES_MAX = 40
const ROUNDS_MAX = 2000
