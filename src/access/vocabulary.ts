/**
 * The words in which rights are spoken of: roles, actions, classes, purposes, labels, relations.
 *
 * The Cedar schema lists the same words; loading policies compares the two, so that a policy cannot
 * name what the code does not know, nor the code ask what no policy could answer.
 *
 * @see HL7 v3 PurposeOfUse, Confidentiality, InformationSensitivityPolicy
 * @module
 */

/** What somebody is at this hospital. Several at once add up, unless they must be separate. */
export const ROLES = [
  'attending',
  'resident',
  'ed-clinician',
  'nurse',
  'allied',
  'pharmacist',
  'radiologist',
  'laboratory',
  'telehealth',
  'registration',
  'billing',
  'researcher',
  'reidentification-holder',
  'privacy-officer',
  'security-analyst',
  'crypto-officer-a',
  'crypto-officer-b',
  'qkd-operator',
  'administrator',
  'user-administrator',
  'auditor',
  'policy-author',
  'policy-approver',
  'patient',
  'proxy',
  'service',
] as const
export type Role = (typeof ROLES)[number]

/** What is to be done. `break-glass` is the opening of a grant, not the reading under it. */
export const ACTIONS = [
  'view',
  'search',
  'create',
  'update',
  'delete',
  'export',
  'print',
  'send',
  'unmask',
  'deidentify',
  'break-glass',
  'review',
  'approve',
  'quarantine',
  'destroy-key',
] as const
export type Action = (typeof ACTIONS)[number]

/** What a thing is to policies. `unclassified` is a thing nobody foresaw: no role reaches it. */
export const CLASSES = [
  'demographics',
  'clinical',
  'observation',
  'laboratory',
  'imaging',
  'medication',
  'prescription',
  'dispensing',
  'administration',
  'allergy',
  'document',
  'order',
  'scheduling',
  'billing',
  'consent',
  'audit',
  'directory',
  'knowledge',
  'deidentified',
  'reidentification',
  'case',
  'alert',
  'policy',
  'account',
  'configuration',
  'key',
  'link',
  'unclassified',
] as const
export type ResourceClass = (typeof CLASSES)[number]

/** The classes that make up a patient's chart. */
export const CHART_CLASSES = [
  'clinical',
  'observation',
  'laboratory',
  'imaging',
  'medication',
  'prescription',
  'dispensing',
  'administration',
  'allergy',
  'document',
  'order',
] as const satisfies readonly ResourceClass[]

/** HL7 v3 ActReason, branch PurposeOfUse. */
export const PURPOSES = [
  'TREAT',
  'ETREAT',
  'BTG',
  'HPAYMT',
  'HOPERAT',
  'HRESCH',
  'PATRQT',
  'FAMRQT',
  'PUBHLTH',
  'HMARKT',
] as const
export type Purpose = (typeof PURPOSES)[number]

/** HL7 v3 Confidentiality, from unrestricted to very restricted. */
export const CONFIDENTIALITIES = ['U', 'L', 'M', 'N', 'R', 'V'] as const
export type Confidentiality = (typeof CONFIDENTIALITIES)[number]

/**
 * HL7 v3 ActCode, branch InformationSensitivityPolicy: substance use, mental health, HIV, sexually
 * transmitted disease, violence, sexuality, sickle cell, genetic disease, psychotherapy notes.
 */
export const SENSITIVITIES = [
  'ETH',
  'PSY',
  'HIV',
  'STD',
  'SDV',
  'SEX',
  'SCA',
  'GDIS',
  'PSYTHPN',
] as const
export type Sensitivity = (typeof SENSITIVITIES)[number]

/** What ties somebody to a patient at this moment. */
export const RELATIONS = [
  'care-team',
  'encounter',
  'referral',
  'ward',
  'ed-present',
  'booked-session',
  'order',
  'delegation',
  'own',
  'proxy',
  'declared-flow',
  'reviewed-grant',
] as const
export type Relation = (typeof RELATIONS)[number]

/**
 * What consent says of one request: granted under the very label it needs, granted, implied by the
 * default for the purpose, absent where it must be given, denied, denied for emergencies as well;
 * `not-needed` where no patient is concerned.
 */
export const CONSENTS = [
  'not-needed',
  'named',
  'granted',
  'implied',
  'absent',
  'denied',
  'refused',
] as const
export type ConsentOutcome = (typeof CONSENTS)[number]

/** What protects the way by which an answer travels. */
export const ASSURANCES = ['local', 'hybrid-quantum', 'hybrid-post-quantum', 'degraded'] as const
export type Assurance = (typeof ASSURANCES)[number]

/** The order in which a request is looked at. The first step that fails decides. */
export const STEPS = [
  'token',
  'role',
  'scope',
  'site',
  'relationship',
  'purpose',
  'labels',
  'consent',
  'obligations',
  'audit',
] as const
export type StepName = (typeof STEPS)[number]
