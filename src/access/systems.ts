/**
 * Names of the code systems that policies, labels and consents speak in.
 *
 * @module
 */

export const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality'
export const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode'
export const RESOURCE_TYPES = 'http://hl7.org/fhir/resource-types'
export const SNOMED = 'http://snomed.info/sct'
export const LOINC = 'http://loinc.org'
export const ICD_10 = 'http://hl7.org/fhir/sid/icd-10'
export const ICD_10_CM = 'http://hl7.org/fhir/sid/icd-10-cm'
