/**
 * Which class a FHIR resource is of: what policies speak of instead of 148 types.
 *
 * @see FHIR R4 resource list
 * @module
 */

import type { Code } from './model.ts'
import type { ResourceClass } from './vocabulary.ts'

/**
 * The class of a resource. A type that R4 does not have is `unclassified`, which no role reaches.
 *
 * @param categories   codes of `category`: they part observations and reports
 * @param personal     whether it is about a patient: a device in stock is an inventory
 */
export function classOf(
  type: string,
  { categories, personal }: { readonly categories: readonly Code[]; readonly personal: boolean },
): ResourceClass {
  if (type === 'Observation' || type === 'DiagnosticReport') {
    const codes = new Set(categories.map(({ code }) => code))
    if (!codes.isDisjointFrom(LABORATORY)) return 'laboratory'
    if (!codes.isDisjointFrom(IMAGING)) return 'imaging'
    return type === 'Observation' ? 'observation' : 'document'
  }
  if (type === 'Device' || type === 'Substance') return personal ? 'clinical' : 'directory'
  return BY_TYPE.get(type) ?? 'unclassified'
}

/** HL7 observation-category and v2-0074: sections of a laboratory. */
const LABORATORY: ReadonlySet<string> = new Set(
  'laboratory LAB HM CH MB MCB SR BLB CG CP CUS GE ICU IMM MYC OSL OTH PAR PAT PHY SP TX URN VR'.split(
    ' ',
  ),
)
/** HL7 observation-category and v2-0074: modalities. */
const IMAGING: ReadonlySet<string> = new Set(
  'imaging RAD CT EC EN NMR NMS NRS OUS RUS RX VUS XRC'.split(' '),
)

const TYPES: Readonly<Partial<Record<ResourceClass, string>>> = {
  demographics: 'Patient Person RelatedPerson Linkage',
  clinical:
    'AdverseEvent BodyStructure CarePlan CareTeam ClinicalImpression Condition DetectedIssue ' +
    'DeviceMetric DeviceUseStatement Encounter EpisodeOfCare FamilyMemberHistory Flag Goal Group ' +
    'GuidanceResponse Immunization ImmunizationEvaluation ImmunizationRecommendation List ' +
    'Procedure QuestionnaireResponse ResearchSubject RiskAssessment',
  laboratory: 'BiologicallyDerivedProduct MolecularSequence Specimen',
  imaging: 'ImagingStudy Media',
  medication: 'Medication MedicationStatement',
  prescription: 'MedicationRequest',
  dispensing: 'MedicationDispense SupplyDelivery',
  administration: 'MedicationAdministration',
  allergy: 'AllergyIntolerance',
  // What may be about anything is as a document is.
  document:
    'Basic Binary Bundle Communication Composition DocumentManifest DocumentReference ' +
    'MeasureReport MessageHeader Parameters Provenance',
  order:
    'CommunicationRequest DeviceRequest NutritionOrder RequestGroup ServiceRequest SupplyRequest ' +
    'Task VisionPrescription',
  scheduling: 'Appointment AppointmentResponse Schedule Slot',
  billing:
    'Account ChargeItem Claim ClaimResponse Contract Coverage CoverageEligibilityRequest ' +
    'CoverageEligibilityResponse EnrollmentRequest EnrollmentResponse ExplanationOfBenefit Invoice ' +
    'PaymentNotice PaymentReconciliation',
  consent: 'Consent',
  audit: 'AuditEvent',
  directory:
    'Endpoint HealthcareService InsurancePlan Location Organization OrganizationAffiliation ' +
    'Practitioner PractitionerRole VerificationResult',
  knowledge:
    'ActivityDefinition CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem ' +
    'CompartmentDefinition ConceptMap DeviceDefinition EffectEvidenceSynthesis EventDefinition ' +
    'Evidence EvidenceVariable ExampleScenario GraphDefinition ImplementationGuide Library Measure ' +
    'MedicationKnowledge MedicinalProduct MedicinalProductAuthorization ' +
    'MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient ' +
    'MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged ' +
    'MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition ' +
    'NamingSystem ObservationDefinition OperationDefinition OperationOutcome PlanDefinition ' +
    'Questionnaire ResearchDefinition ResearchElementDefinition ResearchStudy ' +
    'RiskEvidenceSynthesis SearchParameter SpecimenDefinition StructureDefinition StructureMap ' +
    'SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation ' +
    'SubstanceSourceMaterial SubstanceSpecification TerminologyCapabilities TestReport TestScript ' +
    'ValueSet',
  configuration: 'Subscription',
  // Not of R4 itself.
  unclassified: 'SubscriptionStatus',
}

const BY_TYPE: ReadonlyMap<string, ResourceClass> = new Map(
  Object.entries(TYPES).flatMap(([name, types]) =>
    types.split(' ').map((type) => [type, name as ResourceClass] as const),
  ),
)
