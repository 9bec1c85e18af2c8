/**
 * Health records: FHIR R4 read strictly, validated, and told apart by whose they are.
 *
 * Stands at the door for patient data: octets from outside become valid resources, or a refusal
 * that says where and why and never repeats what it read. Knows nothing of keys, storage or
 * people's rights; holds no patient data beyond the call.
 *
 * @module
 */

export * from './bundle.ts'
export * from './cohort/cohort.ts'
export { isResourceType, mandatoryMembers, RESOURCE_TYPES } from './definitions.ts'
export * from './elements.ts'
export * from './fhirpath-patch.ts'
export * from './json.ts'
export * from './linkage.ts'
export * from './nhs-number.ts'
export * from './ownership.ts'
export * from './refusal.ts'
export { relinked } from './relinking.ts'
export { indexValuesOf, type IndexValues } from './search/extraction.ts'
export { fold } from './search/fold.ts'
export * from './search/interval.ts'
export * from './search/matching.ts'
export * from './search/order.ts'
export { searchParametersOf, type SearchParameter } from './search/parameters.ts'
export { parseSearch, type SearchRequest } from './search/parse.ts'
export * from './search/query.ts'
export type * from './search/values.ts'
export * from './strings.ts'
export { summaryOf } from './summary.ts'
export * from './synthetic.ts'
export { isResourceId, RESOURCE_VALUES_MAX } from './shape.ts'
export { issuesOf } from './validation.ts'
