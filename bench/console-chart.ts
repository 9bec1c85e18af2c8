/**
 * A chart of a thousand resources, as the console asks a real daemon for it in a clinician's session.
 *
 * @module
 */

import { freePorts } from '#cli'
import { makeSites, type BenchSite } from './daemons.ts'
import { median } from './bench.ts'

/** Milliseconds from the question to the last octet of the last page, at best cost of the client. */
export async function chartMs(): Promise<number> {
  using sites = await makeSites()
  const [site] = sites.sites
  const [port, fhirPort] = await freePorts(2)
  const fhir = { listen: { host: '127.0.0.1', port: fhirPort }, clients: [] }
  sites.configure(site, { consoleListener: { host: '127.0.0.1', port }, fhir })
  await sites.startSite(site)
  try {
    const patient = await importChart(site)
    const { origin, cookie } = await clinician(site)
    const open = async (): Promise<number> => {
      const begun = performance.now()
      const count = await openChart(
        `${origin}/fhir/Patient/${patient}/$everything?_count=1000`,
        cookie,
      )
      if (count < RESOURCES) throw new Error(`The chart has ${String(count)} resources only`)
      return performance.now() - begun
    }
    // The first is read from the disk and opened; who looks again has it from memory.
    const times = []
    for (let look = 0; look < LOOKS; look++) times.push(await open())
    return median(times)
  } finally {
    await sites.stop(site.name)
  }
}

async function importChart({ admin }: BenchSite): Promise<string> {
  const entry = [
    PATIENT,
    ...Array.from({ length: RESOURCES - 1 }, (_, at) => observationOf(at)),
  ].map((resource) => ({
    fullUrl: `urn:uuid:${resource.id}`,
    resource,
    request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` },
  }))
  const bundle = { resourceType: 'Bundle', type: 'transaction', entry }
  const { written } = await admin.call('importRecords', {}, Buffer.from(JSON.stringify(bundle)))
  if (written !== RESOURCES) throw new Error(`${String(written)} resources were written`)
  return PATIENT.id
}

/** A session of whoever is the patient's doctor. */
async function clinician({ admin }: BenchSite) {
  const wish = { kind: 'person' as const, login: 'ada', name: 'Ada', references: [DOCTOR] }
  const { person } = await admin.call('addPerson', {}, wish)
  const change = { add: ['attending'], remove: [], clear: [], unclear: [] }
  await admin.call('changeRoles', { person }, change)
  const { url } = await admin.call('consoleLink', {}, { as: 'ada' })
  const { origin, hash } = new URL(url)
  const answer = await fetch(`${origin}/login`, {
    ...{ method: 'POST', headers: ASKS, body: JSON.stringify({ ticket: hash.slice(1) }) },
  })
  return { origin, cookie: (answer.headers.getSetCookie().at(0) ?? '').split(';')[0] }
}

/** Follows the pages. @returns how many resources they have */
async function openChart(url: string, cookie: string): Promise<number> {
  const answer = await fetch(url, { headers: { ...ASKS, cookie } })
  if (answer.status !== 200) throw new Error(await answer.text())
  const page = (await answer.json()) as {
    readonly entry?: readonly unknown[]
    readonly link?: readonly { readonly relation: string; readonly url: string }[]
  }
  const next = page.link?.find(({ relation }) => relation === 'next')?.url
  const rest = next === undefined ? 0 : await openChart(new URL(next, url).href, cookie)
  return (page.entry?.length ?? 0) + rest
}

/** Invented, as the demo profile wants. */
const meta = {
  security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }],
}
const DOCTOR = 'Practitioner/5d0e7c1a-0000-4000-8000-0000000ada00'
const PATIENT = {
  ...{ resourceType: 'Patient', id: '5d0e7c1a-0000-4000-8000-000000000000', meta },
  ...{ name: [{ family: 'Winter', given: ['Ida'] }], gender: 'female', birthDate: '1980-02-03' },
  generalPractitioner: [{ reference: DOCTOR }],
}
const observationOf = (at: number) => ({
  ...{ resourceType: 'Observation', meta, status: 'final' },
  id: `5d0e7c1a-0000-4000-8000-${String(at + 1).padStart(12, '0')}`,
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }] },
  subject: { reference: `Patient/${PATIENT.id}` },
  effectiveDateTime: new Date(Date.UTC(2020, 0, 1 + at)).toISOString(),
  valueQuantity: { value: 60 + (at % 40), unit: '/min', system: 'http://unitsofmeasure.org' },
})

const ASKS = { 'x-photonward': 'use', 'content-type': 'application/json' }
const RESOURCES = 1000
const LOOKS = 9
