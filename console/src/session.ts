/**
 * Who is logged in, and what that session may ask.
 *
 * @module
 */

import { useQuery } from '@tanstack/react-query'
import type { ConsoleSessionView } from '#contract'
import { ask, type Asked } from './api.ts'

export type Session = ConsoleSessionView

/** The session of this browser; asked again each minute, for rights may change. */
export const useSession = () =>
  useQuery({
    queryKey: ['session'],
    queryFn: () => ask('session', {}, null),
    refetchInterval: 60_000,
  })

/** Whether this session may ask a route; false while it is not known. */
export function useMay(): (route: Asked) => boolean {
  const { data } = useSession()
  return (route) => data?.routes.includes(route) === true
}

/** Whether records are for somebody with these roles at all; which of them, each answer decides. */
export const readsRecords = ({ person }: Session): boolean =>
  person !== null && person.roles.some((role) => READERS.includes(role))

/** Whether it is a patient, or who speaks for one, and nobody of the staff. */
export const isPatient = ({ person }: Session): boolean =>
  person !== null && person.roles.every((role) => OWN.includes(role)) && person.roles.length > 0

/** Whether events of accesses are for this session: of the own record, or of all. */
export const readsAccesses = (session: Session): boolean =>
  isPatient(session) || session.routes.includes('accesses')

const OWN: readonly string[] = ['patient', 'proxy']
const READERS: readonly string[] = [
  ...['attending', 'resident', 'ed-clinician', 'nurse', 'allied', 'pharmacist', 'radiologist'],
  ...['laboratory', 'telehealth', 'registration', 'billing', ...OWN],
]
