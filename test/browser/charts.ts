/**
 * A hospital with charts and people, for looking at records in a browser. One chart is hostile: every
 * text of it would run, if anything took it for markup.
 *
 * @module
 */

import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { totpCode } from '#access'
import { freePorts } from '#cli'
import { makeFhirSite } from '../support/fhir-site.ts'
import type { TestSite } from '../support/sites.ts'
import { secretOf } from '../support/totp.ts'

/** Somebody who may sign in. */
interface Wish {
  readonly login: string
  readonly role: string
  readonly kind?: 'person' | 'patient'
  readonly reference: string
}

export interface Ward {
  readonly site: TestSite
  readonly origin: string
  /** Adds somebody, with a password and one role. */
  readonly add: (wish: Wish) => Promise<void>
  /** Gives somebody an authenticator app. @returns its codes, each good once */
  readonly authenticator: (login: string) => Promise<() => string>
  readonly signIn: (page: Page, login: string, code?: string) => Promise<void>
}

/** A site whose console runs, with these charts. */
export async function openWard(t: TestContext, resources: readonly object[]): Promise<Ward> {
  const { site } = await makeFhirSite(t, { clients: { 'bristol.ward': 'write' } })
  const origin = await consoleAt(site)
  await site.daemon.start()
  return await wardOf(site, origin, resources)
}

/** Has a site serve its console once it is started. @returns where */
export async function consoleAt(site: TestSite): Promise<string> {
  const [port] = await freePorts(1)
  site.configure((value) => (value['consoleListener'] = { host: '127.0.0.1', port }))
  return `http://127.0.0.1:${port}`
}

/** A site that runs, with charts and a way to add people. */
export async function wardOf(
  site: TestSite,
  origin: string,
  resources: readonly object[],
): Promise<Ward> {
  const { admin } = site
  await site.import(JSON.stringify(bundleOf(resources)))
  return {
    ...{ site, origin },
    add: async ({ login, role, kind = 'person', reference }) => {
      const wish = { kind, login, name: `${login} of the ward`, references: [reference] }
      const { person } = await admin.call('addPerson', {}, wish)
      await admin.call('setPassword', { person }, { password: PASSWORD })
      const change = { add: [role], remove: [], clear: [], unclear: [] }
      await admin.call('changeRoles', { person }, change)
    },
    authenticator: async (login) => {
      const { uri } = await admin.call('addTotp', { person: login }, null)
      const secret = secretOf(uri)
      let step = Math.floor(Date.now() / 30_000) - 1
      return () => totpCode(secret, step++)
    },
    signIn: async (page, login, code = '') => {
      await page.goto(`${origin}/login`)
      await page.getByLabel('Login name').fill(login)
      await page.getByLabel(/^Password/).fill(PASSWORD)
      if (code !== '') await page.getByLabel(/authenticator/).fill(code)
      await page.getByRole('button', { name: 'Sign in' }).click()
    },
  }
}

const bundleOf = (resources: readonly object[]): object => ({
  resourceType: 'Bundle',
  type: 'transaction',
  entry: resources.map((resource) => {
    const { resourceType, id } = resource as { resourceType: string; id: string }
    return { resource, request: { method: 'PUT', url: `${resourceType}/${id}` } }
  }),
})

/** Whoever bears it is invented: the profile `demo` takes nobody else. */
const INVENTED = {
  meta: {
    security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }],
  },
}
const TERMS = 'http://terminology.hl7.org/CodeSystem'

/** Whom the doctor Dora treats now. */
const encounterOf = (patient: string, id: string): object => ({
  ...{ resourceType: 'Encounter', id, status: 'in-progress', class: { code: 'IMP' } },
  type: [{ text: 'Admission to the ward' }],
  subject: { reference: `Patient/${patient}` },
  participant: [{ individual: { reference: 'Practitioner/dora' } }],
  period: { start: '2026-11-01T08:00:00Z' },
})

/** A text that would run as markup, and says where it stood. */
const hostile = (place: string): string =>
  `<img src=x onerror="window.touched='${place}'"><script>window.touched='${place}'</script>` +
  `"><svg onload=window.touched='${place}'>`

/** A number of a hospital, which is no name for an address. */
export const HOSTILE_ID = 'MRN-00815'
export const HOSTILE_NHS = '9990000018'
const page = `<html><body><script>window.touched='attachment'</script>ATTACHED</body></html>`

/** A chart whose every text is hostile. */
export const hostileChart: readonly object[] = [
  {
    ...{ resourceType: 'Patient', id: HOSTILE_ID, gender: 'female', birthDate: '1960-05-04' },
    ...INVENTED,
    name: [{ family: hostile('family'), given: ['Mallory'] }],
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: HOSTILE_NHS }],
    text: {
      status: 'generated',
      div: `<div xmlns="http://www.w3.org/1999/xhtml"><b>NARRATIVE</b></div>`,
    },
  },
  encounterOf(HOSTILE_ID, 'hostile-stay'),
  {
    ...{ resourceType: 'Observation', id: 'hostile-note', status: 'final' },
    code: { text: hostile('code') },
    subject: { reference: `Patient/${HOSTILE_ID}` },
    effectiveDateTime: '2026-11-02T10:00:00Z',
    // As an HL7 v2 field arrives that somebody took over without unescaping it.
    valueString: `PID|1||815^^^MR||DOE^JANE\\X0D\\${hostile('segment')}`,
    note: [{ text: hostile('note') }],
    text: {
      status: 'additional',
      div:
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>HARMLESS WORDS</p>' +
        `<a href="javascript:window.touched='link'">a link</a></div>`,
    },
  },
  {
    ...{ resourceType: 'DocumentReference', id: 'hostile-letter', status: 'current' },
    type: { text: 'Letter' },
    subject: { reference: `Patient/${HOSTILE_ID}` },
    date: '2026-11-03T10:00:00Z',
    content: [
      {
        attachment: {
          ...{ contentType: 'text/html', title: hostile('title') },
          data: Buffer.from(page).toString('base64'),
        },
      },
      {
        attachment: {
          ...{ contentType: 'image/svg+xml', title: 'drawing' },
          data: Buffer.from('<svg onload="window.touched=1"/>').toString('base64'),
        },
      },
    ],
  },
]

export const LONG_ID = '3f0c1c52-9a58-4a53-8a5e-0a6f0c5a7b11'

/** A chart of a thousand entries. */
export const longChart: readonly object[] = [
  {
    ...{ resourceType: 'Patient', id: LONG_ID, gender: 'male', birthDate: '1948-02-29' },
    ...INVENTED,
    name: [{ family: 'Longfellow', given: ['Henry'] }],
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000026' }],
  },
  encounterOf(LONG_ID, 'long-stay'),
  {
    ...{ resourceType: 'AllergyIntolerance', id: 'long-allergy' },
    clinicalStatus: {
      coding: [{ system: `${TERMS}/allergyintolerance-clinical`, code: 'active' }],
    },
    code: { text: 'Allergy to penicillin' },
    patient: { reference: `Patient/${LONG_ID}` },
    recordedDate: '2019-04-01',
  },
  ...Array.from({ length: 998 }, (_, at) => ({
    ...{ resourceType: 'Observation', id: `long-${String(at)}`, status: 'final' },
    code: { text: at % 2 === 0 ? 'Heart rate' : 'Body weight' },
    subject: { reference: `Patient/${LONG_ID}` },
    effectiveDateTime: new Date(Date.UTC(2020, 0, 1) + at * 2 * 86_400_000).toISOString(),
    valueQuantity: { value: 60 + (at % 40), unit: at % 2 === 0 ? '/min' : 'kg' },
  })),
]

/** Somebody nobody here has to do with. */
export const STRANGER_NHS = '9990000034'
export const strangerChart: readonly object[] = [
  {
    ...{ resourceType: 'Patient', id: '7d5dd3b0-65f3-4f6e-8b4e-2f6d8ef0aa01' },
    ...{ gender: 'female', birthDate: '1990-01-01', ...INVENTED },
    name: [{ family: 'Quill', given: ['Ophelia'] }],
    identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: STRANGER_NHS }],
  },
  {
    ...{ resourceType: 'Condition', id: 'quill-1', code: { text: 'Anaphylaxis' } },
    subject: { reference: 'Patient/7d5dd3b0-65f3-4f6e-8b4e-2f6d8ef0aa01' },
    onsetDateTime: '2024-05-05',
  },
]

const PASSWORD = 'correct horse battery'
