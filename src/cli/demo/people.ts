/**
 * People of the demo who stay for its visitors: each enters the console by a link, without a password.
 *
 * They are added when the demo is kept, with a stay on the ward that ties a physician to her patients.
 *
 * @module
 */

import type { Play } from './play.ts'

/** Somebody to look at records as. */
export interface Visitor {
  readonly login: string
  /** What this person can show. */
  readonly shows: string
}

/** Adds the people at Bristol. @returns them, in the order in which they are worth a visit */
export async function inviteVisitors({ bristol, charts }: Play): Promise<readonly Visitor[]> {
  const { admin } = bristol
  const patients = [...charts.values()].flatMap((octets) => patientIn(octets) ?? [])
  const [own] = patients
  const stays = patients.slice(0, STAYS).map((patient, at) => stayOf(patient, at))
  const staff = CAST.flatMap(({ name, reference }) =>
    reference === undefined ? [] : [staffOf(reference, name)],
  )
  const bundle = { resourceType: 'Bundle', type: 'transaction', entry: [...staff, ...stays] }
  await admin.call('importRecords', {}, new TextEncoder().encode(JSON.stringify(bundle)))
  for (const { login, name, role, kind, reference } of CAST) {
    const references = [reference ?? `Patient/${own}`]
    const { person } = await admin.call('addPerson', {}, { kind, login, name, references })
    const change = { add: [role], remove: [], clear: [], unclear: [] }
    await admin.call('changeRoles', { person }, change)
  }
  return CAST.map(({ login, shows }) => ({ login, shows }))
}

/** Id of the patient in a bundle. */
function patientIn(octets: Uint8Array): string | undefined {
  const { entry = [] } = JSON.parse(new TextDecoder().decode(octets)) as {
    readonly entry?: readonly { readonly resource: { resourceType: string; id: string } }[]
  }
  return entry.find(({ resource }) => resource.resourceType === 'Patient')?.resource.id
}

/** Somebody in the staff list, so that whoever sees who looked sees a name. */
function staffOf(reference: string, name: string): object {
  const [resourceType, id] = reference.split('/')
  const resource = { resourceType, id, active: true, name: [{ text: name }] }
  return { resource, request: { method: 'PUT', url: reference } }
}

/** A stay that is under way: it ties the physician to the patient. */
function stayOf(patient: string, at: number): object {
  const id = `demo-stay-${String(at)}`
  const resource = {
    ...{ resourceType: 'Encounter', id, status: 'in-progress' },
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    type: [{ text: 'Hospital admission' }],
    subject: { reference: `Patient/${patient}` },
    participant: [{ individual: { reference: PHYSICIAN, display: 'Ada Moss' } }],
    period: { start: new Date().toISOString() },
  }
  return { resource, request: { method: 'PUT', url: `Encounter/${id}` } }
}

const PHYSICIAN = 'Practitioner/demo-ada'
const CAST: readonly (Visitor & {
  readonly name: string
  readonly role: string
  readonly kind: 'person' | 'patient'
  /** Left out: the first patient. */
  readonly reference?: string
})[] = [
  {
    ...{ login: 'ada', name: 'Ada Moss', role: 'attending', kind: 'person' },
    ...{ reference: PHYSICIAN, shows: 'a physician: charts, break-glass, sending' },
  },
  {
    ...{ login: 'bea', name: 'Bea Lind', role: 'billing', kind: 'person' },
    ...{ reference: 'Practitioner/demo-bea', shows: 'billing: masked, and what unmasks it' },
  },
  {
    ...{ login: 'own', name: 'A patient', role: 'patient', kind: 'patient' },
    shows: 'a patient: the own record, who looked, consent',
  },
]
/** Patients whom the physician treats; of the others she breaks the glass. */
const STAYS = 8
