/**
 * Broken glass of whoever is signed in: which records are open by it, and until when.
 *
 * @module
 */

import { useQuery } from '@tanstack/react-query'
import { askFhir } from '../api.ts'
import { useSession, type Session } from '../session.ts'
import { fieldsIn, fieldsOf, parametersIn, referenceIn, textIn, type Resource } from './fhir.ts'

export interface Grant {
  readonly grant: string
  /** `Patient/id`. */
  readonly patient: string
  readonly expiresAt: number
}

/** Purpose of use of whoever reads under broken glass. */
export const EMERGENCY = 'BTG'

/** Whether somebody with these roles may break the glass; each time, the site decides. */
export const mayBreakGlass = ({ person }: Session): boolean =>
  person !== null && person.roles.some((role) => BREAKERS.includes(role))

/** Own grants that are open; undefined while they are asked for. */
export function useGrants(): readonly Grant[] | undefined {
  const { data: session } = useSession()
  const may = session !== undefined && mayBreakGlass(session)
  const { data } = useQuery({
    queryKey: ['grants'],
    queryFn: async () =>
      grantsIn(await askFhir({ method: 'GET', url: 'Patient/$break-glass' }, EMERGENCY)),
    enabled: may,
    refetchInterval: 60_000,
  })
  return may ? data : []
}

/** Grants that an answer lists, or the one that it tells. */
export const grantsIn = (answer: Resource | undefined): readonly Grant[] =>
  [
    ...parametersIn(answer, 'open').map(({ part }) => fieldsIn(part)),
    fieldsIn(answer?.['parameter']),
  ]
    .map(grantIn)
    .flatMap((one) => one ?? [])

function grantIn(parts: readonly Readonly<Record<string, unknown>>[]): Grant | undefined {
  const part = (name: string) => parts.find((one) => one['name'] === name) ?? {}
  const grant = textIn(part('grant')['valueUuid'])?.replace('urn:uuid:', '')
  const patient = referenceIn(fieldsOf(part('patient')['valueReference']))
  const expiresAt = Date.parse(textIn(part('expires')['valueInstant']) ?? '')
  if (grant === undefined || patient === undefined || Number.isNaN(expiresAt)) return undefined
  return { grant, patient, expiresAt }
}

const BREAKERS: readonly string[] = ['attending', 'resident', 'ed-clinician']
