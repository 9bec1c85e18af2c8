/**
 * Transaction: all entries together or none, in one signed group of the vault.
 *
 * Conditions and conditional references are resolved inside the vault's turn, then references to
 * entries become references to what those entries are stored as, then everything is validated,
 * decided and written at once. Deletions come first, then creates, then updates and patches; reads
 * see what was written. A resource may be changed by one entry only.
 *
 * A transaction without conditions is validated before its turn, so that others need not wait.
 *
 * @see FHIR R4 §3.1.0.11.2
 * @module
 */

import { newUuid, present } from '#base'
import {
  conditionalReferencesOf,
  invalid,
  isResourceId,
  ISSUES_MAX,
  issuesOf,
  resolveReferences,
  type Issue,
  type JsonObject,
} from '#health'
import { pauses, type Change, type Opened, type WriteView, type Written } from '#vault'
import {
  bundleInvalid,
  bundleOf,
  responseEntry,
  type BundleEntry,
  type Perform,
} from './bundles.ts'
import { selected } from './conditions.ts'
import { checkAllowed, type Answer, type Call } from './context.ts'
import { patched, patchIn } from './patching.ts'
import { FhirRefusal, notFound } from './refusal.ts'
import { checkReferences } from './references.ts'
import { storedResource } from './resources.ts'
import type { Action } from './session.ts'
import { checkWhole } from './subset.ts'
import { changed, checkMay, putting, removing, writeAll } from './writing.ts'

/** Performs a transaction. `perform` answers the reads. */
export async function transaction(
  call: Call,
  entries: readonly BundleEntry[],
  perform: Perform,
): Promise<Answer> {
  const steps = entries.map((entry) => stepOf(call, entry))
  for (const { action, call: own } of steps) await checkAllowed(own, action, own.type)
  const writing = steps.filter(({ rank }) => rank < RANKS.read)
  await write(call, writing)
  const answers: JsonObject[] = []
  for (const step of steps) {
    const { fullUrl } = step.entry
    const answer = step.rank === RANKS.read ? await perform(step.call) : answerOf(step)
    answers.push({ ...(fullUrl && { fullUrl }), ...responseEntry(answer) })
  }
  return { status: 200, resource: bundleOf('transaction-response', answers) }
}

/** One entry on its way. Filled in as the transaction proceeds; owned by it. */
interface Step {
  readonly entry: BundleEntry
  readonly call: Call
  readonly action: Action
  readonly rank: number
  /** Search that says which resource is meant. */
  readonly criteria: string | undefined
  /** The id under which a new resource is stored. */
  readonly newId: string
  /** The resource that is changed; undefined until known, or where there is none. */
  id: string | undefined
  /** A condition found that there is nothing to do. */
  isDone: boolean
  value: JsonObject | undefined
  before: Opened | undefined
  written: Written | undefined
}

function stepOf(call: Call, entry: BundleEntry): Step {
  const { call: own, place } = entry
  const { interaction, request, options, sent } = own
  const [rank, action] = KINDS[interaction] ?? [RANKS.read, 'read']
  const isConditional = interaction.endsWith('-conditional')
  const isCreate = interaction === 'create'
  const criteria = isCreate ? request.header('if-none-exist') : request.query.toString()
  const newId = newUuid(options.random)
  if (interaction === 'update' && sent?.['id'] !== own.id) {
    throw bundleInvalid(`${place}.resource`, 'expected a resource with the id in the request')
  }
  const isWhole = isCreate || interaction.startsWith('update')
  if (isWhole && own.type !== sent?.['resourceType']) {
    throw bundleInvalid(`${place}.resource`, 'expected a resource of the type in the request')
  }
  return {
    ...{ entry, call: { ...own, preference: call.preference }, action, rank, newId },
    criteria: isConditional || isCreate ? criteria : undefined,
    id: isCreate && criteria === undefined ? newId : own.id,
    ...{ isDone: false, value: undefined, before: undefined, written: undefined },
  }
}

async function write(call: Call, steps: readonly Step[]): Promise<void> {
  if (steps.length === 0) return
  const isPlain = !steps.some(needsTurn)
  if (isPlain) await settle(call, steps)
  const inOrder = steps.toSorted((a, b) => a.rank - b.rank)
  const written = await writeAll(call, {
    act: 'many',
    ...(isPlain && { names: steps.map(nameOf) }),
    plan: async (view) => {
      if (!isPlain) await settle(call, steps)
      return await changesOf(call, inOrder, view)
    },
  })
  const byName = new Map(written.map((one) => [`${one.type}/${one.id}`, one]))
  for (const step of steps) step.written = byName.get(referenceOf(step))
}

/** Whether an entry can be understood only by looking at what is stored. */
const needsTurn = ({ criteria, call }: Step): boolean =>
  criteria !== undefined || (call.sent !== undefined && conditionalReferencesOf(call.sent).size > 0)

/** Finds what every entry is about, then makes its resource as it will be stored. */
async function settle(call: Call, steps: readonly Step[]): Promise<void> {
  const targets = new Map<string, string>()
  const gone = new Set<string>()
  for (const step of steps.toSorted((a, b) => a.rank - b.rank)) {
    if (step.criteria !== undefined) await selectFor(step, step.criteria, gone)
    if (step.rank === RANKS.delete) gone.add(referenceOf(step))
    noteTargets(step, targets)
  }
  checkApart(steps)
  await resolveConditional(call, steps, targets)
  const issues: Issue[] = []
  const rest = pauses(call.options.clock)
  for (const step of steps) {
    const { sent } = step.call
    if (!isPut(step) || sent === undefined) continue
    const place = `${step.entry.place}.resource`
    checkWhole(sent)
    step.value = storedResource(sent, present(step.id, 'the id of what is put'))
    issues.push(...resolveReferences(step.value, targets, place).take(ISSUES_MAX))
    issues.push(...issuesOf(step.value, place, ISSUES_MAX))
    if (issues.length >= ISSUES_MAX) break
    await rest()
  }
  if (issues.length > 0) throw invalid(issues.slice(0, ISSUES_MAX))
}

/** Which resource a condition means. */
async function selectFor(step: Step, criteria: string, gone: ReadonlySet<string>): Promise<void> {
  const { call, newId } = step
  const type = present(call.type, 'the type of a condition')
  const found = await selected(call, { type, criteria }, gone)
  step.id = found?.id
  if (call.interaction === 'create') {
    step.isDone = found !== undefined
    step.id ??= newId
  } else if (call.interaction === 'update-conditional') {
    const { id = found?.id ?? newId } = call.sent ?? {}
    if (!isResourceId(id) || (found !== undefined && found.id !== id)) {
      throw bundleInvalid(`${step.entry.place}.resource.id`, 'differs from what is selected')
    }
    step.id = id
  } else if (call.interaction === 'delete-conditional') step.isDone = found === undefined
  else if (found === undefined) throw notFound()
}

/** Where references to an entry lead: its `fullUrl`, and what ends like it. */
function noteTargets(step: Step, targets: Map<string, string>): void {
  const { fullUrl } = step.entry
  if (fullUrl === undefined || step.id === undefined || step.rank === RANKS.delete) return
  targets.set(fullUrl, referenceOf(step))
  const relative = /^https?:.*\/([A-Za-z]+\/[A-Za-z0-9.-]{1,64})$/.exec(fullUrl)?.[1]
  if (relative !== undefined) targets.set(relative, referenceOf(step))
}

/** @throws FhirRefusal `FHIR_BUNDLE_INVALID` if two entries change one resource */
function checkApart(steps: readonly Step[]): void {
  const seen = new Set<string>()
  for (const step of steps) {
    if (step.isDone) continue
    const reference = referenceOf(step)
    if (seen.has(reference)) {
      throw bundleInvalid(`${step.entry.place}.request`, 'changes what another entry changes')
    }
    seen.add(reference)
  }
  const conditions = steps.filter(({ call, criteria }) => call.interaction === 'create' && criteria)
  const texts = new Set(conditions.map(({ call, criteria }) => `${call.type}?${criteria}`))
  if (texts.size < conditions.length) {
    throw bundleInvalid('Bundle.entry', 'two entries create under one condition')
  }
}

/** Conditional references lead to the one resource that is stored, or the transaction fails. */
async function resolveConditional(
  call: Call,
  steps: readonly Step[],
  targets: Map<string, string>,
): Promise<void> {
  for (const { call: own, entry } of steps) {
    if (own.sent === undefined) continue
    for (const reference of conditionalReferencesOf(own.sent)) {
      if (targets.has(reference)) continue
      const [type, ...criteria] = reference.split('?')
      const about = { type, criteria: criteria.join('?'), isReference: true }
      const found = await selected(call, about)
      if (found === undefined) {
        const message = `At ${entry.place}: a conditional reference selects nothing`
        throw new FhirRefusal('FHIR_PRECONDITION_FAILED', message)
      }
      targets.set(reference, `${found.type}/${found.id}`)
    }
  }
}

/** The changes of all entries, each decided upon. */
async function changesOf(
  call: Call,
  steps: readonly Step[],
  view: WriteView,
): Promise<readonly Change[]> {
  const changes: Change[] = []
  for (const step of steps) {
    if (step.isDone) continue
    const change = await changeOf(step, view)
    if (change !== undefined) changes.push(change)
  }
  const values = changes.flatMap((change) => (change.kind === 'put' ? [change.value] : []))
  await checkReferences(call.options, values, view)
  return changes
}

async function changeOf(step: Step, view: WriteView): Promise<Change | undefined> {
  const { call } = step
  if (call.interaction === 'create') {
    const value = present(step.value, 'what an entry creates')
    await checkMay(call.session, 'create', value)
    return { kind: 'put', ...nameOf(step), value, expect: 'absent' }
  }
  step.before = await view.current(nameOf(step))
  if (step.rank === RANKS.delete) return await removing(call, step.before)
  if (isPatch(step)) step.value = await patched(call, step.before, await patchIn(call))
  const value = present(step.value, 'what an entry puts')
  return await putting(call, { value, before: step.before, view: ANYTHING_HERE })
}

/** What is answered to an entry that writes. */
function answerOf(step: Step): Answer {
  const { call, written, value, before } = step
  if (step.rank === RANKS.delete) return { status: 204 }
  if (written === undefined || value === undefined) {
    return { status: 200, headers: { location: `${call.base}/${referenceOf(step)}` } }
  }
  return changed(call, { written, value, before })
}

const isPatch = ({ call }: Step): boolean => call.interaction.startsWith('patch')

/** References are checked for all entries together. */
const ANYTHING_HERE = { isHere: () => Promise.resolve(true) }

const isPut = ({ isDone, call }: Step): boolean =>
  !isDone && ['create', 'update', 'update-conditional'].includes(call.interaction)

const nameOf = ({ call, id }: Step) => ({
  type: present(call.type, 'the type of an entry'),
  id: present(id, 'the id of an entry'),
})

const referenceOf = (step: Step): string => `${step.call.type ?? ''}/${step.id ?? ''}`

/** The order in which a transaction is processed. */
const RANKS = { delete: 0, create: 1, update: 2, read: 3 } as const
const KINDS: Readonly<Partial<Record<Call['interaction'], readonly [number, Action]>>> = {
  delete: [RANKS.delete, 'delete'],
  'delete-conditional': [RANKS.delete, 'delete'],
  create: [RANKS.create, 'create'],
  update: [RANKS.update, 'update'],
  'update-conditional': [RANKS.update, 'update'],
  patch: [RANKS.update, 'update'],
  'patch-conditional': [RANKS.update, 'update'],
}
