/**
 * Policies as text: read, named, validated strictly, and held against the vocabulary.
 *
 * A policy set that would need luck at run time does not load: unknown words, missing identifiers,
 * templates, any error or warning of Cedar's validator.
 *
 * @module
 */

import type * as CedarModule from '@cedar-policy/cedar-wasm/nodejs'
import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { lengthPrefixed, utf8 } from '#base'
import { sha256 } from '#crypto'
import { AccessRefusal } from './refusal.ts'
import {
  ACTIONS,
  ASSURANCES,
  CLASSES,
  CONFIDENTIALITIES,
  CONSENTS,
  PURPOSES,
  RELATIONS,
  ROLES,
  SENSITIVITIES,
  STEPS,
  type StepName,
} from './vocabulary.ts'

/** The texts of a policy set: `policies/photonward.cedarschema` and the `.cedar` files beside it. */
export interface PolicySources {
  readonly schema: string
  readonly policies: readonly string[]
}

/** In which form something is shown where a permit says so. */
export type DisclosureForm = 'codes-only' | 'pseudonymised'

/** One policy. */
export interface Policy {
  /** From `@id`: stable, shown in decisions. */
  readonly id: string
  readonly effect: 'permit' | 'forbid'
  /** From `@step`: where in the order of decision it speaks. */
  readonly step: StepName
  /** From `@mask`: elements that are shown masked under this permit. */
  readonly mask: readonly string[]
  /** From `@form`. */
  readonly form?: DisclosureForm
  readonly text: string
  /** Cedar's own reading of it. */
  readonly json: PolicyJson
}

/** The policies of these texts. @throws AccessRefusal `ACCESS_POLICY_INVALID` */
export function readPolicies(
  cedar: typeof CedarModule,
  sources: PolicySources,
): { readonly hash: string; readonly policies: ReadonlyMap<string, Policy> } {
  const texts = [sources.schema, ...sources.policies]
  const octets = texts.map((text) => utf8(text))
  if (octets.reduce((sum, { length }) => sum + length, 0) > POLICY_OCTETS_MAX) {
    throw invalid(`Policies and schema have more than ${POLICY_OCTETS_MAX} octets`)
  }
  checkVocabulary(cedar, sources.schema)
  const policies = new Map<string, Policy>()
  for (const text of sources.policies) {
    for (const policy of policiesOf(cedar, text)) {
      if (policies.has(policy.id)) throw invalid(`Two policies are called ${policy.id}`)
      policies.set(policy.id, policy)
    }
  }
  if (policies.size > POLICIES_MAX) throw invalid(`There are more than ${POLICIES_MAX} policies`)
  const staticPolicies = Object.fromEntries(
    [...policies.values()].map(({ id, text }) => [id, text]),
  )
  const answer = cedar.validate({
    schema: sources.schema,
    policies: { staticPolicies },
    validationSettings: { mode: 'strict' },
  })
  if (answer.type === 'failure') throw invalid(`Policies do not parse: ${first(answer.errors)}`)
  const faults = [...answer.validationErrors, ...answer.validationWarnings]
  if (faults.length > 0) {
    const [{ policyId, error }] = faults
    throw invalid(`The policy ${policyId} does not hold to the schema: ${error.message}`)
  }
  const hash = sha256(...octets.map((part) => lengthPrefixed(part))).toHex()
  return { hash, policies }
}

function policiesOf(cedar: typeof CedarModule, text: string): Policy[] {
  const parts = cedar.policySetTextToParts(text)
  if (parts.type === 'failure') throw invalid(`Policies do not parse: ${first(parts.errors)}`)
  if (parts.policy_templates.length > 0) throw invalid('Policy templates are not used here')
  return parts.policies.map((one) => {
    const read = cedar.policyToJson(one)
    if (read.type === 'failure') throw invalid(`A policy does not parse: ${first(read.errors)}`)
    return policyOf(one, read.json)
  })
}

function policyOf(text: string, json: PolicyJson): Policy {
  const { id = '', step = '', mask = '', form = '' } = json.annotations ?? {}
  if (!ID.test(id)) throw invalid(`A policy has no @id of the form ${ID.source}`)
  if (!isStep(step)) throw invalid(`The policy ${id} has no @step, or one that is none`)
  const elements = mask.split(' ').filter((element) => element !== '')
  if (!elements.every((element) => ELEMENT.test(element))) {
    throw invalid(`The policy ${id} masks what is no element`)
  }
  if (json.effect === 'forbid' && (elements.length > 0 || form !== '')) {
    throw invalid(`The policy ${id} forbids, and so masks and forms nothing`)
  }
  if (form !== '' && !isForm(form)) throw invalid(`The policy ${id} has a @form that is none`)
  const policy = { id, effect: json.effect, step, mask: elements, text, json }
  return form === '' ? policy : { ...policy, form }
}

/** Whether schema and code list the same words. */
function checkVocabulary(cedar: typeof CedarModule, schema: string): void {
  const read = cedar.schemaToJson(schema)
  if (read.type === 'failure') throw invalid(`The schema does not parse: ${first(read.errors)}`)
  const { entityTypes = {}, actions = {} } = read.json[''] as Partial<(typeof read.json)[string]>
  for (const [type, words] of Object.entries(WORDS)) {
    const entity = Object.hasOwn(entityTypes, type) ? entityTypes[type] : {}
    const listed: readonly string[] = 'enum' in entity ? entity.enum : []
    if (!sameWords(listed, words)) throw invalid(`The schema lists other words as ${type}`)
  }
  const groups = new Set(
    Object.values(actions).flatMap(({ memberOf }) => (memberOf ?? []).map(({ id }) => id)),
  )
  const acts = Object.keys(actions).filter((action) => !groups.has(action))
  if (!sameWords(acts, ACTIONS)) throw invalid('The schema lists other actions')
}

const sameWords = (a: readonly string[], b: readonly string[]): boolean =>
  new Set(a).symmetricDifference(new Set(b)).size === 0

const isStep = (text: string): text is StepName => (STEPS as readonly string[]).includes(text)
const isForm = (text: string): text is DisclosureForm =>
  text === 'codes-only' || text === 'pseudonymised'
const invalid = (message: string): AccessRefusal =>
  new AccessRefusal('ACCESS_POLICY_INVALID', message)
const first = (errors: readonly DetailedError[]): string => errors.at(0)?.message ?? 'unknown'

const WORDS: Readonly<Record<string, readonly string[]>> = {
  Role: ROLES,
  Class: CLASSES,
  Purpose: PURPOSES,
  Confidentiality: CONFIDENTIALITIES,
  Sensitivity: SENSITIVITIES,
  Relation: RELATIONS,
  Consent: CONSENTS,
  Assurance: ASSURANCES,
}
const ID = /^[a-z0-9]+(?:[.-][a-z0-9]+)*$/
const ELEMENT = /^[a-z][A-Za-z]{0,63}$/
const POLICY_OCTETS_MAX = 262_144
const POLICIES_MAX = 512
