/**
 * A caller: somebody whose certificate or token was checked, and what the request says beside.
 *
 * What sign-in and certificates make of a request, and what decisions are made for. The purpose that
 * a request claims may only be one that its token leaves open; whether the roles may claim it is said
 * by policies. Knows nothing of patients.
 *
 * @module
 */

import type { EpochMs } from '#base'
import type { Principal, Relationship, TokenFacts } from './model.ts'
import { AccessRefusal } from './refusal.ts'
import { PURPOSES, type Purpose, type Role } from './vocabulary.ts'

/** Somebody who asks, known and checked. */
export interface Caller {
  readonly principal: Principal
  readonly token: TokenFacts
  readonly purpose: Purpose
  /** When the second factor was last shown. */
  readonly secondFactorAt?: EpochMs
  /** Ties that do not come from records: flows that are declared for a client. */
  readonly flows?: readonly Relationship[]
  /** As it shall stand in the log; no name of a person. */
  readonly actor: string
  /** Who it is for the records about access: what FHIR calls the person, and the client's name. */
  readonly who: { readonly person?: string; readonly client?: string }
}

/**
 * The purpose of a request: what it claims, or the usual one of the roles.
 *
 * @param claimed   a code of HL7 v3 PurposeOfUse, alone or behind its system and `|`
 * @param allowed   purposes that the token, or the configuration of a client, is limited to
 * @throws AccessRefusal `ACCESS_PURPOSE_INVALID` for no code that is known, or one outside
 */
export function purposeOf(
  roles: readonly Role[],
  claimed: string | undefined,
  allowed?: readonly Purpose[],
): Purpose {
  if (claimed === undefined) {
    const usual = roles.map((role) => USUAL_PURPOSE[role] ?? 'HOPERAT').at(0) ?? 'HOPERAT'
    return allowed === undefined || allowed.includes(usual) ? usual : (allowed.at(0) ?? usual)
  }
  const [system, code] = claimed.includes('|') ? claimed.split('|') : [ACT_REASON, claimed]
  const purpose = PURPOSES.find((one) => one === code)
  if (purpose !== undefined && system === ACT_REASON && allowed?.includes(purpose) !== false) {
    return purpose
  }
  const known = (allowed ?? PURPOSES).join(', ')
  throw new AccessRefusal('ACCESS_PURPOSE_INVALID', `Expected a purpose of use among ${known}`)
}

/** The header in which a request claims its purpose. */
export const PURPOSE_HEADER = 'x-purpose-of-use'
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason'
/** What the work of a role is for, where a request does not say. The first role decides. */
const USUAL_PURPOSE: Readonly<Partial<Record<Role, Purpose>>> = {
  attending: 'TREAT',
  resident: 'TREAT',
  'ed-clinician': 'TREAT',
  nurse: 'TREAT',
  allied: 'TREAT',
  pharmacist: 'TREAT',
  radiologist: 'TREAT',
  laboratory: 'TREAT',
  telehealth: 'TREAT',
  registration: 'TREAT',
  billing: 'HPAYMT',
  researcher: 'HRESCH',
  'reidentification-holder': 'HRESCH',
  patient: 'PATRQT',
  proxy: 'FAMRQT',
  service: 'TREAT',
}
